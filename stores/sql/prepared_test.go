package bearersql_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestOneRoundTrip: look-ups on MySQL prepare nothing after the first one, also on
// connections that come and go.
func TestOneRoundTrip(t *testing.T) {
	db := databaseOf(t, bearersql.MySQL).open(t)
	db.SetMaxOpenConns(1)
	keys := newStore(t, db, bearersql.Config{}).KeyStore()
	lookUp := func() {
		t.Helper()
		_, err := keys.FindKey(t.Context(), bearer.KeyHash{1})
		require.ErrorIs(t, err, bearer.ErrKeyNotFound)
	}
	lookUp()
	before := preparedBy(t, db)
	for range 10 {
		lookUp()
	}
	assert.Equal(t, before, preparedBy(t, db))

	db.SetMaxIdleConns(-1) // each look-up has a new connection
	for range 10 {
		lookUp()
	}
	db.SetMaxIdleConns(1)
	lookUp()
	assert.Equal(t, 1, preparedBy(t, db), "once by the new connection")
	assert.Zero(t, db.Stats().InUse)
}

// If a server has no room for more statements, those of a store are given up, and
// its calls go on.
func TestServerFullOfStatements(t *testing.T) {
	server := services.StartMariaDB(t, "--max-prepared-stmt-count=30")
	db := database{driver: "mysql", dsn: server.URL()}.open(t)
	store := newStore(t, db, bearersql.Config{})
	keys := store.KeyStore()
	calls := []func() error{
		func() error { _, err := keys.FindKey(t.Context(), bearer.KeyHash{1}); return err },
		func() error { _, err := store.KeyByHash(t.Context(), bearer.KeyHash{1}); return err },
		func() error { _, err := store.GetKey(t.Context(), "o", "k"); return err },
		func() error { _, err := store.GetSession(t.Context(), "s"); return err },
		func() error { _, err := store.FindClient(t.Context(), "c"); return err },
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for n := range 100 {
				err := calls[n%len(calls)]()
				if !errors.Is(err, issuer.ErrNotFound) && !errors.Is(err, bearer.ErrKeyNotFound) {
					assert.NoError(t, err)
				}
			}
		})
	}
	all.Wait()
	var name string
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Scan(&name, &n))
	assert.Zero(t, n)
}

// preparedBy returns how many statements the connection has prepared.
func preparedBy(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	row := db.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
	require.NoError(t, row.Scan(new(string), &n))
	return n
}
