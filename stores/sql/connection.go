package bearersql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// standby returns the expression that says whether the server is a standby. On
// MySQL, a server that only reads is taken for one.
func (d Dialect) standby() string {
	switch d {
	case PostgreSQL:
		return "pg_is_in_recovery()"
	case MySQL:
		return "CONCAT(@@innodb_read_only, @@read_only) NOT IN ('00', 'OFFOFF')" // of MySQL, of MariaDB
	case SQLite:
	}
	return "0"
}

var errStandby = errors.New("the server is a standby, or only reads: a store needs the primary")

// primary scans what {standby} says in a query, and returns errStandby if the
// server is one: its answers may be old, so that what was revoked is not.
// Connections of a pool may be to several servers, above all while MySQL is
// switched over: so each record has to come from the primary.
type primary struct{}

// Scan implements [database/sql.Scanner].
func (*primary) Scan(value any) error {
	if bytes, ok := value.([]byte); ok {
		value = string(bytes)
	}
	switch value {
	case false, int64(0), "0":
		return nil
	}
	return errStandby
}

// onPrimary scans rows of which the first column is {standby}.
func onPrimary(scan scanner) scanner {
	return func(values ...any) error { return scan(append([]any{new(primary)}, values...)...) }
}

// checkConnection returns an error if the server is a standby, if the database
// cannot hold all texts, or if a connection has a setting that loses changes or
// texts without an error.
func (s *Store) checkConnection(ctx context.Context) error {
	var err error
	switch s.dialect {
	case PostgreSQL:
		err = s.checkPostgres(ctx)
	case MySQL:
		if err = s.checkMySQL(ctx); err == nil {
			err = s.checkBinlog(ctx)
		}
	case SQLite:
	}
	if errors.Is(err, errStandby) {
		err = errStandby
	}
	return s.explain("check the connection", err)
}

// checkPostgres is checkConnection for PostgreSQL.
func (s *Store) checkPostgres(ctx context.Context) error {
	var server, client string
	err := s.db.QueryRowContext(ctx, "SELECT "+s.dialect.standby()+", current_setting('server_encoding'),"+
		" current_setting('client_encoding')").Scan(new(primary), &server, &client)
	switch {
	case err != nil:
		return err
	case server != "UTF8":
		return fmt.Errorf("the database is in %s, which cannot hold all texts: it has to be in UTF8", server)
	case client != "UTF8":
		return fmt.Errorf("client_encoding is %s, so that texts would be lost: it has to be UTF8", client)
	}
	return nil
}

// checkMySQL is checkConnection for MySQL, in one query.
func (s *Store) checkMySQL(ctx context.Context) error {
	var autocommit, cutOff int
	var completion, mode, client, connection string
	err := s.db.QueryRowContext(ctx, "SELECT "+s.dialect.standby()+", @@autocommit, @@completion_type, @@sql_mode,"+
		" @@character_set_client, @@character_set_connection, @@sql_select_limit < 1000000000").
		Scan(new(primary), &autocommit, &completion, &mode, &client, &connection, &cutOff)
	switch {
	case err != nil:
		return err
	case autocommit != 1:
		return errors.New("autocommit is off, so that changes would be lost: remove it from the DSN")
	case completion != "NO_CHAIN" && completion != "0":
		return fmt.Errorf("completion_type is %s, so that changes would be lost: remove it from the DSN", completion)
	case cutOff != 0:
		return errors.New("sql_select_limit is set, so that records would be overlooked: remove it from the DSN")
	case slices.Contains(strings.Split(mode, ","), "EMPTY_STRING_IS_NULL"):
		return errors.New("sql_mode has EMPTY_STRING_IS_NULL, so that texts would be lost: set another in the DSN")
	case client != connection:
		return fmt.Errorf("character_set_client is %s and character_set_connection %s, so that texts would be lost: "+
			"set charset=utf8mb4 in the DSN, and neither of the two", client, connection)
	case slices.Contains(unescapable, client):
		return fmt.Errorf("character_set_client is %s, in which texts cannot be escaped: set charset=utf8mb4 in the DSN",
			client)
	}
	return nil
}

// checkBinlog returns an error if the server logs statements instead of rows: then
// it refuses each transaction of READ COMMITTED that writes. A version without the
// setting logs rows.
func (s *Store) checkBinlog(ctx context.Context) error {
	settings := make(map[string]string)
	rows, err := s.db.QueryContext(ctx, "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')")
	err = eachRow(rows, err, func(scan scanner) error {
		var name, value string
		err := scan(&name, &value)
		settings[name] = value
		return err
	})
	if err == nil && settings["log_bin"] == "ON" && settings["binlog_format"] == "STATEMENT" {
		err = errors.New("binlog_format is STATEMENT, so that nothing could be changed: set ROW or MIXED")
	}
	return err
}

// unescapable are the character sets in which a backslash may be the second byte
// of a character.
var unescapable = []string{"big5", "cp932", "gb18030", "gbk", "sjis"}
