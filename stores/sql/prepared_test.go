package bearersql_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

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
	await(t, func() bool {
		var n int
		row := db.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
		require.NoError(t, row.Scan(new(string), &n))
		return n == 0
	}, "no statement is left")
}

// Who gives statements up does not wait for a call that executes one of them.
func TestFullWhileOneWaits(t *testing.T) {
	server := services.StartMariaDB(t, "--max-prepared-stmt-count=30")
	d := database{driver: "mysql", dsn: server.URL()}
	config := bearersql.Config{Prefix: newPrefix()}
	store := newStore(t, d.open(t), config)
	session := newSession(time.Now())
	put(t, store, session)
	others := d.open(t)
	tx, err := others.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "UPDATE "+config.Prefix+"sessions SET label = 'x' WHERE id = ?", session.ID)
	require.NoError(t, err)
	refreshed := make(chan error, 1)
	go func() { refreshed <- store.ReplaceSession(context.WithoutCancel(t.Context()), session) }()
	await(t, func() bool {
		var n int
		row := others.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE%'")
		require.NoError(t, row.Scan(&n))
		return n > 0
	}, "the refresh waits")
	filler, err := others.Conn(t.Context())
	require.NoError(t, err)
	for err == nil {
		_, err = filler.PrepareContext(t.Context(), "SELECT 1") //nolint:sqlclosecheck // they fill the server
	}
	_, err = store.KeyStore().FindKey(t.Context(), bearer.KeyHash{1})
	require.Error(t, err) // not found, or no room
	select {
	case err := <-refreshed:
		require.Fail(t, "the refresh does not wait", err)
	default:
	}
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-refreshed)
}

// preparedBy returns how many statements the connection has prepared.
func preparedBy(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	row := db.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
	require.NoError(t, row.Scan(new(string), &n))
	return n
}
