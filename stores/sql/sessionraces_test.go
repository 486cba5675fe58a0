package bearersql_test

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestSessionRaces: of calls at the same time one wins, nothing is
// lost, and there is no error but what the rules allow. The isolation of the
// connections is the default one of the database, and the strictest.
func TestSessionRaces(t *testing.T) {
	races := []struct {
		name string
		part int // of the rounds: one of so many
		run  func(t *testing.T, store *bearersql.Store)
	}{
		{"open one", 1, raceToOpen},
		{"open one that has expired", 1, raceToReopen},
		{"open many up to the max", 3, raceForRoom},
		{"refresh", 1, raceToRefresh},
		{"refresh while all end", 3, raceRefreshWithEnd},
		{"open while all end", 3, raceOpenWithEnd},
		{"refresh one that has expired while it is opened", 3, raceRefreshWithReopen},
		{"take a name", 3, raceForName},
		{"sweep while one is opened", 3, raceSweepWithOpen},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		run := func(t *testing.T, rounds int, options ...string) {
			t.Helper()
			store := newStore(t, d.openMany(t, options...), bearersql.Config{})
			for _, r := range races {
				t.Run(r.name, func(t *testing.T) {
					for range max(rounds/r.part, 1) {
						r.run(t, store)
					}
				})
			}
		}
		t.Run("default", func(t *testing.T) { run(t, rounds()) })
		if strict := serializable(t, d); strict != "" && !isBrief() {
			t.Run("serializable", func(t *testing.T) { run(t, rounds()/5, strict) })
		}
	})
}

func raceToOpen(t *testing.T, store *bearersql.Store) {
	t.Helper()
	first := newSession(time.Now())
	var opened [racers]issuer.Session
	race(racers, func(i int) {
		var err error
		opened[i], err = store.OpenSession(t.Context(), like(first), 1)
		assert.NoError(t, err)
	})
	for i := range opened {
		require.Equal(t, opened[0].ID, opened[i].ID)
	}
	all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: first.Subject})
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

func raceToReopen(t *testing.T, store *bearersql.Store) {
	t.Helper()
	old := newSession(time.Now().Add(-2 * time.Hour).Truncate(time.Second))
	put(t, store, old)
	var opened [racers]issuer.Session
	race(racers, func(i int) {
		next := like(old)
		next.CreatedAt, next.ExpiresAt = old.ExpiresAt, old.ExpiresAt.Add(time.Hour)
		var err error
		opened[i], err = store.OpenSession(t.Context(), next, 1)
		assert.NoError(t, err)
	})
	for i := range opened {
		require.Equal(t, opened[0].ID, opened[i].ID)
	}
	require.NotEqual(t, old.ID, opened[0].ID)
	all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: old.Subject})
	require.NoError(t, err)
	assert.Len(t, all, 2)
	assert.Equal(t, old.Version, stored(t, store, old.ID).Version)
}

func raceForRoom(t *testing.T, store *bearersql.Store) {
	t.Helper()
	const most = 8
	first := newSession(time.Now())
	other := func() issuer.Session {
		s := like(first)
		s.Name = rand.Text()
		return s
	}
	var opened atomic.Int64
	race(racers, func(int) {
		if _, err := store.OpenSession(t.Context(), other(), most); err == nil {
			opened.Add(1)
		} else {
			assert.ErrorIs(t, err, issuer.ErrFull)
		}
	})
	assert.GreaterOrEqual(t, int(opened.Load()), most)
	all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: first.Subject})
	require.NoError(t, err)
	assert.Len(t, all, int(opened.Load()))
	_, err = store.OpenSession(t.Context(), other(), most)
	assert.ErrorIs(t, err, issuer.ErrFull)
}

func raceToRefresh(t *testing.T, store *bearersql.Store) {
	t.Helper()
	s := newSession(time.Now())
	put(t, store, s)
	var won atomic.Int64
	winner := ""
	race(racers, func(i int) {
		next := s
		next.Label, next.ExpiresAt = fmt.Sprint(i), s.ExpiresAt.Add(time.Minute)
		switch err := store.ReplaceSession(t.Context(), next); {
		case err == nil:
			won.Add(1)
			winner = next.Label
		default:
			assert.ErrorIs(t, err, issuer.ErrConflict)
		}
	})
	require.EqualValues(t, 1, won.Load())
	now := stored(t, store, s.ID)
	assert.Equal(t, winner, now.Label)
	assert.Equal(t, s.Version+1, now.Version)
}
