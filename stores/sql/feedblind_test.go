package bearersql_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// gatedStore returns a store whose reads pass a gate. Unless the config says
// otherwise, Poll is 500 ms and Bound 5 s.
func gatedStore(tb testing.TB, config bearersql.Config) (*bearersql.Store, *gate) {
	tb.Helper()
	gate := &gate{}
	return newStore(tb, gate.open(tb), config), gate
}

// While a read hangs, with a driver that ends it by its context or one that does
// not, the cache is suspended before Bound is over, and no read is made beside it.
func TestFeedHangs(t *testing.T) {
	for name, hang := range map[string]func(context.Context, chan struct{}) error{
		"until the context ends": func(ctx context.Context, _ chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"whatever the context": func(_ context.Context, free chan struct{}) error {
			<-free
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, gate := gatedStore(t, bearersql.Config{})
				cache, _ := follow(t, store)
				time.Sleep(1200 * time.Millisecond)
				assert.Equal(t, bearersql.Polling, store.State().Mode)
				reads := gate.reads()
				last := reads[len(reads)-1]
				free := make(chan struct{})
				gate.set(func(ctx context.Context) error { return hang(ctx, free) })
				tell(t, store, keyChange(1))

				time.Sleep(time.Until(last.Add(4890 * time.Millisecond)))
				assert.False(t, cache.isSuspended())
				assert.Equal(t, bearersql.Polling, store.State().Mode)
				assert.Zero(t, cache.losses())
				time.Sleep(20 * time.Millisecond)
				assert.True(t, cache.isSuspended())
				assert.Equal(t, 1, cache.losses())
				state := store.State()
				assert.Equal(t, bearersql.Blind, state.Mode)
				assert.Equal(t, 4900*time.Millisecond, state.Since.Sub(last))
				require.ErrorContains(t, state.Err, "bearersql: read the changes: ")

				time.Sleep(time.Minute)
				assert.Equal(t, state.Since, store.State().Since)
				assert.True(t, cache.isSuspended())
				assert.Equal(t, 1, cache.resumes())
				assert.Equal(t, 1, gate.mostAtOnce(), "one read at a time")

				gate.set(nil)
				close(free)
				time.Sleep(3500 * time.Millisecond) // what hangs ends at its timeout of 2.5 s
				assert.Equal(t, bearersql.Polling, store.State().Mode)
				require.NoError(t, store.State().Err)
				assert.False(t, cache.isSuspended())
				assert.Equal(t, 2, cache.resumes())
				assert.Equal(t, keyChanges(1, 2), cache.inOrder())
			})
		})
	}
}

// A read that fails is said at once, and makes the feed blind only after Bound.
func TestFeedFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, gate := gatedStore(t, bearersql.Config{})
		cache, _ := follow(t, store)
		gate.set(func(context.Context) error { return errors.New("out of order") })
		time.Sleep(2 * time.Second)
		assert.Equal(t, bearersql.Polling, store.State().Mode)
		require.EqualError(t, store.State().Err, "bearersql: read the changes: out of order")
		gate.set(nil)
		time.Sleep(time.Second)
		assert.Equal(t, bearersql.Polling, store.State().Mode)
		require.NoError(t, store.State().Err)
		assert.Zero(t, cache.losses())

		gate.set(func(context.Context) error { return errors.New("out of order") })
		time.Sleep(6 * time.Second)
		assert.Equal(t, bearersql.Blind, store.State().Mode)
		require.EqualError(t, store.State().Err, "bearersql: read the changes: out of order")
		assert.True(t, cache.isSuspended())

		gate.set(func(context.Context) error { panic("out of its mind") })
		time.Sleep(time.Second)
		assert.Equal(t, bearersql.Blind, store.State().Mode)
		require.ErrorContains(t, store.State().Err, "bearersql: read the changes: a panic: out of its mind")
		gate.set(nil)
		time.Sleep(time.Second)
		assert.Equal(t, bearersql.Polling, store.State().Mode)
		assert.False(t, cache.isSuspended())
	})
}

// A database that is slow, but not too slow, is followed.
func TestFeedSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, gate := gatedStore(t, bearersql.Config{})
		cache, _ := follow(t, store)
		gate.set(func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		})
		for n := range 10 {
			tell(t, store, keyChange(n))
			time.Sleep(4 * time.Second)
			assert.Zero(t, cache.missing(keyChanges(n, n+1)), n)
			assert.Equal(t, bearersql.Polling, store.State().Mode)
		}
		assert.Equal(t, 1, cache.resumes())
		assert.Equal(t, 1, gate.mostAtOnce())
	})
}

// Poll is Config.Poll, but at most a quarter of Bound.
func TestFeedPoll(t *testing.T) {
	for _, test := range []struct {
		name   string
		config bearersql.Config
		want   time.Duration
	}{
		{"default", bearersql.Config{}, 500 * time.Millisecond},
		{"own", bearersql.Config{Poll: 100 * time.Millisecond, Bound: time.Second}, 100 * time.Millisecond},
		{"a long one", bearersql.Config{Poll: time.Hour}, 1250 * time.Millisecond},
		{"a short Bound", bearersql.Config{Bound: 200 * time.Millisecond}, 50 * time.Millisecond},
		{"negative", bearersql.Config{Poll: -1, Bound: -1}, 500 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, gate := gatedStore(t, test.config)
				cache, _ := follow(t, store)
				time.Sleep(2 * time.Minute)
				reads := gate.reads()
				for i := range reads[1:] {
					require.Equal(t, test.want, reads[i+1].Sub(reads[i]))
				}
				assert.Zero(t, cache.losses())
				assert.Equal(t, bearersql.Polling, store.State().Mode)
			})
		})
	}
}

// A cache that panics ends Watch, and leaves nothing behind. The feed is not
// followed then, and says so.
func TestFeedCachePanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := gatedStore(t, bearersql.Config{Listen: &bell{}})
		tell(t, store, keyChange(0))
		cache := panickingCache{newFeedCache()}
		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			_ = store.Watch(context.Background(), cache)
		}()
		synctest.Wait()
		assert.Equal(t, bearersql.Polling, store.State().Mode)
		tell(t, store, keyChange(1))
		assert.Equal(t, "a panic of the cache", <-ended)
		assert.Equal(t, bearersql.Blind, store.State().Mode)
		assert.True(t, cache.isSuspended())
	})
}

type panickingCache struct{ *feedCache }

func (panickingCache) Forget(issuer.Change) { panic("a panic of the cache") }
