package bearersql_test

import (
	"crypto/rand"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

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

// eachDatabase runs a test on PostgreSQL, on MySQL and on a file of SQLite, at the
// same time. No goroutine may be left by them.
func eachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	services.Goroutines(t)
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
		t.Run(dialect.String(), func(t *testing.T) {
			parallel(t)
			test(t, databaseOf(t, dialect))
		})
	}
}

// parallel lets subtests run at the same time. The tests themselves do not: each
// server has room for the connections of one.
func parallel(t interface{ Parallel() }) { t.Parallel() }

// databaseOf returns a database. That of SQLite is a new file. In a test, no commit
// waits for the disk where a connection can be told so.
func databaseOf(tb testing.TB, dialect bearersql.Dialect) database {
	tb.Helper()
	d := database{name: dialect.String(), dialect: dialect}
	_, isTest := tb.(*testing.T)
	switch dialect {
	case bearersql.PostgreSQL:
		d.driver, d.dsn = "pgx", services.Postgres(tb)
		if isTest {
			d.dsn = d.with("synchronous_commit=off")
		}
	case bearersql.MySQL:
		d.driver, d.dsn = "mysql", services.MySQL(tb)
	case bearersql.SQLite:
		d.driver, d.dsn = "sqlite", "file:"+filepath.Join(tb.TempDir(), "bearer.db")
		if isTest {
			d.dsn = d.with("_pragma=synchronous(OFF)")
		}
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
func (d database) open(tb testing.TB, options ...string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(d.driver, d.with(options...))
	require.NoError(tb, err)
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// newPrefix returns a prefix that no other test has.
func newPrefix() string { return "t" + strings.ToLower(rand.Text()[:12]) + "_" }

// newStore returns a store with tables of its own, which are dropped at the end.
func newStore(tb testing.TB, db *sql.DB, config bearersql.Config) *bearersql.Store {
	tb.Helper()
	if config.Prefix == "" {
		config.Prefix = newPrefix()
	}
	dropTables(tb, db, config.Prefix)
	require.NoError(tb, bearersql.Migrate(tb.Context(), db, config))
	store, err := bearersql.New(tb.Context(), db, config)
	require.NoError(tb, err)
	return store
}

// tables are the names of all tables, without their prefix.
var tables = []string{
	"keys", "secrets", "used", "clients", "sessions", "users", "changes", "counter", "schema",
}

// dropTables drops the tables of a server with the prefix at the end.
func dropTables(tb testing.TB, db *sql.DB, prefix string) {
	tb.Helper()
	tb.Cleanup(func() {
		if _, isFile := db.Driver().(*sqlite.Driver); isFile {
			return // which goes with its directory
		}
		_, err := db.Exec("DROP TABLE IF EXISTS " + prefix + strings.Join(tables, ", "+prefix))
		require.NoError(tb, err)
	})
}

// count returns the counter of the tables with the prefix.
func count(t *testing.T, db *sql.DB, prefix string) (n int) {
	t.Helper()
	require.NoError(t, patiently(func() error {
		return db.QueryRowContext(t.Context(), "SELECT seq FROM "+prefix+"counter WHERE id = 1").Scan(&n)
	}))
	return n
}

// patiently does what the store does by itself: it tries again if a file of SQLite
// is locked.
func patiently(do func() error) error {
	for range 1000 {
		if err := do(); err == nil || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return do()
}
