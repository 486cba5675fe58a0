package bearer_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A key that is refused is remembered like any other: a client that goes on
// sending it does not reach the store each time.
func TestCachedStoreRemembersRefusedKeys(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
		want   string
	}{
		{"expired", func(k *bearer.Key) { k.ExpiresAt = time.Now() }, "403 key_expired"},
		{"ended", func(k *bearer.Key) { k.EndsAt = time.Now() }, "401 key_revoked"},
		{"revoked", func(k *bearer.Key) { k.RevokedAt = time.Now() }, "401 key_revoked"},
		{"of another environment", func(*bearer.Key) {}, "403 environment_mismatch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var source cacheSource
				text, key := newKey(bearer.SecretKey, bearer.Live, row.change)
				require.NoError(t, source.Add(key))
				h := newGuard(t, bearer.Config{
					Keys: bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Minute}), Environment: bearer.Test,
				}).Handler(pass)
				for range 3 {
					for range 100 {
						require.Equal(t, row.want, verdict(get(h, text)))
					}
					time.Sleep(time.Minute)
				}
				assert.EqualValues(t, 3, source.calls.Load(), "once in a TTL")
			})
		})
	}
}

// A key that is renewed in the store is found again after the TTL, or Forget.
func TestCachedStoreFindsRenewedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.ExpiresAt = time.Now() })
		store := bearer.NewMemoryStore(key)
		cache := bearer.CachedStore(store, bearer.CacheConfig{TTL: time.Minute})
		h := newGuard(t, bearer.Config{Keys: cache}).Handler(pass)
		require.Equal(t, "403 key_expired", verdict(get(h, text)))
		key.ExpiresAt = time.Now().Add(time.Hour)
		require.NoError(t, store.Update(key))
		require.Equal(t, "403 key_expired", verdict(get(h, text)))
		cache.Forget(key.Hash)
		assert.Equal(t, "passed", verdict(get(h, text)))
	})
}

func TestCachedStoreForgetsAll(t *testing.T) {
	var source cacheSource
	cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
	ask := func(n int) error {
		_, err := cache.FindKey(t.Context(), cacheHash(n))
		return err
	}
	for n := range 100 {
		source.add(t, n, nil)
		require.NoError(t, ask(n))
	}
	require.ErrorIs(t, ask(100), bearer.ErrKeyNotFound)
	require.EqualValues(t, 101, source.calls.Load())
	source.add(t, 100, nil)
	cache.ForgetAll()
	for range 2 {
		for n := range 101 {
			require.NoError(t, ask(n))
		}
	}
	assert.EqualValues(t, 202, source.calls.Load(), "each is asked for again, and then remembered")
}

// While a cache is suspended, each look-up asks the store: for keys that are there,
// keys that are not, and many at once.
func TestCachedStoreSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		var source cacheSource
		require.NoError(t, source.Add(key))
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
		h := newGuard(t, bearer.Config{Keys: cache}).Handler(pass)
		ask := func(want int64, verdicts string) {
			t.Helper()
			before := source.calls.Load()
			for range 10 {
				require.Equal(t, verdicts, verdict(get(h, text)))
				_, err := cache.FindKey(t.Context(), cacheHash(1))
				require.ErrorIs(t, err, bearer.ErrKeyNotFound)
			}
			assert.Equal(t, want, source.calls.Load()-before)
		}
		ask(2, "passed")
		cache.Suspend()
		ask(20, "passed")
		key.RevokedAt = time.Now()
		require.NoError(t, source.Update(key))
		ask(20, "401 key_revoked")
		cache.Resume()
		ask(2, "401 key_revoked")

		cache.Suspend()
		source.release = make(chan struct{})
		before := source.calls.Load()
		for range 100 {
			go func() { _, _ = cache.FindKey(t.Context(), key.Hash) }()
		}
		synctest.Wait()
		assert.EqualValues(t, 100, source.calls.Load()-before, "none joins another")
		close(source.release)
	})
}

// A suspended cache gives the store the context of its caller, and the caller the
// error of the store.
func TestCachedStoreSuspendedIsTheStore(t *testing.T) {
	type name struct{}
	cache := bearer.CachedStore(storeFunc(func(ctx context.Context, _ bearer.KeyHash) (*bearer.Key, error) {
		if ctx.Value(name{}) == "panic" {
			panic("boom")
		}
		return nil, errors.Join(ctx.Err(), errDatabase)
	}), bearer.CacheConfig{})
	cache.Suspend()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := cache.FindKey(ctx, cacheHash(1))
	require.ErrorIs(t, err, errDatabase)
	require.ErrorIs(t, err, context.Canceled)
	_, err = cache.FindKey(context.WithValue(ctx, name{}, "panic"), cacheHash(1))
	assert.ErrorContains(t, err, "boom")
}

// Suspend and Resume are switches and not counters; ForgetAll is neither.
func TestCachedStoreSuspendAndResume(t *testing.T) {
	for _, row := range []struct {
		calls string
		asks  int64 // of three look-ups, after one before the calls
	}{
		{"", 0},
		{"resume", 0},
		{"suspend", 3},
		{"suspend, then suspend", 3},
		{"suspend, then forget", 3},
		{"suspend, then resume", 1},
		{"suspend, then suspend, then resume", 1},
		{"suspend, then resume, then resume", 1},
		{"suspend, then resume, then suspend", 3},
		{"suspend, then forget, then resume", 1},
		{"resume, then suspend", 3},
		{"forget", 1},
		{"forget, then forget", 1},
	} {
		t.Run(row.calls, func(t *testing.T) {
			var source cacheSource
			hash := source.add(t, 1, nil)
			cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
			_, err := cache.FindKey(t.Context(), hash)
			require.NoError(t, err)
			for call := range strings.SplitSeq(row.calls, ", then ") {
				map[string]func(){
					"": func() {}, "suspend": cache.Suspend, "resume": cache.Resume, "forget": cache.ForgetAll,
				}[call]()
			}
			before := source.calls.Load()
			for range 3 {
				_, err := cache.FindKey(t.Context(), hash)
				require.NoError(t, err)
			}
			assert.Equal(t, row.asks, source.calls.Load()-before)
		})
	}
}

// A look-up that began before the memory changed neither answers a call that comes
// after, nor is remembered: whether it ends before that call or after it.
func TestCachedStoreLookUpsUnderWay(t *testing.T) {
	for _, row := range []struct {
		name           string
		before, change func(*bearer.KeyCache)
	}{
		{"forget all", nil, (*bearer.KeyCache).ForgetAll},
		{"suspend", nil, (*bearer.KeyCache).Suspend},
		{"suspend and resume", nil, func(c *bearer.KeyCache) { c.Suspend(); c.Resume() }},
		{"begun while suspended", (*bearer.KeyCache).Suspend, (*bearer.KeyCache).Resume},
		{"begun while suspended, and still so", (*bearer.KeyCache).Suspend, (*bearer.KeyCache).ForgetAll},
	} {
		for _, name := range []string{"ends before the next call", "ends after the next call"} {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					source := cacheSource{release: make(chan struct{})}
					hash := source.add(t, 1, nil)
					cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
					if row.before != nil {
						row.before(cache)
					}
					found := make(chan *bearer.Key, 2)
					find := func() {
						key, _ := cache.FindKey(t.Context(), hash)
						found <- key
					}
					go find()
					synctest.Wait() // the look-up holds the key as it was
					require.NoError(t, source.Update(bearer.Key{ID: "1", Hash: hash, RevokedAt: time.Now()}))
					row.change(cache)
					if name == "ends before the next call" {
						close(source.release)
						assert.Zero(t, (<-found).RevokedAt, "who asked before may have the old answer")
						find()
						assert.NotZero(t, (<-found).RevokedAt, "who asked after has the new one")
					} else {
						go find()
						synctest.Wait()
						assert.EqualValues(t, 2, source.calls.Load(), "the second call asks for itself")
						close(source.release)
						synctest.Wait()
						first, second := <-found, <-found
						assert.NotEqual(t, first.RevokedAt.IsZero(), second.RevokedAt.IsZero(), "each has its own answer")
					}
					find()
					assert.NotZero(t, (<-found).RevokedAt, "and so it stays")
				})
			})
		}
	}
}

// Once a key was revoked, and the cache told to forget all or to resume after that,
// no caller sees the key as it was, whatever happens at the same time.
func TestCachedStoreForgetAllProperty(t *testing.T) {
	var source cacheSource
	cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
	const keys = 64
	var forgotten [keys]atomic.Bool
	for n := range keys {
		source.add(t, n, nil)
	}
	var wrong atomic.Int64
	var others, revokers sync.WaitGroup
	done := make(chan struct{})
	repeat := func(f func()) {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					f()
				}
			}
		})
	}
	for range 6 {
		repeat(func() {
			n := rand.IntN(keys)
			revoked := forgotten[n].Load()
			key, err := cache.FindKey(t.Context(), cacheHash(n))
			if err != nil || revoked && key.RevokedAt.IsZero() {
				wrong.Add(1)
			}
		})
	}
	repeat(func() { cache.Suspend(); time.Sleep(time.Microsecond); cache.Resume() })
	repeat(func() { cache.Resume(); time.Sleep(time.Microsecond) })
	for n := range keys {
		revokers.Go(func() {
			_ = source.Update(bearer.Key{ID: strconv.Itoa(n), Hash: cacheHash(n), RevokedAt: time.Now()})
			cache.ForgetAll()
			forgotten[n].Store(true)
		})
	}
	revokers.Wait()
	close(done)
	others.Wait()
	assert.Zero(t, wrong.Load())
}
