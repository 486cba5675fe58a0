package bearersql_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// assertOutage checks that an error is none of those that a store has for what is
// no outage.
func assertOutage(t *testing.T, err error) {
	t.Helper()
	for _, sentinel := range []error{issuer.ErrConflict, issuer.ErrExists, issuer.ErrFull, issuer.ErrNotFound} {
		assert.NotErrorIs(t, err, sentinel)
	}
}

// TestCanceledCalls ends the context of each call at a time that is a little later
// each time, so that each statement is met: all of the call was done or nothing,
// and no connection is lost.
func TestCanceledCalls(t *testing.T) {
	step := 100 * time.Microsecond
	if isBrief() {
		step *= 10
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		store := newStore(t, db, bearersql.Config{})
		for after := time.Duration(0); after < 4*time.Millisecond; after += step {
			within := func(call func(ctx context.Context) error) bool {
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				err := call(ctx)
				assertOutage(t, err)
				return err == nil
			}
			s := newSession(time.Now().UTC().Truncate(time.Microsecond))
			wasOpened := within(func(ctx context.Context) error {
				_, err := store.OpenSession(ctx, s, 5)
				return err
			})
			if _, err := store.GetSession(t.Context(), s.ID); wasOpened || err == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, issuer.ErrNotFound)
				put(t, store, s)
			}
			next := like(s)
			next.CreatedAt, next.ExpiresAt = s.ExpiresAt, s.ExpiresAt.Add(time.Hour)
			within(func(ctx context.Context) error {
				_, err := store.OpenSession(ctx, next, 5)
				return err
			})
			assert.Equal(t, s.Version, stored(t, store, s.ID).Version)

			s.EndedAt, s.Reason = s.CreatedAt, "logout"
			hasEnded := within(func(ctx context.Context) error { return store.ReplaceSession(ctx, s) })
			now := stored(t, store, s.ID)
			assert.Equal(t, now.Version == s.Version, now.EndedAt.IsZero())
			assert.False(t, hasEnded && now.EndedAt.IsZero())
			within(func(ctx context.Context) error { return store.EndSessions(ctx, s.Subject, "") })
			within(func(ctx context.Context) error {
				_, err := store.ListSessions(ctx, issuer.SessionQuery{Owner: "acme"})
				return err
			})
			within(func(ctx context.Context) error {
				_, err := store.Sweep(ctx, time.Now().Add(-time.Hour), 10)
				return err
			})
		}
		assert.Eventually(t, func() bool { return db.Stats().InUse == 0 }, 10*time.Second, 5*time.Millisecond)
	})
}

// TestKilledTransaction lets the server end the connection of a call that is in the
// middle of its transaction: it is an outage, and nothing was done.
func TestKilledTransaction(t *testing.T) {
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL} { // SQLite has no server
		t.Run(dialect.String(), func(t *testing.T) {
			d := databaseOf(t, dialect)
			admin, db, prefix := d.open(t), d.open(t), newPrefix()
			store := newStore(t, db, bearersql.Config{Prefix: prefix})
			s := newSession(time.Now())
			put(t, store, s)

			lock, err := admin.BeginTx(t.Context(), nil) // of the counter: the last that a transaction waits for
			require.NoError(t, err)
			_, err = lock.ExecContext(t.Context(), "UPDATE "+prefix+"counter SET seq = seq WHERE id = 1")
			require.NoError(t, err)
			_, err = lock.ExecContext(t.Context(), "SELECT seq FROM "+prefix+"counter WHERE id = 1 FOR UPDATE")
			require.NoError(t, err)
			calls := make(chan error)
			go func() { calls <- store.EndSessions(t.Context(), s.Subject, "") }()
			require.Eventually(t, func() bool { return d.killWaiting(t, admin, prefix) }, 20*time.Second, 20*time.Millisecond)
			err = <-calls
			require.Error(t, err)
			assertOutage(t, err)
			require.NoError(t, lock.Rollback())

			assert.True(t, stored(t, store, s.ID).EndedAt.IsZero())
			require.NoError(t, store.EndSessions(t.Context(), s.Subject, ""))
			assert.False(t, stored(t, store, s.ID).EndedAt.IsZero())
			assert.Zero(t, db.Stats().InUse)
		})
	}
}

// killWaiting ends the connection that waits for the counter, and reports whether
// there was one.
func (d database) killWaiting(t *testing.T, admin *sql.DB, prefix string) bool {
	t.Helper()
	find, kill := "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1",
		"SELECT pg_terminate_backend($1)"
	if d.dialect == bearersql.MySQL {
		find = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Sleep' AND info LIKE ?"
		kill = "KILL ?"
	}
	var id int
	err := admin.QueryRowContext(t.Context(), find, "%UPDATE "+prefix+"counter%").Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false
	}
	require.NoError(t, err)
	_, err = admin.ExecContext(t.Context(), kill, id)
	require.NoError(t, err)
	return true
}
