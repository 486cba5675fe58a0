package bearersql_test

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/blockauth/bearer/internal/services"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A database is one that tests may use. Its tables are told apart by prefixes.
type database struct {
	name    string // for subtests
	driver  string
	dsn     string
	dialect bearersql.Dialect
}

// eachDatabase runs a test on PostgreSQL, on MySQL and on a file of SQLite.
func eachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
		t.Run(dialect.String(), func(t *testing.T) { test(t, databaseOf(t, dialect)) })
	}
}

// databaseOf returns a database. That of SQLite is a new file.
func databaseOf(t testing.TB, dialect bearersql.Dialect) database {
	t.Helper()
	d := database{name: dialect.String(), dialect: dialect}
	switch dialect {
	case bearersql.PostgreSQL:
		d.driver, d.dsn = "pgx", services.Postgres(t)
	case bearersql.MySQL:
		d.driver, d.dsn = "mysql", services.MySQL(t)
	case bearersql.SQLite:
		d.driver, d.dsn = "sqlite", "file:"+filepath.Join(t.TempDir(), "bearer.db")
	}
	return d
}

// with returns the DSN with more options, as in "a=b".
func (d database) with(options ...string) string {
	dsn := d.dsn
	for _, option := range options {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		dsn += separator + option
	}
	return dsn
}

// open opens the database with more options of the DSN, and closes it at the end.
func (d database) open(t testing.TB, options ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.with(options...))
	require.NoError(t, err)
	db.SetMaxOpenConns(10)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newPrefix returns a prefix that no other test has.
func newPrefix() string { return "t" + strings.ToLower(rand.Text()[:12]) + "_" }

// newStore returns a store with tables of its own, which are dropped at the end.
func newStore(t testing.TB, db *sql.DB, config bearersql.Config) *bearersql.Store {
	t.Helper()
	if config.Prefix == "" {
		config.Prefix = newPrefix()
	}
	dropTables(t, db, config.Prefix)
	require.NoError(t, bearersql.Migrate(t.Context(), db, config))
	store, err := bearersql.New(t.Context(), db, config)
	require.NoError(t, err)
	return store
}

// dropTables drops the tables with the prefix at the end.
func dropTables(t testing.TB, db *sql.DB, prefix string) {
	t.Helper()
	t.Cleanup(func() {
		for _, table := range []string{
			"keys", "secrets", "used", "clients", "sessions", "users", "changes", "counter", "schema",
		} {
			_, err := db.Exec("DROP TABLE IF EXISTS " + prefix + table)
			require.NoError(t, err)
		}
	})
}
