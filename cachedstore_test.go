package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A cacheSource is a store that counts, and whose answers can be held back.
type cacheSource struct {
	bearer.MemoryStore

	calls   atomic.Int64
	err     error
	started chan struct{} // if not nil, receives as a look-up starts
	release chan struct{} // if not nil, a look-up that has its answer waits for it
}

func (s *cacheSource) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	s.calls.Add(1)
	key, err := s.MemoryStore.FindKey(ctx, hash)
	if s.err != nil {
		key, err = nil, s.err
	}
	if s.started != nil {
		s.started <- struct{}{}
	}
	if s.release != nil {
		select {
		case <-s.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return key, err
}

// cacheHash returns the hash of a key that is number n of a test.
func cacheHash(n int) bearer.KeyHash {
	return bearer.KeyFormat{}.Hash("key number " + strconv.Itoa(n))
}

func (s *cacheSource) add(t *testing.T, n int, change func(*bearer.Key)) bearer.KeyHash {
	t.Helper()
	key := bearer.Key{ID: strconv.Itoa(n), Hash: cacheHash(n), Kind: bearer.SecretKey, Environment: bearer.Live}
	if change != nil {
		change(&key)
	}
	require.NoError(t, s.Add(key))
	return key.Hash
}

func TestCachedStoreRemembersForItsTTL(t *testing.T) {
	tests := []struct {
		name   string
		ttl    time.Duration
		expiry time.Duration // of the key, from now; 0: never
		age    time.Duration // of the entry when the key is asked for again
		want   int64         // look-ups
	}{
		{"at once", time.Minute, 0, 0, 1},
		{"just within", time.Minute, 0, time.Minute - 1, 1},
		{"at its end", time.Minute, 0, time.Minute, 2},
		{"default is 30 s: within", 0, 0, 30*time.Second - 1, 1},
		{"default is 30 s: at its end", 0, 0, 30 * time.Second, 2},
		{"negative is the default", -1, 0, 30 * time.Second, 2},
		{"a key that expires meanwhile", time.Minute, time.Second, time.Second, 1},
		{"a key that has expired", time.Minute, -time.Second, 0, 1},
		{"a key that has expired: just within", time.Minute, -time.Hour, time.Minute - 1, 1},
		{"a key that has expired: at its end", time.Minute, -time.Hour, time.Minute, 2},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var source cacheSource
				hash := source.add(t, 1, func(k *bearer.Key) {
					if tc.expiry != 0 {
						k.ExpiresAt = time.Now().Add(tc.expiry)
					}
				})
				cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: tc.ttl})
				for range 2 {
					key, err := cache.FindKey(t.Context(), hash)
					require.NoError(t, err)
					assert.Equal(t, "1", key.ID)
					time.Sleep(tc.age)
				}
				assert.Equal(t, tc.want, source.calls.Load())
			})
		})
	}
}

func TestCachedStoreRemembersWhatIsMissingBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source cacheSource
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		ask := func() error {
			_, err := cache.FindKey(t.Context(), cacheHash(1))
			return err
		}
		require.ErrorIs(t, ask(), bearer.ErrKeyNotFound)
		require.ErrorIs(t, ask(), bearer.ErrKeyNotFound)
		assert.EqualValues(t, 1, source.calls.Load(), "the second is answered from memory")

		source.add(t, 1, nil)
		time.Sleep(time.Second)
		require.NoError(t, ask(), "a key that was created is found a second later")
		assert.EqualValues(t, 2, source.calls.Load())
	})
}

func TestCachedStoreForgetFindsANewKeyAtOnce(t *testing.T) {
	var source cacheSource
	cache := bearer.CachedStore(&source, bearer.CacheConfig{})
	_, err := cache.FindKey(t.Context(), cacheHash(1))
	require.ErrorIs(t, err, bearer.ErrKeyNotFound)
	cache.Forget(source.add(t, 1, nil))
	_, err = cache.FindKey(t.Context(), cacheHash(1))
	assert.NoError(t, err)
}

func TestCachedStoreServesThroughOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source cacheSource
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Minute})
		_, err := cache.FindKey(t.Context(), hash)
		require.NoError(t, err)

		source.err = errors.New("connection refused")
		time.Sleep(time.Minute - 1)
		_, err = cache.FindKey(t.Context(), hash)
		require.NoError(t, err, "an entry that has not ended")
		time.Sleep(time.Nanosecond)
		_, err = cache.FindKey(t.Context(), hash)
		require.ErrorIs(t, err, source.err, "an entry that has ended")
		assert.NotErrorIs(t, err, bearer.ErrKeyNotFound)

		source.err = nil
		_, err = cache.FindKey(t.Context(), hash)
		assert.NoError(t, err, "the outage itself is not remembered")
	})
}

func TestCachedStoreSharesALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		var found atomic.Int64
		for range 1000 {
			go func() {
				if key, err := cache.FindKey(t.Context(), hash); err == nil && key.ID == "1" {
					found.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(source.release)
		synctest.Wait()
		assert.EqualValues(t, 1000, found.Load())
		assert.EqualValues(t, 1, source.calls.Load())
	})
}

// A look-up that ends while others are about to join it answers them too.
func TestCachedStoreSharesALookUpOfAFastStore(t *testing.T) {
	for _, row := range []struct {
		name string
		key  *bearer.Key
		err  error
	}{
		{"found", &bearer.Key{Hash: cacheHash(1)}, nil},
		{"missing", nil, bearer.ErrKeyNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			for range max(fewer(1600), 200) {
				var calls atomic.Int64
				c := bearer.CachedStore(storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
					calls.Add(1)
					runtime.Gosched()
					return row.key, row.err
				}), bearer.CacheConfig{})
				var callers sync.WaitGroup
				start := make(chan struct{})
				for range 32 {
					callers.Go(func() {
						<-start
						_, _ = c.FindKey(t.Context(), cacheHash(1))
					})
				}
				close(start)
				callers.Wait()
				require.Equal(t, int64(1), calls.Load())
			}
		})
	}
}

func TestCachedStoreFlightOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		first, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		ask := func(ctx context.Context) {
			_, err := cache.FindKey(ctx, hash)
			errs <- err
		}
		go ask(first)
		synctest.Wait()
		go ask(t.Context())
		synctest.Wait()

		cancel()
		require.ErrorIs(t, <-errs, context.Canceled, "the first caller has left")
		close(source.release)
		require.NoError(t, <-errs, "the second has the answer")
		assert.EqualValues(t, 1, source.calls.Load())
	})
}

func TestCachedStoreEndsALookUpWithoutCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := cache.FindKey(ctx, hash)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()

		close(source.release)
		_, err = cache.FindKey(t.Context(), hash)
		require.NoError(t, err, "the next caller starts anew")
		assert.EqualValues(t, 2, source.calls.Load())
	})
}

func TestCachedStoreForgetBeatsALookUpUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
		old := make(chan *bearer.Key, 1)
		go func() {
			key, _ := cache.FindKey(t.Context(), hash)
			old <- key
		}()
		synctest.Wait() // the look-up holds the key as it was

		require.NoError(t, source.Update(bearer.Key{ID: "1", Hash: hash, RevokedAt: time.Now()}))
		cache.Forget(hash)
		fresh := make(chan *bearer.Key, 1)
		go func() {
			key, _ := cache.FindKey(t.Context(), hash)
			fresh <- key
		}()
		synctest.Wait()
		close(source.release)
		assert.Zero(t, (<-old).RevokedAt, "who asked before may have the old answer")
		assert.NotZero(t, (<-fresh).RevokedAt, "who asked after has the new one")
		key, err := cache.FindKey(t.Context(), hash)
		require.NoError(t, err)
		assert.NotZero(t, key.RevokedAt, "and so it stays")
	})
}

// The same if no caller asks again before the look-up ends.
func TestCachedStoreForgetBeatsALookUpThatEndsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour})
		go func() { _, _ = cache.FindKey(t.Context(), hash) }()
		synctest.Wait() // the look-up holds the key as it was
		require.NoError(t, source.Update(bearer.Key{ID: "1", Hash: hash, RevokedAt: time.Now()}))
		cache.Forget(hash)
		close(source.release)
		synctest.Wait()
		key, err := cache.FindKey(t.Context(), hash)
		require.NoError(t, err)
		assert.NotZero(t, key.RevokedAt)
	})
}

// The TTL counts from the start of a look-up, however long that takes.
func TestCachedStoreCountsFromBeforeTheLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Minute})
		go func() {
			time.Sleep(40 * time.Second)
			close(source.release)
		}()
		for range 2 { // after the look-up, and 30 seconds later
			_, err := cache.FindKey(t.Context(), hash)
			require.NoError(t, err)
			time.Sleep(30 * time.Second)
		}
		assert.EqualValues(t, 2, source.calls.Load())
	})
}

// What is missing is remembered no longer than a key would be.
func TestCachedStoreRemembersWhatIsMissingForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source cacheSource
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Millisecond})
		for range 2 {
			_, err := cache.FindKey(t.Context(), cacheHash(1))
			require.ErrorIs(t, err, bearer.ErrKeyNotFound)
			time.Sleep(time.Millisecond)
		}
		assert.EqualValues(t, 2, source.calls.Load())
	})
}

// Missing keys are remembered in a space of a fixed size.
func TestCachedStoreRemembersSoManyMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var source cacheSource
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		const missing, most = 10_000, 4096
		for range 2 { // within an instant
			for n := range missing {
				_, err := cache.FindKey(t.Context(), cacheHash(n))
				require.ErrorIs(t, err, bearer.ErrKeyNotFound)
			}
		}
		assert.GreaterOrEqual(t, source.calls.Load(), int64(2*missing-most))
		assert.Less(t, source.calls.Load(), int64(2*missing), "some are remembered")
	})
}

// A cache answers what the store said within its TTL, and during an outage what
// it has remembered: in any order of events.
func TestCachedStoreAgainstAModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, ttl = 6, 30 * time.Second
		random := rand.New(rand.NewPCG(5, 6))
		var source cacheSource
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: ttl, MaxKeys: 4})
		type version struct{ since, until time.Time }
		history := make([]map[string]version, keys) // by owner: when the store held it
		for n := range keys {
			history[n] = make(map[string]version)
			source.add(t, n, nil)
			history[n][""] = version{since: time.Now()}
		}
		owner := make([]string, keys)
		remembered := make([]time.Time, keys) // of the last answer that came from the store
		for i := range 20_000 {
			n := random.IntN(keys)
			switch random.IntN(6) {
			case 0: // a change that the cache is not told
				v := history[n][owner[n]]
				v.until = time.Now()
				history[n][owner[n]] = v
				owner[n] = strconv.Itoa(i)
				expires := time.Now().Add(time.Duration(random.IntN(60)-20) * time.Second)
				history[n][owner[n]] = version{since: time.Now()}
				require.NoError(t, source.Update(bearer.Key{ID: strconv.Itoa(n), Hash: cacheHash(n), Owner: owner[n], ExpiresAt: expires}))
			case 1:
				source.err = nil
			case 2:
				source.err = errors.New("down")
			case 3:
				time.Sleep(time.Duration(random.IntN(10_000)) * time.Millisecond)
			default:
				calls := source.calls.Load()
				key, err := cache.FindKey(t.Context(), cacheHash(n))
				asked := source.calls.Load() > calls
				if asked {
					require.Equal(t, source.err, err)
				}
				if err != nil {
					continue
				}
				if asked {
					remembered[n] = time.Now()
					require.Equal(t, owner[n], key.Owner)
					continue
				}
				require.Less(t, time.Since(remembered[n]), ttl)
				v, known := history[n][key.Owner]
				require.True(t, known)
				require.True(t, v.until.IsZero() || !v.until.Before(remembered[n]))
			}
		}
	})
}

// Once Forget has returned, no caller sees the key as it was before its
// revocation, whatever happens at the same time.
func TestCachedStoreForgetProperty(t *testing.T) {
	var source cacheSource
	cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour, MaxKeys: 8})
	const keys = 16
	var forgotten [keys]atomic.Bool
	for n := range keys {
		source.add(t, n, nil)
	}
	var wrong atomic.Int64
	var readers, revokers sync.WaitGroup
	done := make(chan struct{})
	for range 8 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				n := rand.IntN(keys)
				revoked := forgotten[n].Load()
				key, err := cache.FindKey(t.Context(), cacheHash(n))
				if err != nil || revoked && key.RevokedAt.IsZero() {
					wrong.Add(1)
				}
			}
		})
	}
	for n := range keys {
		revokers.Go(func() {
			_ = source.Update(bearer.Key{ID: strconv.Itoa(n), Hash: cacheHash(n), RevokedAt: time.Now()})
			cache.Forget(cacheHash(n))
			forgotten[n].Store(true)
		})
	}
	revokers.Wait()
	close(done)
	readers.Wait()
	assert.Zero(t, wrong.Load())
}

func TestCachedStoreMissingKeysEvictNoKey(t *testing.T) {
	var source cacheSource
	cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour, MaxKeys: 100})
	hash := source.add(t, -1, nil)
	_, err := cache.FindKey(t.Context(), hash)
	require.NoError(t, err)
	for n := range 10_000 {
		_, err := cache.FindKey(t.Context(), cacheHash(n))
		require.ErrorIs(t, err, bearer.ErrKeyNotFound)
	}
	before := source.calls.Load()
	_, err = cache.FindKey(t.Context(), hash)
	require.NoError(t, err)
	assert.Equal(t, before, source.calls.Load(), "the key is still remembered")
}

func TestCachedStoreIsBounded(t *testing.T) {
	var source cacheSource
	for _, most := range []int{1, 10, 100, 1000} {
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour, MaxKeys: most})
		for n := range 3000 {
			_ = source.Add(bearer.Key{Hash: cacheHash(n)})
			_, err := cache.FindKey(t.Context(), cacheHash(n))
			require.NoError(t, err)
		}
		remembered := 0
		for n := 2999; n >= 0; n-- { // the last is remembered for certain
			before := source.calls.Load()
			_, err := cache.FindKey(t.Context(), cacheHash(n))
			require.NoError(t, err)
			cache.Forget(cacheHash(n)) // makes room for the answer to the next
			if source.calls.Load() == before {
				remembered++
			}
		}
		assert.LessOrEqual(t, remembered, most)
		assert.Positive(t, remembered)
	}
}

func TestCachedStoreHoldsMaxKeys(t *testing.T) {
	for _, most := range []int{1, 7, 1000, 10_000} {
		var source cacheSource
		cache := bearer.CachedStore(&source, bearer.CacheConfig{TTL: time.Hour, MaxKeys: most})
		for range 2 {
			for n := range most {
				_ = source.Add(bearer.Key{Hash: cacheHash(n)})
				_, err := cache.FindKey(t.Context(), cacheHash(n))
				require.NoError(t, err)
			}
		}
		assert.EqualValues(t, most, source.calls.Load(), "each is looked up once and remembered")
	}
}

func TestCachedStoreFailsClosed(t *testing.T) {
	other := bearer.Key{ID: "other", Hash: cacheHash(2)}
	tests := []struct {
		name  string
		store storeFunc
		want  string
	}{
		{"nil key", func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, nil }, ""},
		{"another key", func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return &other, nil }, ""},
		{"panic", func(context.Context, bearer.KeyHash) (*bearer.Key, error) { panic("boom") }, "boom"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var calls int
			cache := bearer.CachedStore(storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
				calls++
				return tc.store(ctx, hash)
			}), bearer.CacheConfig{})
			for range 2 {
				_, err := cache.FindKey(t.Context(), cacheHash(1))
				if tc.want != "" {
					require.ErrorContains(t, err, tc.want)
				} else {
					require.NoError(t, err)
				}
			}
			assert.Equal(t, 2, calls, "nothing of it is remembered")
		})
	}
}

func TestCachedStoreOfAStoreThatExits(t *testing.T) {
	var gone bool
	cache := bearer.CachedStore(storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
		if !gone {
			gone = true
			runtime.Goexit()
		}
		return &bearer.Key{Hash: cacheHash(1)}, nil
	}), bearer.CacheConfig{})
	_, err := cache.FindKey(t.Context(), cacheHash(1))
	require.Error(t, err)
	_, err = cache.FindKey(t.Context(), cacheHash(1))
	assert.NoError(t, err)
}

// A KeyCache that has no store fails, whatever is done with it.
func TestKeyCacheWithoutAStore(t *testing.T) {
	for _, row := range []struct {
		name  string
		cache *bearer.KeyCache
	}{
		{"nil", nil},
		{"zero", new(bearer.KeyCache)},
		{"of nil", bearer.CachedStore(nil, bearer.CacheConfig{})},
		{"of a nil pointer", bearer.CachedStore((*bearer.MemoryStore)(nil), bearer.CacheConfig{})},
		{"of a nil pointer that panics", bearer.CachedStore((*bearertest.Keys)(nil), bearer.CacheConfig{})},
		{"of a nil cache", bearer.CachedStore((*bearer.KeyCache)(nil), bearer.CacheConfig{})},
		{"of the zero cache", bearer.CachedStore(new(bearer.KeyCache), bearer.CacheConfig{})},
	} {
		t.Run(row.name, func(t *testing.T) {
			fails := func() {
				t.Helper()
				key, err := row.cache.FindKey(t.Context(), cacheHash(1))
				require.Error(t, err)
				require.NotErrorIs(t, err, bearer.ErrKeyNotFound)
				assert.Nil(t, key)
			}
			fails()
			if row.cache == nil {
				return
			}
			for _, change := range []func(){
				func() { row.cache.Forget(cacheHash(1)) }, row.cache.ForgetAll, row.cache.Suspend, row.cache.ForgetAll, row.cache.Resume,
			} {
				change()
				fails()
			}
		})
	}
}

// A cache that is printed while it looks a key up shows no hash.
func TestKeyCachePrintsNoHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		go func() { _, _ = cache.FindKey(t.Context(), hash) }()
		synctest.Wait()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			assert.Equal(t, "bearer.KeyCache", fmt.Sprintf(verb, cache), verb)
		}
		close(source.release)
	})
}
