package bearersql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A schemaState is what the tables say of themselves: the last migration that
// made them, and that of the oldest package that works with them. All zero: there
// are no tables.
type schemaState struct{ version, oldest int }

// check returns an error if a package of the version does not work with the
// tables.
func (h schemaState) check(version int) error {
	switch {
	case h.version == 0:
		return errors.New("there are no tables with this prefix that the user may see: call Migrate first, " +
			"or compare the Prefix, the database, its search_path and what the user is granted")
	case h.version < version:
		return fmt.Errorf("the tables have version %d, older than this package's %d: call Migrate first",
			h.version, version)
	case h.oldest > version:
		return fmt.Errorf("the tables have version %d, too new for this package's %d: use a newer package",
			h.version, version)
	}
	return nil
}

// schema asks the tables for their version.
func (s *Store) schema(ctx context.Context, q statements) (schemaState, error) {
	if s.dialect == PostgreSQL { // an error there would end the transaction
		there := false
		// Not in the other schemas of search_path: Migrate makes tables in the first. And
		// not by to_regclass: after the lock of a migration, it may not yet know a table.
		err := q.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables"+
			" WHERE schemaname = current_schema() AND tablename = '{prefix}schema')").Scan(&there)
		if err != nil || !there {
			return schemaState{}, err
		}
	}
	var have schemaState
	err := q.queryRow(ctx,
		"SELECT version, COALESCE(oldest, version) FROM {prefix}schema ORDER BY version DESC LIMIT 1",
	).Scan(&have.version, &have.oldest)
	if errors.Is(err, sql.ErrNoRows) || s.dialect.faultOf(err) == faultNoTable {
		return schemaState{}, nil
	}
	return have, err
}

// haveSchema is schema by itself.
func (s *Store) haveSchema(ctx context.Context) (have schemaState, err error) {
	err = s.tryRead(ctx, func(statements) error {
		have, err = s.schema(ctx, statements{s.db, s}) // which need not be prepared
		return err
	})
	return have, err
}

// checkSchema returns an error if a package of the version does not work with the
// tables.
func (s *Store) checkSchema(ctx context.Context, version int) error {
	have, err := s.haveSchema(ctx)
	return s.explain("check the schema", cmp.Or(err, have.check(version)))
}

// checkColumns returns an error if a table lacks a column: then it is none that
// [Migrate] made. A table that the user may not read is passed over.
func (s *Store) checkColumns(ctx context.Context) error {
	for _, t := range []struct {
		name    string
		columns columns
	}{
		{"keys", keyColumns}, {"secrets", columns{"hash", "key_id"}}, {"used", columns{"hash", "key_id", "at"}},
		{"clients", clientColumns}, {"sessions", append(columns{"live"}, sessionColumns...)}, {"users", userColumns},
		{"changes", columns{"seq", "mark", "hash", "session", "subject", "client", "at"}},
		{"counter", columns{"id", "seq"}},
	} {
		err := s.tryRead(ctx, func(statements) error {
			rows, err := statements{s.db, s}.queryOnce(ctx, "SELECT "+t.columns.of("t")+" FROM {prefix}"+t.name+" t WHERE 1 = 0")
			return eachRow(rows, err, func(scanner) error { return nil })
		})
		if err != nil && s.dialect.faultOf(err) != faultDenied {
			return s.explain("check the table "+s.config.Prefix+t.name, err)
		}
	}
	return nil
}

// numbered is how the versions of MySQL and MariaDB begin.
var numbered = regexp.MustCompile(`^\d+\.\d+\.`)

// dialectOf asks a database what it is, and its version. The zero dialect is one
// that is not known.
func dialectOf(ctx context.Context, db *sql.DB) (Dialect, string, error) {
	err := whileBusy(ctx, func() error { return db.PingContext(ctx) })
	if err != nil {
		return 0, "", fmt.Errorf("bearersql: connect: %w", err)
	}
	version, err := textOf(ctx, db, "SELECT version()")
	switch {
	case err != nil: // SQLite has no such function
		version, e := textOf(ctx, db, "SELECT sqlite_version()")
		if e != nil {
			return 0, "", fmt.Errorf("bearersql: ask the database what it is: %w", errors.Join(err, e))
		}
		return SQLite, version, nil
	case strings.HasPrefix(version, "PostgreSQL "):
		return PostgreSQL, version, nil
	case numbered.MatchString(version):
		return MySQL, version, nil
	}
	return 0, version, nil
}

func textOf(ctx context.Context, db *sql.DB, query string) (text string, err error) {
	err = whileBusy(ctx, func() error { return db.QueryRowContext(ctx, query).Scan(&text) })
	return text, err
}
