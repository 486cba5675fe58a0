package bearersql_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// countJob counts in transactions.
func countJob(ctx context.Context, db *sql.DB, j job) error {
	store, err := bearersql.New(ctx, db, bearersql.Config{Prefix: j.Prefix})
	for range j.Times {
		if err == nil {
			err = addOne(ctx, store)
		}
	}
	return err
}

func addOne(ctx context.Context, store *bearersql.Store) error {
	return store.Transact(ctx, func(q bearersql.Querier) error {
		n, err := q.Number(ctx, "SELECT seq FROM {prefix}counter WHERE id = 1")
		if err != nil || n < 0 {
			return err
		}
		return q.Exec(ctx, "UPDATE {prefix}counter SET seq = seq + 1 WHERE id = 1")
	})
}

// TestTwoProcessesOfSQLite: two processes write to one file.
func TestTwoProcessesOfSQLite(t *testing.T) {
	times := 300
	if testing.Short() {
		times = 30
	}
	for name, options := range map[string][]string{
		"plain":                 nil,
		"without a log":         {"_pragma=journal_mode(DELETE)"},
		"with a busy timeout":   {"_pragma=busy_timeout(1000)"},
		"deferred transactions": {"_txlock=deferred"},
	} {
		t.Run(name, func(t *testing.T) {
			d := databaseOf(t, bearersql.SQLite)
			db := d.open(t, options...)
			store := newStore(t, db, bearersql.Config{})
			other := startProcess(t, d, options...)
			other.begin(t, job{Do: "count", Prefix: store.Prefix(), Times: times})
			done := make(chan error)
			for range 4 {
				go func() {
					var err error
					for range times / 4 {
						err = errors.Join(err, addOne(t.Context(), store))
					}
					done <- err
				}()
			}
			for range 4 {
				require.NoError(t, <-done)
			}
			require.NoError(t, other.end(t))
			assert.Equal(t, times+times/4*4, count(t, db, store.Prefix()))
		})
	}
}

// No way to end a transaction leaves something of it, or a connection in it.
func TestTransactions(t *testing.T) {
	errBroken := errors.New("broken")
	tests := []struct {
		name string
		end  func(cancel func()) error
		want string // of the error
	}{
		{"error", func(func()) error { return errBroken }, "bearersql: test: broken"},
		{"context", func(cancel func()) error { cancel(); return nil }, "bearersql: test: context canceled"},
		{"panic", func(func()) error { panic(errBroken) }, "broken"},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		db.SetMaxOpenConns(1)
		store := newStore(t, db, bearersql.Config{})
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				err := transactAndPanic(t, store, test.end)
				assert.EqualError(t, err, test.want)
				before := count(t, db, store.Prefix())
				require.NoError(t, addOne(t.Context(), store))
				assert.Equal(t, before+1, count(t, d.open(t), store.Prefix()), "as others see it")
			})
		}
		assert.Equal(t, len(tests), count(t, db, store.Prefix()))
		assert.Zero(t, db.Stats().InUse)
	})
}

// transactAndPanic adds 1000 in a transaction that ends in some way, and returns
// what it panicked with as an error.
func transactAndPanic(t *testing.T, store *bearersql.Store, end func(cancel func()) error) (err error) {
	t.Helper()
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return store.Transact(ctx, func(q bearersql.Querier) error {
		require.NoError(t, q.Exec(ctx, "UPDATE {prefix}counter SET seq = seq + 1000"))
		return end(cancel)
	})
}

// A transaction sees what others commit meanwhile, whatever the level of the
// connection: it is READ COMMITTED.
func TestTransactionLevel(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		if d.dialect == bearersql.SQLite {
			return // no other can commit
		}
		db := d.open(t, serializable(t, d))
		store := newStore(t, db, bearersql.Config{})
		const query = "SELECT seq FROM {prefix}counter WHERE id = 1"
		require.NoError(t, store.Transact(t.Context(), func(q bearersql.Querier) error {
			before, err := q.Number(t.Context(), query)
			require.NoError(t, err)
			require.NoError(t, addOne(t.Context(), store))
			after, err := q.Number(t.Context(), query)
			require.NoError(t, err)
			assert.Equal(t, before+1, after)
			return q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1 WHERE id = 1")
		}))
		assert.Equal(t, 2, count(t, db, store.Prefix()))
	})
}

// Of two transactions that wait for each other, the database ends one: it is tried
// again.
func TestDeadlock(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		if d.dialect == bearersql.SQLite {
			return // one transaction writes at a time
		}
		store := newStore(t, d.open(t), bearersql.Config{})
		require.NoError(t, store.Transact(t.Context(), func(q bearersql.Querier) error {
			return q.Exec(t.Context(), "INSERT INTO {prefix}counter (id, seq) VALUES (2, 0)")
		}))
		locked := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		calls := make(chan int, 100)
		lock := func(first int) error {
			isFirst := true
			return store.Transact(t.Context(), func(q bearersql.Querier) error {
				calls <- first
				err := q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1 WHERE id = ?", 1+first)
				if isFirst {
					isFirst = false
					close(locked[first])
					<-locked[1-first]
				}
				if err != nil {
					return err
				}
				return q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1 WHERE id = ?", 2-first)
			})
		}
		done := make(chan error)
		for i := range 2 {
			go func() { done <- lock(i) }()
		}
		require.NoError(t, errors.Join(<-done, <-done))
		assert.GreaterOrEqual(t, len(calls), 3)
		n, err := store.Reader().Number(t.Context(), "SELECT SUM(seq) FROM {prefix}counter")
		require.NoError(t, err)
		assert.Equal(t, int64(4), n)
	})
}

// A commit on a connection that is gone is an outage: it may have been done.
func TestCommitOfUnknownOutcome(t *testing.T) {
	for dialect, test := range map[bearersql.Dialect]struct{ id, kill, options string }{
		bearersql.PostgreSQL: {"SELECT pg_backend_pid()", "SELECT pg_terminate_backend($1)", "application_name=test"},
		bearersql.MySQL:      {"SELECT CONNECTION_ID()", "KILL ?", "interpolateParams=true"},
	} {
		t.Run(dialect.String(), func(t *testing.T) {
			d := databaseOf(t, dialect)
			db, other := d.open(t), d.open(t, test.options)
			store := newStore(t, db, bearersql.Config{})
			err := store.Transact(t.Context(), func(q bearersql.Querier) error {
				n, err := q.Number(t.Context(), test.id)
				require.NoError(t, err)
				require.NoError(t, q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1"))
				_, err = other.ExecContext(t.Context(), test.kill, n)
				return err
			})
			require.Error(t, err)
			require.NotErrorIs(t, err, issuer.ErrConflict)
			assert.Zero(t, count(t, db, store.Prefix()))
			require.NoError(t, addOne(t.Context(), store), "the store works again")
			assert.Equal(t, 1, count(t, db, store.Prefix()))
		})
	}
}
