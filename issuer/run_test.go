package issuer_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A touchedStore keeps what TouchKeys was called with. It is no Watcher and no
// Sweeper.
type touchedStore struct {
	issuer.Store

	mu      sync.Mutex
	batches []map[bearer.KeyHash]time.Time
	fail    func(ctx context.Context) error // nil: never
}

func (s *touchedStore) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	s.mu.Lock()
	s.batches = append(s.batches, maps.Clone(used))
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		if err := fail(ctx); err != nil {
			return err
		}
	}
	return s.Store.TouchKeys(ctx, used)
}

func (s *touchedStore) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batches)
}

// A key's last use is exact to CacheTTL, is written in batches and never on the
// path of a request, and is not that of a key that was refused.
func TestLastUsedIsExactToCacheTTL(t *testing.T) {
	for _, ttl := range []time.Duration{0, 3 * time.Second, time.Second, time.Hour, -1} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigned(t)
			store := &touchedStore{Store: s.store}
			s.config.Store, s.config.CacheTTL = store, ttl
			iss := s.issuer()
			stop := s.run(iss)
			guard := s.keys(iss)
			text, key := s.key(nil)
			lastUse := func() time.Time {
				key, err := s.store.GetKey(t.Context(), "acme", key.ID)
				require.NoError(t, err)
				assert.Equal(t, key.LastUsedAt, key.Secrets[0].LastUsedAt)
				return key.LastUsedAt
			}
			var used time.Time
			for range 100 {
				used = time.Now()
				require.Equal(t, "ok", guard(text))
				time.Sleep(time.Second)
			}
			stop()
			exact := max(ttl, 0)
			if ttl == 0 {
				exact = 30 * time.Second
			}
			assert.LessOrEqual(t, used.Sub(lastUse()), exact, "CacheTTL %v", ttl)
			assert.Less(t, store.calls(), 102, "CacheTTL %v", ttl)
		})
	}
}

// Only what is good was used: a revoked, expired or ended key is not (S4.13).
func TestRefusedKeysAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		store := &touchedStore{Store: s.store}
		s.config.Store = store
		iss := s.issuer()
		stop := s.run(iss)
		guard := s.keys(iss)
		for _, change := range []func(*issuer.APIKey){
			func(k *issuer.APIKey) { k.RevokedAt = time.Now() },
			func(k *issuer.APIKey) { k.Disabled = true },
			func(k *issuer.APIKey) { k.ExpiresAt = time.Now() },
			func(k *issuer.APIKey) { k.Secrets[0].EndsAt = time.Now() },
		} {
			text, _ := s.key(change)
			assert.NotEqual(t, "ok", guard(text))
		}
		stop()
		assert.Empty(t, store.batches)
	})
}

// What ends later is good until then, and is used (S4.13).
func TestKeysThatEndAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		iss := s.issuer()
		stop := s.run(iss)
		guard := s.keys(iss)
		var keys []issuer.APIKey
		for _, change := range []func(*issuer.APIKey){
			func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Second) },
			func(k *issuer.APIKey) { k.Secrets[0].EndsAt = time.Now().Add(time.Second) },
		} {
			text, key := s.key(change)
			require.Equal(t, "ok", guard(text))
			keys = append(keys, key)
		}
		stop()
		for _, key := range keys {
			after, err := s.store.GetKey(t.Context(), "acme", key.ID)
			require.NoError(t, err)
			assert.Equal(t, time.Now(), after.LastUsedAt.In(time.Local))
		}
	})
}

// 2500 keys are written in three calls, and what fails is written later: at the
// end, too.
func TestUsesAreWrittenInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		var down atomic.Bool
		down.Store(true)
		store := &touchedStore{Store: s.store}
		store.fail = func(context.Context) error {
			if down.Load() {
				return errors.New("down")
			}
			return nil
		}
		s.config.Store = store
		iss := s.issuer()
		stop := s.run(iss)
		guard := s.keys(iss)
		used := map[bearer.KeyHash]time.Time{}
		for range 2500 {
			text, key := s.key(nil)
			require.Equal(t, "ok", guard(text))
			used[key.Secrets[0].Hash] = time.Now()
		}
		assert.Zero(t, store.calls(), "not on the path of a request")
		time.Sleep(10*time.Second + 1)
		assert.Equal(t, 1, store.calls(), "the first fails")
		down.Store(false)
		store.mu.Lock()
		store.batches = nil
		store.mu.Unlock()
		stop()
		written := map[bearer.KeyHash]time.Time{}
		for _, batch := range store.batches {
			assert.LessOrEqual(t, len(batch), 1000)
			maps.Copy(written, batch)
		}
		assert.Len(t, store.batches, 3)
		assert.Equal(t, used, written)
	})
}

// At the end, Run takes five seconds more for the last uses, and no longer.
func TestRunEndsInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		store := &touchedStore{Store: s.store, fail: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		s.config.Store = store
		iss := s.issuer()
		stop := s.run(iss)
		require.Equal(t, "ok", s.keys(iss)(first(s.key(nil))))
		began := time.Now()
		stop()
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.Equal(t, 1, store.calls())
	})
}

// A feed that fails suspends the caches; Watch is called again after a while that
// grows to five seconds, and the feed's first news ends that.
func TestRunFollowsAgain(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func() error
	}{
		{"an error", func() error { return errors.New("the connection is lost") }},
		{"nothing", func() error { return nil }},
		{"a panic", func() error { panic(errors.New("a secret")) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigned(t)
			var down atomic.Bool
			down.Store(true)
			lose := make(chan struct{})
			var began []time.Time
			s.config.Store = &watchedStore{s.store, func(ctx context.Context, c issuer.Cache) error {
				if down.Load() {
					began = append(began, time.Now())
				} else {
					c.Resume()
					select {
					case <-ctx.Done():
						return nil
					case <-lose:
					}
				}
				return row.fail()
			}}
			iss := s.issuer()
			assert.NoError(t, iss.Healthy(), "before Run, CacheTTL is the bound")
			guard := s.tokens(iss)
			text, session := s.session("user:42", nil)
			require.Equal(t, "ok", guard(text))
			stop := s.run(iss)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.ErrorContains(t, iss.Healthy(), "cannot tell of changes", row.name)
			assert.NotContains(t, iss.Healthy().Error(), "a secret")
			for n := 1; n < len(began); n++ {
				assert.LessOrEqual(t, began[n].Sub(began[n-1]), 5*time.Second)
			}
			assert.Greater(t, len(began), 12, row.name)
			assert.Less(t, len(began), 40, row.name)
			down.Store(false)
			time.Sleep(5 * time.Second)
			assert.NoError(t, iss.Healthy(), row.name)
			require.Equal(t, "ok", guard(text))

			down.Store(true)
			lose <- struct{}{}
			synctest.Wait()
			assert.Error(t, iss.Healthy(), row.name)
			require.NoError(t, s.store.EndSessions(t.Context(), session.Subject, "")) // no one tells of it
			assert.Equal(t, "token_revoked", guard(text), row.name)
			stop()
			assert.Error(t, iss.Healthy(), row.name)
		})
	}
}

// What changed before the feed began is not remembered after it.
func TestFeedBegins(t *testing.T) {
	s := newSigned(t)
	iss := s.issuer()
	guard := s.tokens(iss)
	text, session := s.session("user:42", nil)
	require.Equal(t, "ok", guard(text))
	require.NoError(t, s.store.EndSessions(t.Context(), session.Subject, ""))
	require.Equal(t, "ok", guard(text), "nobody follows the store yet")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { assert.NoError(t, iss.Run(ctx)) }()
		synctest.Wait()
	})
	assert.Equal(t, "token_revoked", guard(text))
}

// A sweptStore counts what Sweep is called with.
type sweptStore struct {
	issuer.Store
	sweep func(before time.Time, limit int) (int, error)
}

func (s *sweptStore) Sweep(_ context.Context, before time.Time, limit int) (int, error) {
	return s.sweep(before, limit)
}

// What is over for a day is removed in bounded batches, every few minutes, also
// after a failure.
func TestRunSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigned(t)
		var left, calls atomic.Int64
		var fails atomic.Bool
		left.Store(2500)
		fails.Store(true)
		s.config.Store = &sweptStore{s.store, func(before time.Time, limit int) (int, error) {
			calls.Add(1)
			if fails.Load() {
				panic("down")
			}
			assert.Equal(t, 24*time.Hour, time.Since(before))
			assert.Equal(t, 1000, limit)
			n := min(int(left.Load()), limit)
			left.Add(int64(-n))
			return n, nil
		}}
		stop := s.run(s.issuer())
		time.Sleep(time.Minute + 1)
		assert.EqualValues(t, 1, calls.Load())
		fails.Store(false)
		time.Sleep(5 * time.Minute)
		assert.Zero(t, left.Load())
		assert.EqualValues(t, 4, calls.Load())
		left.Store(1_000_000)
		time.Sleep(5 * time.Minute)
		assert.EqualValues(t, 104, calls.Load(), "bounded")
		stop()
		time.Sleep(time.Hour)
		assert.EqualValues(t, 104, calls.Load())
	})
}

// Of two Runs at a time the second is an error; after the first, another may
// begin. No goroutine is left.
func TestRunOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		s := newSigned(t)
		iss := s.issuer()
		stop := s.run(iss)
		synctest.Wait()
		assert.ErrorContains(t, iss.Run(t.Context()), "running already")
		stop()
		stop = s.run(iss)
		synctest.Wait()
		stop()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.NoError(t, iss.Run(ctx))
	})
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}
