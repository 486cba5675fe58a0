package bearersql_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// If changes may have been missed, all is forgotten, once; what comes after is
// told again.
func TestFeedLoses(t *testing.T) {
	failOver := func(more int) []string { // to a copy without the last changes, which then goes its own way
		statements := []string{
			"BEGIN", "DELETE FROM {prefix}changes WHERE seq > (SELECT seq FROM {prefix}counter) - 3",
			"UPDATE {prefix}counter SET seq = seq - 3",
		}
		for range more {
			statements = append(statements, "UPDATE {prefix}counter SET seq = seq + 1",
				"INSERT INTO {prefix}changes (seq, mark, client, at) SELECT seq, 1, 'c', 1 FROM {prefix}counter")
		}
		return append(statements, "COMMIT")
	}
	tests := []struct {
		name       string
		statements []string
		isEmpty    bool // afterwards
	}{
		{"failover to fewer changes", failOver(0), false},
		{"failover to as many changes", failOver(3), false},
		{"failover to more changes", failOver(7), false},
		{"emptied", []string{"DELETE FROM {prefix}changes"}, true},
		{"emptied and begun", append([]string{"BEGIN", "DELETE FROM {prefix}changes"}, failOver(5)[3:]...), false},
		{"all gone", []string{"BEGIN", "DELETE FROM {prefix}changes", "UPDATE {prefix}counter SET seq = 0", "COMMIT"}, true},
		{"a gap", append([]string{"BEGIN", "UPDATE {prefix}counter SET seq = seq + 1"}, failOver(1)[3:]...), false},
		{"a kind that is unknown", []string{
			"BEGIN", "UPDATE {prefix}counter SET seq = seq + 1",
			"INSERT INTO {prefix}changes (seq, mark, at) SELECT seq, 1, 1 FROM {prefix}counter", "COMMIT",
		}, false},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store, cache, do := followed(t, d)
		losses := 0
		for i, test := range tests {
			next := 1000 * i
			tell(t, store, keyChanges(next, next+5)...)
			cache.awaitTold(t, keyChanges(next, next+5)...)
			require.Equal(t, losses, cache.losses(), test.name)
			for _, statement := range test.statements {
				do(statement)
			}
			await(t, func() bool { return cache.losses() > losses }, test.name)
			losses++
			if test.isEmpty { // it is not known which change comes next
				tell(t, store, keyChange(next+10))
				losses++
				await(t, func() bool { return cache.losses() == losses }, test.name)
			}
			tell(t, store, keyChange(next+11))
			cache.awaitTold(t, keyChange(next+11))
			require.Equal(t, losses, cache.losses(), test.name)
		}
	})
}

// followed returns a store with a cache that is told of its changes, and a function
// that does what others might to its tables. Bound is long: nothing is forgotten
// because the machine is slow.
func followed(tb testing.TB, d database) (*bearersql.Store, *feedCache, func(statement string)) {
	tb.Helper()
	db := d.open(tb)
	config := quick()
	config.Bound = patience
	store := newStore(tb, db, config)
	cache, _ := follow(tb, store)
	conn, err := db.Conn(context.Background())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return store, cache, func(statement string) {
		tb.Helper()
		_, err := conn.ExecContext(context.Background(), bearersql.Rebound(store, statement))
		require.NoError(tb, err)
	}
}

// While the table is empty, the counter tells of changes that are told and removed,
// and no change is taken for the next one: a backup may have set the counter back.
func TestFeedLosesWhileEmpty(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store, cache, do := followed(t, d)
		for i, statement := range []string{
			"DELETE FROM {prefix}changes", "UPDATE {prefix}counter SET seq = seq + 7", "UPDATE {prefix}counter SET seq = seq - 3",
		} {
			do(statement)
			await(t, func() bool { return cache.losses() == i+1 }, statement)
		}
		tell(t, store, keyChanges(0, 3)...)
		await(t, func() bool { return cache.losses() == 4 }, "all is forgotten")
		tell(t, store, keyChange(3))
		cache.awaitTold(t, keyChange(3))
		assert.Equal(t, 4, cache.losses())
	})
}

// Ten thousand changes in one transaction are told, or all is forgotten.
func TestFeedOfOneTransaction(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store, cache, _ := followed(t, d)
		tell(t, store, keyChange(-1))
		cache.awaitTold(t, keyChange(-1))
		losses := 0
		for _, many := range []int{998, 999, 1000, 9900, 10_000} {
			changes := keyChanges(10*many, 11*many)
			tell(t, store, changes...)
			await(t, func() bool { return cache.missing(changes) == 0 || cache.losses() > losses }, "told or forgotten")
			assert.Equal(t, many == 10_000, cache.losses() > losses, many)
			losses = cache.losses()
		}
		tell(t, store, keyChange(-2))
		cache.awaitTold(t, keyChange(-2))
		assert.Equal(t, 1, losses)
	})
}

// Of 10,000 changes by 32 writers at once, each of which waits now and then between
// its statements, none is lost. MariaDB, which waits for its disk at each commit,
// gets fewer.
func TestFeedOfManyWriters(t *testing.T) {
	const writers = 32
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		each := 313
		switch {
		case isBrief():
			each = 10
		case d.dialect == bearersql.MySQL:
			each = 100
		}
		store, cache, _ := followed(t, d)
		writing := store
		if d.dialect != bearersql.SQLite {
			db, err := sql.Open(d.driver, d.dsn)
			require.NoError(t, err)
			defer func() { _ = db.Close() }()
			db.SetMaxOpenConns(writers)
			db.SetMaxIdleConns(writers)
			writing = bearersql.Sibling(store, db)
		}
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for n := range each {
					err := writing.Tell(t.Context(), func() {
						if n%10 == 0 {
							time.Sleep(rand.N(3 * time.Millisecond))
						}
					}, keyChange(w*each+n))
					if !assert.NoError(t, err) {
						return
					}
				}
			})
		}
		all.Wait()
		changes := keyChanges(0, writers*each)
		await(t, func() bool { return cache.missing(changes) == 0 || cache.losses() > 0 }, "told or forgotten")
		if cache.losses() > 0 {
			return // a machine that is too busy to keep up, or a gap that stayed for two reads
		}
		assert.Equal(t, writers*each, len(cache.inOrder()), "each is told once") //nolint:testifylint // Len shows them all
	})
}
