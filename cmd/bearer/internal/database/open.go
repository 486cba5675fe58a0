// Package database opens the stores of bearer in PostgreSQL, MySQL, MariaDB and
// SQLite by a URL.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

const connectTimeout = 5 * time.Second

// Open returns the database of a URL, postgres://… or mysql://…, or of the path of
// a file of SQLite, which has to be there unless it may be made; sqlite: may stand
// in front of it. It does not connect. No error has a password.
func Open(text string, mayMake bool) (*sql.DB, error) {
	if path, named := strings.CutPrefix(text, "sqlite:"); named {
		return openFile(strings.TrimPrefix(path, "//"), mayMake)
	}
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		config, err := pgx.ParseConfig(text)
		if err != nil {
			return nil, errors.New("not a URL: postgres://user:password@host:5432/name") // err may have the password
		}
		if config.ConnectTimeout == 0 {
			config.ConnectTimeout = connectTimeout
		}
		return stdlib.OpenDB(*config), nil
	case scheme == "mysql":
		config, err := mysqlConfig(text)
		if err != nil {
			return nil, err
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, errors.New("the parameters of the URL are none of MySQL") // err may have what it holds
		}
		return sql.OpenDB(connector), nil
	case isURL:
		return nil, errors.New("the scheme is postgres or mysql; SQLite is named by the path of its file")
	}
	return openFile(text, mayMake)
}

// HasPassword reports whether a URL has a password.
func HasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// openFile opens a file of SQLite, which other processes may write too.
func openFile(path string, mayMake bool) (*sql.DB, error) {
	if strings.HasPrefix(path, "file:") || strings.Contains(path, ":memory:") {
		return nil, errors.New("SQLite is named by the path of its file, not by a DSN")
	}
	if _, err := os.Stat(path); err != nil && !mayMake {
		return nil, errors.New("there is no such file: keys migrate makes one") // its name may be a DSN
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)"}, "_txlock": {"immediate"}}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas.Encode())
}

// mysqlConfig returns the config that a URL stands for. Its query holds parameters
// of a DSN: tls=true, say.
func mysqlConfig(text string) (*mysql.Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL: mysql://user:password@host:3306/name") // err has the password
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	named := mysql.NewConfig()
	named.User, named.Net, named.Addr = u.User.Username(), "tcp", net.JoinHostPort(u.Hostname(), port)
	named.Passwd, _ = u.User.Password()
	named.DBName = strings.TrimPrefix(u.Path, "/")
	named.Timeout = connectTimeout
	named.RejectReadOnly = true
	dsn := named.FormatDSN()
	if u.RawQuery != "" {
		dsn += "&" + u.RawQuery
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the parameters of the URL are none of MySQL") // err may have what it holds
	}
	config.Logger = &mysql.NopLogger{} // the errors are returned too
	return config, nil
}

// Store returns the store in a database.
func Store(ctx context.Context, db *sql.DB, prefix string) (*bearersql.Store, error) {
	store, err := bearersql.New(ctx, db, bearersql.Config{Prefix: prefix})
	if err != nil && strings.Contains(err.Error(), "call Migrate") {
		return nil, fmt.Errorf("%w; keys migrate does", err)
	}
	return store, err
}
