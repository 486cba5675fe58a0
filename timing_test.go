package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// lookup is less than a KeyCache remembers that there is no key.
const lookup = time.Second / 2

// slowStore takes its time for each look-up.
func slowStore(store bearer.KeyStore) bearer.KeyStore {
	return storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		time.Sleep(lookup)
		return store.FindKey(ctx, hash)
	})
}

// A slowLimiter takes a minute for each take, and an hour for each return.
type slowLimiter struct{ bearer.Buckets }

func (l *slowLimiter) Take(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) (bearer.Usage, error) {
	time.Sleep(time.Minute)
	return l.Buckets.Take(ctx, b, n, limit)
}

func (l *slowLimiter) Return(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) error {
	time.Sleep(time.Hour)
	return l.Buckets.Return(ctx, b, n, limit)
}

// timings are what Observe saw.
type timings []bearer.Timing

func (t *timings) observe(r *http.Request, _ *bearer.Principal, _ *bearer.Error) {
	*t = append(*t, bearer.TimingOf(r))
}

// Each row is a request under a clock that only waiting moves.
func TestTimingOf(t *testing.T) {
	const minute = time.Minute
	failures := bearer.PerMinute(10)
	text, key := newKey(bearer.SecretKey, bearer.Live)
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name   string
		config func(store *bearer.MemoryStore) bearer.Config
		text   string
		want   bearer.Timing
	}{
		{"a store in memory", func(s *bearer.MemoryStore) bearer.Config { return bearer.Config{Keys: s} },
			text, bearer.Timing{Source: bearer.FromMemory}},
		{"a slow store", func(s *bearer.MemoryStore) bearer.Config { return bearer.Config{Keys: slowStore(s)} },
			text, bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}},
		{"a slow store that does not know the key", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: slowStore(s)}
		}, unknown, bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}},
		{"a cache that does not remember", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: bearer.CachedStore(slowStore(s), bearer.CacheConfig{})}
		}, text, bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}},
		{"a store that fails", func(*bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
				time.Sleep(lookup)
				return nil, errors.New("down")
			})}
		}, text, bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}},
		{"a store that panics", func(*bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
				time.Sleep(lookup)
				panic("down")
			})}
		}, text, bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}},
		{"two peppers", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: slowStore(s), Format: bearer.KeyFormat{
				Pepper: []byte("a pepper of thirty-two bytes or so"), OldPeppers: [][]byte{nil},
			}}
		}, unknown, bearer.Timing{Total: 2 * lookup, Lookup: 2 * lookup, Source: bearer.FromStore}},
		{"a slow limiter", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: s, Limiter: new(slowLimiter)}
		}, text, bearer.Timing{Total: minute, Limiter: minute, Source: bearer.FromMemory}},
		{"a slow limiter that counts failures", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: slowStore(s), Limiter: new(slowLimiter), FailureLimit: failures}
		}, unknown, bearer.Timing{
			Total: lookup + 2*minute, Lookup: lookup, Limiter: 2 * minute, Source: bearer.FromStore,
		}},
		{"several policies", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: s, Limiter: new(slowLimiter), Policies: []bearer.Policy{{Name: "a"}, {Name: "b"}}}
		}, text, bearer.Timing{Total: 4 * minute, Limiter: 4 * minute, Source: bearer.FromMemory}},
		{"a policy of the application", func(s *bearer.MemoryStore) bearer.Config {
			return bearer.Config{Keys: s, Cost: func(*http.Request) int { time.Sleep(lookup); return 1 }}
		}, text, bearer.Timing{Total: lookup, Source: bearer.FromMemory}},
		{"no credential", func(s *bearer.MemoryStore) bearer.Config { return bearer.Config{Keys: s} },
			"", bearer.Timing{}},
		{"a mistyped key", func(s *bearer.MemoryStore) bearer.Config { return bearer.Config{Keys: slowStore(s)} },
			mistyped(text), bearer.Timing{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen timings
				newGuard := func() *bearer.Guard {
					config := row.config(bearer.NewMemoryStore(key))
					config.Observe = seen.observe
					return newGuard(t, config)
				}
				slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })
				get(newGuard().Handler(slow), row.text)
				_, _ = newGuard().Check(request(http.MethodGet, "/", row.text))
				assert.Equal(t, timings{row.want, row.want}, seen)
			})
		})
	}
}

// A cache says what it remembered, also behind a store that passes the context on.
func TestTimingOfCaches(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name, text string
		wrap       func(bearer.KeyStore) bearer.KeyStore
	}{
		{"a key", text, func(c bearer.KeyStore) bearer.KeyStore { return c }},
		{"that there is no key", unknown, func(c bearer.KeyStore) bearer.KeyStore { return c }},
		{"behind a store", text, func(c bearer.KeyStore) bearer.KeyStore { return storeFunc(c.FindKey) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen timings
				cache := bearer.CachedStore(slowStore(bearer.NewMemoryStore(key)), bearer.CacheConfig{})
				guard := newGuard(t, bearer.Config{Keys: row.wrap(cache), Observe: seen.observe})
				get(guard.Handler(pass), row.text)
				get(guard.Handler(pass), row.text)
				assert.Equal(t, timings{
					{Total: lookup, Lookup: lookup, Source: bearer.FromStore},
					{Source: bearer.FromCache},
				}, seen)
			})
		})
	}
}

// A cache that is suspended asks its store, whatever it remembered.
func TestTimingOfSuspendedCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen timings
		text, key := newKey(bearer.SecretKey, bearer.Live)
		cache := bearer.CachedStore(slowStore(bearer.NewMemoryStore(key)), bearer.CacheConfig{})
		guard := newGuard(t, bearer.Config{Keys: cache, Observe: seen.observe})
		get(guard.Handler(pass), text)
		cache.Suspend()
		get(guard.Handler(pass), text)
		cache.Resume()
		get(guard.Handler(pass), text)
		get(guard.Handler(pass), text)
		var sources []bearer.Source
		for _, timing := range seen {
			sources = append(sources, timing.Source)
		}
		assert.Equal(t, []bearer.Source{bearer.FromStore, bearer.FromStore, bearer.FromStore, bearer.FromCache}, sources)
	})
}

// Look-ups that wait for another's count as asked: they take as long.
func TestTimingOfSharedLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		cache := bearer.CachedStore(slowStore(bearer.NewMemoryStore(key)), bearer.CacheConfig{})
		seen := make(chan bearer.Timing, 2)
		guard := newGuard(t, bearer.Config{Keys: cache, Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) {
			seen <- bearer.TimingOf(r)
		}})
		for range 2 {
			go get(guard.Handler(pass), text)
		}
		want := bearer.Timing{Total: lookup, Lookup: lookup, Source: bearer.FromStore}
		assert.Equal(t, want, <-seen)
		assert.Equal(t, want, <-seen)
	})
}

// The session of a JWT is a look-up.
func TestTimingOfSession(t *testing.T) {
	for _, row := range []struct {
		name  string
		cache bool
		want  string
	}{
		{"that is asked", false, "500ms store, 500ms store"},
		{"from a cache", true, "500ms store, 0s cache"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, key := newKey(bearer.SecretKey, bearer.Live)
				store := slowStore(bearer.NewMemoryStore(key))
				if row.cache {
					store = bearer.CachedStore(store, bearer.CacheConfig{})
				}
				a := newAuthority()
				config := a.config()
				config.Session = func(ctx context.Context, _ *bearer.Principal) (bearer.Session, error) {
					key, err := store.FindKey(ctx, key.Hash)
					return bearer.Session{Key: key}, err
				}
				var seen timings
				guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{config}, Observe: seen.observe})
				token := a.token(t, jwt.MapClaims{})
				get(guard.Handler(pass), token)
				get(guard.Handler(pass), token)
				require.Len(t, seen, 2)
				assert.Equal(t, row.want, fmt.Sprintf("%v %v, %v %v", seen[0].Lookup, seen[0].Source, seen[1].Lookup, seen[1].Source))
			})
		})
	}
}

// Each guard has a timing of its own, and a handler sees the last.
func TestTimingOfNestedGuards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		store := bearer.NewMemoryStore(key)
		var outer, inner, handler, unobserved timings
		slow := newGuard(t, bearer.Config{Keys: slowStore(slowStore(store)), Observe: outer.observe})
		fast := newGuard(t, bearer.Config{Keys: slowStore(store), Observe: inner.observe})
		plain := newGuard(t, bearer.Config{Keys: slowStore(store)})
		app := slow.Handler(slow.Require("a")(fast.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.observe(r, nil, nil)
			_, _ = slow.Check(r, "b") // is not observed, and takes no time
			assert.NoError(t, slow.Revalidate(r))
			w.WriteHeader(http.StatusNoContent)
		}))))
		assert.Equal(t, http.StatusNoContent, get(app, text).Code)
		assert.Equal(t, timings{{Total: 2 * lookup, Lookup: 2 * lookup, Source: bearer.FromStore}}, outer)
		assert.Equal(t, timings{{Total: lookup, Lookup: lookup, Source: bearer.FromStore}}, inner)
		assert.Equal(t, inner, handler)

		get(plain.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { unobserved.observe(r, nil, nil) })), text)
		unobserved.observe(httptest.NewRequest(http.MethodGet, "/", nil), nil, nil)
		assert.Equal(t, timings{{}, {}}, unobserved, "nothing is measured")
	})
}

// What a Session leaves behind may go on when the decision was made.
func TestTimingOfLateLookups(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	cache := bearer.CachedStore(bearer.NewMemoryStore(key), bearer.CacheConfig{})
	done := make(chan struct{}, 100)
	store := storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		go func() {
			for range 100 {
				_, _ = cache.FindKey(ctx, hash)
			}
			done <- struct{}{}
		}()
		return cache.FindKey(ctx, hash)
	})
	var seen timings
	guard := newGuard(t, bearer.Config{Keys: store, Observe: seen.observe})
	for range cap(done) {
		get(guard.Handler(pass), text)
	}
	for range cap(done) {
		<-done
	}
	assert.Len(t, seen, cap(done))
}

func TestSourceString(t *testing.T) {
	assert.Equal(t, " memory cache store Source(9)", fmt.Sprintf("%v %v %v %v %v",
		bearer.Source(0), bearer.FromMemory, bearer.FromCache, bearer.FromStore, bearer.Source(9)))
}
