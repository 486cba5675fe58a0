package bearersql_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

func raceRefreshWithEnd(t *testing.T, store *bearersql.Store) {
	t.Helper()
	sessions := make([]issuer.Session, racers-1)
	subject := "user:" + rand.Text()
	race(len(sessions), func(i int) {
		sessions[i] = newSession(time.Now())
		sessions[i].Subject = subject
		_, err := store.OpenSession(t.Context(), sessions[i], long)
		assert.NoError(t, err)
	})
	race(racers, func(i int) {
		if i == len(sessions) {
			assert.NoError(t, store.EndSessions(t.Context(), subject, ""))
			return
		}
		for range 5 {
			err := store.ReplaceSession(t.Context(), sessions[i])
			if errors.Is(err, issuer.ErrConflict) {
				return
			}
			assert.NoError(t, err)
			sessions[i].Version++
			sessions[i].ExpiresAt = sessions[i].ExpiresAt.Add(time.Second)
		}
	})
	for _, s := range sessions {
		now := stored(t, store, s.ID)
		require.False(t, now.EndedAt.IsZero())
		require.Equal(t, s.Version+1, now.Version, "each replacement that was told is there")
		require.Equal(t, "ended", now.Reason)
	}
}

func raceOpenWithEnd(t *testing.T, store *bearersql.Store) {
	t.Helper()
	first := newSession(time.Now())
	put(t, store, first)
	race(racers, func(i int) {
		if i == 0 {
			assert.NoError(t, store.EndSessions(t.Context(), first.Subject, ""))
			return
		}
		opened, err := store.OpenSession(t.Context(), like(first), long)
		assert.NoError(t, err)
		assert.Equal(t, first.Name, opened.Name)
		assert.True(t, opened.EndedAt.IsZero())
	})
	require.False(t, stored(t, store, first.ID).EndedAt.IsZero())
	all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: first.Subject})
	require.NoError(t, err)
	require.LessOrEqual(t, len(all), 3) // one of them opened and ended with the first
	living, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: first.Subject, LiveAt: first.CreatedAt})
	require.NoError(t, err)
	require.LessOrEqual(t, len(living), 1)
}

// raceRefreshWithReopen prolongs a session that has expired by the clock of those
// who open it: either it is prolonged first and found, or it is replaced.
func raceRefreshWithReopen(t *testing.T, store *bearersql.Store) {
	t.Helper()
	old := newSession(time.Now().Truncate(time.Second))
	put(t, store, old)
	var opened [racers]issuer.Session
	race(racers, func(i int) {
		if i == 0 {
			longer := old
			longer.ExpiresAt = old.ExpiresAt.Add(2 * time.Hour)
			assert.NoError(t, store.ReplaceSession(t.Context(), longer))
			return
		}
		next := like(old)
		next.CreatedAt, next.ExpiresAt = old.ExpiresAt, old.ExpiresAt.Add(time.Hour)
		var err error
		opened[i], err = store.OpenSession(t.Context(), next, long)
		assert.NoError(t, err)
	})
	for i := range opened[1:] {
		require.Equal(t, opened[1].ID, opened[1+i].ID)
	}
	now := stored(t, store, old.ID)
	assert.Equal(t, old.Version+1, now.Version, "to lose a name is no change")
	assert.True(t, now.EndedAt.IsZero())
}

// raceForName gives many sessions the name of one: none is lost, and one has it.
func raceForName(t *testing.T, store *bearersql.Store) {
	t.Helper()
	first := newSession(time.Now())
	put(t, store, first)
	sessions := make([]issuer.Session, 4)
	for i := range sessions {
		sessions[i] = newSession(time.Now())
		put(t, store, sessions[i])
		sessions[i].Subject, sessions[i].Name = first.Subject, first.Name
	}
	race(len(sessions), func(i int) {
		err := store.ReplaceSession(t.Context(), sessions[i])
		for errors.Is(err, issuer.ErrConflict) {
			err = store.ReplaceSession(t.Context(), sessions[i])
		}
		assert.NoError(t, err)
	})
	for _, s := range sessions {
		now := stored(t, store, s.ID)
		require.Equal(t, first.Name, now.Name)
		require.Equal(t, s.Version+1, now.Version)
	}
	named, err := store.OpenSession(t.Context(), like(first), long)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, named.ID)
	require.Contains(t, []string{sessions[0].ID, sessions[1].ID, sessions[2].ID, sessions[3].ID}, named.ID)
}

// raceSweepWithOpen sweeps a session that has expired while its name is opened
// again, by several replicas.
func raceSweepWithOpen(t *testing.T, store *bearersql.Store) {
	t.Helper()
	old := newSession(time.Now().Add(-48 * time.Hour))
	put(t, store, old)
	next := like(old)
	next.CreatedAt, next.ExpiresAt = time.Now(), time.Now().Add(time.Hour)
	race(4, func(i int) {
		if i == 0 {
			opened, err := store.OpenSession(t.Context(), next, long)
			assert.NoError(t, err)
			assert.Equal(t, next.ID, opened.ID)
			return
		}
		_, err := store.Sweep(t.Context(), time.Now().Add(-24*time.Hour), 10)
		assert.NoError(t, err)
	})
	_, err := store.GetSession(t.Context(), old.ID)
	assert.ErrorIs(t, err, issuer.ErrNotFound)
	assert.True(t, stored(t, store, next.ID).EndedAt.IsZero())
}
