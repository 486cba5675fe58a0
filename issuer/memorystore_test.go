package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

var _ interface {
	issuer.Store
	issuer.PasswordStore
	issuer.Watcher
	issuer.Sweeper
} = (*issuer.MemoryStore)(nil)

func TestMemoryStore(t *testing.T) {
	store := issuer.NewMemoryStore()
	require.NoError(t, issuertest.TestKeyStore(store))
	require.NoError(t, issuertest.TestClientStore(store))
	require.NoError(t, issuertest.TestSessionStore(store))
	require.NoError(t, issuertest.TestPasswordStore(store))
}

// storedKey returns a key with a random secret.
func storedKey(id string) issuer.APIKey {
	_, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return issuer.APIKey{
		ID: id, Owner: "owner", Name: "name", Kind: bearer.SecretKey, Environment: bearer.Test,
		Scopes: "tokens:read", CreatedAt: time.Now(), CreatedBy: "user", Version: 1,
		Secrets: []issuer.Secret{{ID: "s_" + id, Hash: hash, Hint: "sk_test_a1B2", CreatedAt: time.Now()}},
	}
}

// storedSession returns a session of an hour.
func storedSession(id, subject string) issuer.Session {
	return issuer.Session{
		ID: id, Subject: subject, Name: "name_" + id, Owner: "owner", CreatedBy: "user", Environment: bearer.Test,
		CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Version: 1,
		KeyID: "kid", Payload: []byte(strings.Repeat("p", 300)),
	}
}

// A toldCache notes what it was told.
type toldCache struct {
	mu   sync.Mutex
	told []issuer.Change
}

func (c *toldCache) Forget(change issuer.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, change)
}

func (c *toldCache) Resume()  { c.Forget(issuer.Change{Subject: "all"}) }
func (*toldCache) ForgetAll() {}
func (*toldCache) Suspend()   {}

func (c *toldCache) take() []issuer.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	c.told = nil
	return told
}

// Each change is told to all caches before the call returns, and none after the
// context has ended.
func TestMemoryStoreWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, caches := issuer.NewMemoryStore(), []*toldCache{{}, {}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, len(caches))
		for _, c := range caches {
			go func() { ended <- store.Watch(ctx, c) }()
		}
		synctest.Wait()
		all := issuer.Change{Subject: "all"}
		assert.Equal(t, []issuer.Change{all}, caches[0].take(), "what changed before was not told")
		assert.Equal(t, []issuer.Change{all}, caches[1].take())

		key, other := storedKey("ak_1"), storedKey("ak_2")
		require.NoError(t, store.CreateKey(ctx, key))
		require.NoError(t, store.CreateClient(ctx, issuer.Client{ID: "client", Version: 1}))
		session, err := store.OpenSession(ctx, storedSession("se_1", "user:1"), 1)
		require.NoError(t, err)
		require.NoError(t, store.TouchKeys(ctx, map[bearer.KeyHash]time.Time{key.Secrets[0].Hash: time.Now()}))
		require.ErrorIs(t, store.ReplaceClient(ctx, issuer.Client{ID: "client"}), issuer.ErrConflict)
		assert.Empty(t, caches[0].take(), "nothing was revoked")

		old := key.Secrets[0].Hash
		key.Secrets = other.Secrets // rotated
		require.NoError(t, store.ReplaceKey(ctx, key))
		require.NoError(t, store.ReplaceClient(ctx, issuer.Client{ID: "client", Version: 1}))
		require.NoError(t, store.ReplaceSession(ctx, session))
		require.NoError(t, store.EndSessions(ctx, "user:1", ""))
		want := []issuer.Change{
			{Key: old}, {Key: key.Secrets[0].Hash}, {Client: "client"}, {Session: "se_1"}, {Subject: "user:1"},
		}
		for _, c := range caches {
			assert.Equal(t, want, c.take())
		}

		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
		require.NoError(t, store.EndSessions(ctx, "user:1", ""))
		assert.Empty(t, caches[0].take())
	})
}

func TestMemoryStoreSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctx := issuer.NewMemoryStore(), t.Context()
		for i := range 10 {
			s := storedSession(fmt.Sprint(i), fmt.Sprint("user:", i%3))
			s.ExpiresAt = s.CreatedAt.Add(time.Duration(1+i) * time.Minute)
			_, err := store.OpenSession(ctx, s, 10)
			require.NoError(t, err)
		}
		require.NoError(t, store.EndSessions(ctx, "user:0", "")) // 0, 3, 6, 9
		sweep := func(before time.Duration, limit int) int {
			n, err := store.Sweep(ctx, time.Now().Add(before), limit)
			require.NoError(t, err)
			return n
		}
		left := func() (ids string) {
			all, err := store.ListSessions(ctx, issuer.SessionQuery{Oldest: true})
			require.NoError(t, err)
			for _, s := range all {
				ids += s.ID
			}
			return ids
		}
		assert.Zero(t, sweep(0, 10), "nothing ended before now")
		assert.Equal(t, "0123456789", left())
		assert.Zero(t, sweep(time.Second, 0), "no more than the limit")
		assert.Equal(t, 3, sweep(time.Second, 3))
		assert.Equal(t, 1, sweep(time.Second, 3))
		assert.Equal(t, "124578", left())
		assert.Equal(t, 2, sweep(3*time.Minute+time.Second, 10))
		assert.Equal(t, "4578", left(), "those that expired")
		_, err := store.GetSession(ctx, "1")
		require.ErrorIs(t, err, issuer.ErrNotFound)
		inLists := func(n int) { // of each subject, with those that ended and without, and of the owner
			found := 0
			for i := range 3 {
				for _, live := range []time.Time{{}, time.Unix(0, 0)} {
					some, err := store.ListSessions(ctx, issuer.SessionQuery{Subject: fmt.Sprint("user:", i), LiveAt: live})
					require.NoError(t, err)
					found += len(some)
				}
			}
			of, err := store.ListSessions(ctx, issuer.SessionQuery{Owner: storedSession("0", "user:0").Owner})
			require.NoError(t, err)
			assert.Equal(t, 3*n, found+len(of))
		}
		inLists(4)
		assert.Equal(t, 4, sweep(time.Hour, 10))
		inLists(0)
		assert.Empty(t, left())
		_, err = store.OpenSession(ctx, storedSession("0", "user:0"), 1)
		require.NoError(t, err, "all is free again")
	})
}

// Records, of which some are of one owner, one subject or one time, move in their
// lists as they are replaced.
func TestMemoryStoreMoves(t *testing.T) {
	store, ctx := issuer.NewMemoryStore(), context.Background()
	s, err := store.OpenSession(ctx, storedSession("se_1", "user:1"), 10)
	require.NoError(t, err)
	s.Subject, s.Name, s.Owner, s.CreatedAt = "user:2", "other", "other", s.CreatedAt.Add(time.Second)
	require.NoError(t, store.ReplaceSession(ctx, s))
	for _, q := range []issuer.SessionQuery{{Owner: "owner"}, {Subject: "user:1"}} {
		found, err := store.ListSessions(ctx, q)
		require.NoError(t, err)
		assert.Empty(t, found)
	}
	for _, q := range []issuer.SessionQuery{{Owner: "other"}, {Subject: "user:2"}, {}} {
		found, err := store.ListSessions(ctx, q)
		require.NoError(t, err)
		assert.Len(t, found, 1)
	}
	again := storedSession("se_2", "user:2")
	again.Name = "other"
	found, err := store.OpenSession(ctx, again, 10)
	require.NoError(t, err)
	assert.Equal(t, "se_1", found.ID)
	again.ID, again.Name = "se_1", "third"
	_, err = store.OpenSession(ctx, again, 10)
	require.ErrorIs(t, err, issuer.ErrExists)
}

// No verb, no log and no JSON shows what is stored.
func TestMemoryStoreHides(t *testing.T) {
	store := issuer.NewMemoryStore()
	require.NoError(t, store.CreateKey(context.Background(), storedKey("ak_1")))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		assert.Equal(t, "issuer.MemoryStore", fmt.Sprintf(verb, store), verb)
	}
	assert.Equal(t, "issuer.MemoryStore", store.String())
	var lines strings.Builder
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("", "store", store)
	assert.Contains(t, lines.String(), `"store":"issuer.MemoryStore"`)
	text, err := json.Marshal(map[string]any{"store": store})
	require.NoError(t, err)
	assert.JSONEq(t, `{"store":{}}`, string(text))
}

// Look-ups go on while others write, list and sweep.
func TestMemoryStoreAtOnce(t *testing.T) {
	store, ctx := issuer.NewMemoryStore(), context.Background()
	key := storedKey("ak_1")
	require.NoError(t, store.CreateKey(ctx, key))
	watched, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { assert.NoError(t, store.Watch(watched, &toldCache{})) })
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range 50 {
				s := storedSession(fmt.Sprint(i, "/", n), fmt.Sprint("user:", n%4))
				s.Name = "one"
				got, err := store.OpenSession(ctx, s, 1000)
				assert.NoError(t, err)
				if n%8 == 0 {
					got.EndedAt = time.Now().Add(-time.Hour)
				}
				_ = store.ReplaceSession(ctx, got) // may be lost
				_, err = store.ListSessions(ctx, issuer.SessionQuery{Owner: "owner", Limit: 5})
				assert.NoError(t, err)
				_, err = store.KeyByHash(ctx, key.Secrets[0].Hash)
				assert.NoError(t, err)
				assert.NoError(t, store.TouchKeys(ctx, map[bearer.KeyHash]time.Time{key.Secrets[0].Hash: time.Now()}))
				_, err = store.Sweep(ctx, time.Now().Add(-time.Minute), 2)
				assert.NoError(t, err)
			}
		})
	}
	work.Wait()
	cancel()
	all.Wait()
}

// BenchmarkMemoryStore measures look-ups among 100,000 records, and tells what
// each record takes.
func BenchmarkMemoryStore(b *testing.B) {
	const many = 100_000
	ctx := context.Background()
	size := func(store *issuer.MemoryStore, fill func(i int)) float64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range many {
			fill(i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(store)
		return float64(after.HeapAlloc-before.HeapAlloc) / many
	}
	store := issuer.NewMemoryStore()
	var last issuer.APIKey
	keyBytes := size(store, func(i int) {
		last = storedKey(fmt.Sprintf("ak_%026d", i))
		_ = store.CreateKey(ctx, last)
	})
	var session issuer.Session
	sessionBytes := size(store, func(i int) {
		session = storedSession(fmt.Sprintf("se_%026d", i), fmt.Sprintf("user:%d", i))
		_, _ = store.OpenSession(ctx, session, 1)
	})
	b.Run("KeyByHash", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = store.KeyByHash(ctx, last.Secrets[0].Hash)
			}
		})
		b.ReportMetric(keyBytes, "B/key")
	})
	b.Run("OpenSession", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = store.OpenSession(ctx, session, 1)
			}
		})
		b.ReportMetric(sessionBytes, "B/session")
	})
	b.Run("ListKeys", func(b *testing.B) {
		after := issuer.Position{CreatedAt: last.CreatedAt, ID: "ak_"}
		for range b.N {
			_, _ = store.ListKeys(ctx, issuer.KeyQuery{Owner: "owner", After: after, Limit: 20})
		}
	})
}

// One hash is that of one secret, also within a key.
func TestMemoryStoreHashTwice(t *testing.T) {
	store := issuer.NewMemoryStore()
	secrets := []issuer.Secret{{ID: "a", Hash: bearer.KeyHash{1}}, {ID: "b", Hash: bearer.KeyHash{1}}}
	err := store.CreateKey(t.Context(), issuer.APIKey{ID: "ak_1", Owner: "acme", Secrets: secrets, Version: 1})
	require.ErrorIs(t, err, issuer.ErrExists)
	_, err = store.GetKey(t.Context(), "acme", "ak_1")
	assert.ErrorIs(t, err, issuer.ErrNotFound)
}

// EndSessions leaves a session that has expired as it is.
func TestMemoryStoreEndsWhatLives(t *testing.T) {
	store, s := issuer.NewMemoryStore(), storedSession("se_1", "user:1")
	s.ExpiresAt = s.CreatedAt.Add(-time.Second)
	_, err := store.OpenSession(t.Context(), s, 10)
	require.NoError(t, err)
	before, err := store.GetSession(t.Context(), "se_1")
	require.NoError(t, err)
	require.NoError(t, store.EndSessions(t.Context(), "user:1", ""))
	after, err := store.GetSession(t.Context(), "se_1")
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
