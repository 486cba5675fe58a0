package bearersql_test

import (
	"database/sql"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestWrongDSN: the error names the step, and holds no password.
func TestWrongDSN(t *testing.T) {
	const password = "correct-horse"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nothing := listener.Addr().String()
	require.NoError(t, listener.Close())

	postgres, err := url.Parse(databaseOf(t, bearersql.PostgreSQL).dsn)
	require.NoError(t, err)
	pg := func(change func(u *url.URL)) string {
		u := *postgres
		change(&u)
		return u.String()
	}
	my := func(change func(c *mysql.Config)) string {
		c, err := mysql.ParseDSN(databaseOf(t, bearersql.MySQL).dsn)
		require.NoError(t, err)
		change(c)
		return c.FormatDSN()
	}
	set := func(name, value string) string { return databaseOf(t, bearersql.MySQL).with(name + "=" + value) }
	tests := []struct {
		name, driver, dsn string
		want              string
	}{
		{"postgres, nothing listens", "pgx", pg(func(u *url.URL) { u.Host = nothing }), "connect: "},
		{"postgres, no such user", "pgx",
			pg(func(u *url.URL) { u.User = url.UserPassword("bearer_none", password) }), "connect: "},
		{"postgres, no such database", "pgx", pg(func(u *url.URL) { u.Path = "/bearer_none" }), "connect: "},
		{"postgres, no URL", "pgx", "postgres://a b", "connect: "},
		{"mysql, nothing listens", "mysql", my(func(c *mysql.Config) { c.Addr = nothing }), "connect: "},
		{"mysql, wrong password", "mysql",
			my(func(c *mysql.Config) { c.User, c.Passwd = "bearer_none", password }), "connect: "},
		{"mysql, no such database", "mysql", my(func(c *mysql.Config) { c.DBName = "bearer_none" }), "connect: "},
		{"mysql, no database", "mysql", my(func(c *mysql.Config) { c.DBName = "" }), "the schema: Error 1046"},
		{"mysql, changes that are not committed", "mysql",
			my(func(c *mysql.Config) { c.Params = map[string]string{"autocommit": "0"} }),
			"check the connection: autocommit is off"},
		{"postgres, another encoding", "pgx", inLatin1(t, databaseOf(t, bearersql.PostgreSQL)),
			"check the connection: the database is in LATIN1"},
		{"postgres, a client of another encoding", "pgx", databaseOf(t, bearersql.PostgreSQL).with("client_encoding=LATIN1"),
			"check the connection: client_encoding is LATIN1"},
		{"mysql, answers that are cut off", "mysql", set("sql_select_limit", "1"), "check the connection: sql_select_limit is set"},
		{"mysql, transactions in a chain", "mysql", set("completion_type", "1"), "check the connection: completion_type is "},
		{"mysql, connections that end", "mysql", set("completion_type", "2"), "check the connection: completion_type is "},
		{"mysql, texts of another character set", "mysql", set("character_set_connection", "latin1"),
			"check the connection: character_set_client is utf8mb4 and character_set_connection latin1"},
		{"mysql, clients of another character set", "mysql", set("character_set_client", "latin1"),
			"check the connection: character_set_client is latin1 and character_set_connection utf8mb4"},
		{"mysql, texts that cannot be escaped", "mysql", set("charset", "gbk"),
			"check the connection: character_set_client is gbk, in which texts cannot be escaped"},
		{"sqlite, no such directory", "sqlite", "file:/none/bearer.db", "connect: "},
		{"sqlite, no database", "sqlite", "file:" + textFile(t), "connect: file is not a database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db, err := sql.Open(test.driver, test.dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			_, newErr := bearersql.New(t.Context(), db, bearersql.Config{})
			for _, err := range []error{newErr, bearersql.Migrate(t.Context(), db, bearersql.Config{})} {
				require.Error(t, err)
				assert.True(t, strings.HasPrefix(err.Error(), "bearersql: "), err)
				assert.ErrorContains(t, err, test.want)
				assert.NotContains(t, err.Error(), password)
			}
			assert.Zero(t, db.Stats().InUse)
		})
	}
}

// TestStatementLog: a server that could change nothing in a transaction of READ
// COMMITTED is refused.
func TestStatementLog(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	server := services.StartMariaDB(t, "--log-bin", "--binlog-format=STATEMENT")
	db := database{driver: "mysql", dsn: server.URL()}.open(t)
	_, err := bearersql.New(t.Context(), db, bearersql.Config{})
	require.EqualError(t, err, "bearersql: check the connection: "+
		"binlog_format is STATEMENT, so that nothing could be changed: set ROW or MIXED")
}

// inLatin1 returns the DSN of a database that lacks most characters.
func inLatin1(t *testing.T, d database) string {
	t.Helper()
	db, name := d.open(t), "bearer_"+strings.TrimSuffix(newPrefix(), "_")
	_, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		require.NoError(t, err)
	})
	u, err := url.Parse(d.dsn)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func textFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "bearer.db")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("no database ", 1000)), 0o600))
	return name
}

// TestReadOnly: one who only reads can guard, and is told so by each
// change.
func TestReadOnly(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		prefix := newStore(t, db, bearersql.Config{}).Prefix()
		reader := readOnly(t, d, db, prefix)

		require.NoError(t, bearersql.Migrate(t.Context(), reader, bearersql.Config{Prefix: prefix}), "nothing to do")
		store, err := bearersql.New(t.Context(), reader, bearersql.Config{Prefix: prefix})
		require.NoError(t, err)
		_, err = store.KeyStore().FindKey(t.Context(), bearer.KeyHash{})
		require.ErrorIs(t, err, bearer.ErrKeyNotFound)

		err = store.CreateClient(t.Context(), issuer.Client{ID: "a", Owner: "b"})
		require.ErrorContains(t, err, "bearersql: create the client: ")
		require.NotErrorIs(t, err, issuer.ErrConflict)
		require.NotErrorIs(t, err, issuer.ErrExists)
		_, err = store.FindClient(t.Context(), "a")
		require.ErrorIs(t, err, issuer.ErrNotFound)

		other := bearersql.Config{Prefix: newPrefix()}
		dropTables(t, db, other.Prefix)
		require.ErrorContains(t, bearersql.Migrate(t.Context(), reader, other), "bearersql: migrate: ")
		_, err = bearersql.New(t.Context(), reader, other)
		require.ErrorContains(t, err, "bearersql: check the schema: ")
		assert.Zero(t, reader.Stats().InUse)
	})
}

// readOnly opens the database as a user who may read the tables alone.
func readOnly(t *testing.T, d database, db *sql.DB, prefix string) *sql.DB {
	t.Helper()
	user := strings.TrimSuffix(newPrefix(), "_")
	run := func(statements ...string) {
		for _, s := range statements {
			_, err := db.Exec(s)
			require.NoError(t, err)
		}
	}
	switch d.dialect {
	case bearersql.PostgreSQL:
		run("CREATE ROLE " + user + " LOGIN PASSWORD 'secret'")
		t.Cleanup(func() { run("DROP OWNED BY "+user, "DROP ROLE "+user) })
		for _, table := range tables {
			run("GRANT SELECT ON " + prefix + table + " TO " + user)
		}
		u, err := url.Parse(d.dsn)
		require.NoError(t, err)
		u.User = url.UserPassword(user, "secret")
		d.dsn = u.String()
	case bearersql.MySQL:
		run("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'secret'")
		t.Cleanup(func() { run("DROP USER '" + user + "'@'%'") })
		for _, table := range tables {
			run("GRANT SELECT ON " + prefix + table + " TO '" + user + "'@'%'")
		}
		c, err := mysql.ParseDSN(d.dsn)
		require.NoError(t, err)
		c.User, c.Passwd = user, "secret"
		d.dsn = c.FormatDSN()
	case bearersql.SQLite:
		return d.open(t, "mode=ro")
	}
	return d.open(t)
}

// TestFullDisk: a disk without room is an error of each change. The
// store still reads, and works again once there is room.
func TestFullDisk(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		directory := smallDisk(t)
		d := databaseOf(t, bearersql.SQLite)
		d.dsn = "file:" + filepath.Join(directory, "bearer.db")
		filler := filepath.Join(directory, "filler")
		testFullDisk(t, d.open(t), func() { fill(t, filler) }, func() { require.NoError(t, os.Remove(filler)) })
	})
	t.Run("pages", func(t *testing.T) {
		db := databaseOf(t, bearersql.SQLite).open(t)
		db.SetMaxOpenConns(1)
		limit := func(pages string) {
			_, err := db.ExecContext(t.Context(), "PRAGMA max_page_count="+pages)
			require.NoError(t, err)
		}
		testFullDisk(t, db, func() { limit("1") }, func() { limit("100000") }) // never less than there are
	})
}

func testFullDisk(t *testing.T, db *sql.DB, fillUp, makeRoom func()) {
	t.Helper()
	store := newStore(t, db, bearersql.Config{})
	client := issuer.Client{ID: "a", Owner: "b", Name: strings.Repeat("x", 100_000)}
	fillUp()
	for range 3 {
		err := store.CreateClient(t.Context(), client)
		require.ErrorContains(t, err, "bearersql: create the client: ")
		require.NotErrorIs(t, err, issuer.ErrConflict)
	}
	_, err := store.FindClient(t.Context(), client.ID)
	require.ErrorIs(t, err, issuer.ErrNotFound)
	_, err = bearersql.New(t.Context(), db, bearersql.Config{Prefix: store.Prefix()})
	require.NoError(t, err)
	assert.Zero(t, db.Stats().InUse)

	makeRoom()
	require.NoError(t, store.CreateClient(t.Context(), client))
	found, err := store.FindClient(t.Context(), client.ID)
	require.NoError(t, err)
	assert.Equal(t, client.Name, found.Name)
}

// smallDisk mounts a disk of 2 MB. In a container, no one may: there, the limit of
// pages has to do.
func smallDisk(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", directory).CombinedOutput()
	if err != nil {
		t.Skipf("no disk can be mounted here (%v: %s); the limit of pages shows the same", err, out)
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", "-l", directory).Run()) })
	return directory
}

// fill writes a file until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.NoError(t, file.Close())
}
