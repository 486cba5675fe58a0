package bearersql_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// Each change is told, in order; State tells the truth at each step.
func TestWatch(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		began := time.Now()
		store := newStore(t, db, quick())
		state := store.State()
		assert.Equal(t, bearersql.Blind, state.Mode, "Watch was not called")
		require.EqualError(t, state.Err, "bearersql: watch: no call of Watch is running")
		assert.WithinRange(t, state.Since, began, time.Now())
		tell(t, store, keyChange(0))

		cache, stop := follow(t, store)
		state = store.State()
		assert.Equal(t, bearersql.Polling, state.Mode)
		require.NoError(t, state.Err, "there is no listener")
		assert.WithinRange(t, state.Since, began, time.Now())

		changes := append(keyChanges(1, 4),
			issuer.Change{Session: "se_1 ü"}, issuer.Change{Subject: "user:1"}, issuer.Change{Client: "client"})
		tell(t, store, changes[:2]...)
		for _, c := range changes[2:] {
			tell(t, store, c)
		}
		cache.awaitTold(t, changes...)
		assert.Equal(t, changes, cache.inOrder(), "no change from before, and each one once")
		assert.Zero(t, cache.losses())
		assert.Equal(t, state, store.State(), "nothing changed")

		stop()
		assert.True(t, cache.isSuspended())
		state = store.State()
		assert.Equal(t, bearersql.Blind, state.Mode)
		require.EqualError(t, state.Err, "bearersql: watch: no call of Watch is running")
		assert.Zero(t, db.Stats().InUse)
		tell(t, store, keyChange(9))
		assert.Equal(t, changes, cache.inOrder())
	})
}

// Two issuers may share a store: each is told all, and State is the worst.
func TestWatchTwice(t *testing.T) {
	services.Goroutines(t)
	store := newStore(t, databaseOf(t, bearersql.SQLite).open(t), quick())
	first, stop := follow(t, store)
	since := store.State().Since
	second, _ := follow(t, store)
	tell(t, store, keyChange(1))
	first.awaitTold(t, keyChange(1))
	second.awaitTold(t, keyChange(1))
	assert.Equal(t, 1, first.resumes())

	stop()
	awaitMode(t, store, bearersql.Polling)
	assert.False(t, store.State().Since.Before(since))
	tell(t, store, keyChange(2))
	second.awaitTold(t, keyChange(2))
	assert.Equal(t, 1, first.missing(keyChanges(2, 3)))
}

// What cannot be followed is said, and each call that could be told nothing fails.
func TestFeedWithoutTables(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		config := quick()
		db := d.open(t)
		store := newStore(t, db, config)
		_, err := db.Exec("DELETE FROM " + config.Prefix + "counter")
		require.NoError(t, err)
		err = store.Tell(t.Context(), func() {}, keyChange(1))
		require.ErrorContains(t, err, "bearersql: tell: count the changes: the table of the counter is empty")

		_, err = db.Exec("DROP TABLE " + config.Prefix + "changes")
		require.NoError(t, err)
		cache := newFeedCache()
		watch(t, store, cache)
		await(t, func() bool {
			err := store.State().Err
			return err != nil && err.Error() != "bearersql: watch: no call of Watch is running"
		}, "State tells why")
		assert.Equal(t, bearersql.Blind, store.State().Mode)
		require.ErrorContains(t, store.State().Err, "bearersql: read the changes: ")
		assert.True(t, cache.isSuspended())
		assert.Zero(t, cache.resumes())
	})
}

// A number that is taken is no record that exists already, which an issuer would
// take for something else.
func TestFeedWithOldCounter(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		config := quick()
		db := d.open(t)
		store := newStore(t, db, config)
		tell(t, store, keyChanges(0, 3)...)
		_, err := db.Exec("UPDATE " + config.Prefix + "counter SET seq = 1")
		require.NoError(t, err)
		err = store.Tell(t.Context(), func() {}, keyChange(1))
		require.ErrorContains(t, err, "the counter is behind the changes")
		require.NotErrorIs(t, err, issuer.ErrExists)
		require.NotErrorIs(t, err, issuer.ErrConflict)
	})
}

// The modes have names for metrics and logs.
func TestFeedMode(t *testing.T) {
	for mode, want := range map[bearersql.FeedMode]string{
		bearersql.Blind: "blind", bearersql.Polling: "polling", bearersql.Live: "live", 7: "blind",
	} {
		assert.Equal(t, want, mode.String())
	}
	assert.Equal(t, bearersql.Blind, bearersql.FeedState{}.Mode)
}

// Old changes are swept, but the newest never: it says where they end.
func TestSweepChanges(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), quick())
		cache, _ := follow(t, store)
		tell(t, store, keyChanges(0, 10)...)
		cache.awaitTold(t, keyChanges(0, 10)...)
		sweep := func(before time.Duration, limit int) int {
			n, err := bearersql.SweepChanges(store, context.Background(), time.Now().Add(before), limit)
			require.NoError(t, err)
			return n
		}
		assert.Zero(t, sweep(-time.Minute, 100), "none is older")
		assert.Zero(t, sweep(time.Minute, 0))
		assert.Equal(t, 4, sweep(time.Minute, 4))
		assert.Equal(t, 6, sweep(time.Minute, 100), "one was told before")
		assert.Zero(t, sweep(time.Minute, 100))
		tell(t, store, keyChange(10))
		cache.awaitTold(t, keyChange(10))
		assert.Zero(t, cache.losses(), "what was swept had been told")
	})
}
