package bearersql_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

const (
	racers = 32
	long   = 1 << 20 // a max that no race reaches
)

// rounds is how often a race is run.
func rounds() int {
	if testing.Short() {
		return 5
	}
	return 100
}

// openMany opens a database with a connection for each racer.
func (d database) openMany(t *testing.T, options ...string) *sql.DB {
	t.Helper()
	db := d.open(t, options...)
	db.SetMaxOpenConns(racers)
	db.SetMaxIdleConns(racers)
	return db
}

// race calls a function n times at once, and waits for all.
func race(n int, call func(i int)) {
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			<-start
			call(i)
			done <- struct{}{}
		}()
	}
	close(start)
	for range n {
		<-done
	}
}

// newSession returns a session of a subject that has no other.
func newSession(now time.Time) issuer.Session {
	return issuer.Session{
		ID: "se_" + rand.Text(), Subject: "user:" + rand.Text(), Name: rand.Text(), Owner: "acme", CreatedBy: "alice",
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}
}

// like returns a new session with the subject and the name of another one.
func like(s issuer.Session) issuer.Session {
	s.ID = "se_" + rand.Text()
	return s
}

// put stores a session.
func put(t *testing.T, store *bearersql.Store, s issuer.Session) {
	t.Helper()
	opened, err := store.OpenSession(t.Context(), s, long)
	require.NoError(t, err)
	require.Equal(t, s.ID, opened.ID)
}

// stored returns a session that is stored.
func stored(t *testing.T, store *bearersql.Store, id string) issuer.Session {
	t.Helper()
	s, err := store.GetSession(t.Context(), id)
	require.NoError(t, err)
	return s
}

// TestSessionRaces proves S1.5: of calls at the same time one wins, nothing is
// lost, and there is no error but what the rules allow. The isolation of the
// connections is the default one of the database, and the strictest.
func TestSessionRaces(t *testing.T) {
	races := []struct {
		name string
		run  func(t *testing.T, store *bearersql.Store)
	}{
		{"open one", raceToOpen},
		{"open one that has expired", raceToReopen},
		{"open many up to the max", raceForRoom},
		{"refresh", raceToRefresh},
		{"refresh while all end", raceRefreshWithEnd},
		{"open while all end", raceOpenWithEnd},
		{"refresh one that has expired while it is opened", raceRefreshWithReopen},
		{"take a name", raceForName},
		{"sweep while one is opened", raceSweepWithOpen},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		for level, options := range map[string][]string{"default": nil, "serializable": serializable(t, d)} {
			if level != "default" && (options == nil || testing.Short()) {
				continue
			}
			store := newStore(t, d.openMany(t, options...), bearersql.Config{})
			for _, r := range races {
				t.Run(level+"/"+r.name, func(t *testing.T) {
					many := rounds()
					if level != "default" {
						many /= 5
					}
					for range many {
						r.run(t, store)
					}
				})
			}
		}
	})
}

// serializable returns the option of a DSN by which each connection has the
// strictest isolation. That of SQLite always is.
func serializable(t *testing.T, d database) []string {
	t.Helper()
	switch d.dialect {
	case bearersql.PostgreSQL:
		return []string{"default_transaction_isolation=serializable"}
	case bearersql.MySQL:
		variable := "transaction_isolation"
		if _, err := d.open(t).ExecContext(t.Context(), "SELECT @@tx_isolation"); err == nil {
			variable = "tx_isolation" // its name for MariaDB
		}
		return []string{variable + "=%27SERIALIZABLE%27"}
	case bearersql.SQLite:
	}
	return nil
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
