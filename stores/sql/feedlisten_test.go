package bearersql_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A bell is a Listener of a test. The zero value listens until the context ends.
type bell struct {
	mu    sync.Mutex
	call  func(ctx context.Context, ring func()) error // in place of listening
	calls []time.Time
	ring  func()
}

func (b *bell) Listen(ctx context.Context, _ string, ring func()) error {
	b.mu.Lock()
	b.calls = append(b.calls, time.Now())
	b.ring = ring
	call := b.call
	b.mu.Unlock()
	if call != nil {
		return call(ctx, ring)
	}
	ring()
	<-ctx.Done()
	return ctx.Err()
}

func (b *bell) set(call func(ctx context.Context, ring func()) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.call = call
}

func (b *bell) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

// Each ring is followed by a read, and many rings by few. Only PostgreSQL can be
// asked to ring, so that of no other it is said that it works.
func TestFeedRings(t *testing.T) {
	bell := &bell{}
	synctest.Test(t, func(t *testing.T) {
		store, gate := gatedStore(t, bearersql.Config{Listen: bell})
		cache, _ := follow(t, store)
		time.Sleep(100 * time.Millisecond)
		assert.Equal(t, bearersql.Polling, store.State().Mode)
		require.EqualError(t, store.State().Err, "bearersql: listen: only a listener of PostgreSQL can be tested")
		for n := range 10 {
			tell(t, store, keyChange(n))
			bell.ring()
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			assert.Zero(t, cache.missing(keyChanges(n, n+1)), n)
		}
		gate.reads()
		for range 1000 {
			bell.ring()
			time.Sleep(time.Millisecond)
		}
		assert.InDelta(t, 100, len(gate.reads()), 5, "each 10 ms")
	})
}

// A listener that fails, returns or panics is called again, at growing intervals of
// up to five seconds; the feed polls meanwhile. One that has worked for a while is
// called again at once.
func TestFeedListenerFails(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, ring func()) error{
		"a broken string": func(context.Context, func()) error { return errors.New("a broken string") },
		"a panic: ":       func(context.Context, func()) error { panic("out of tune") },
		"the listener returned": func(_ context.Context, ring func()) error {
			ring()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bell := &bell{call: call}
			synctest.Test(t, func(t *testing.T) {
				store, _ := gatedStore(t, bearersql.Config{Listen: bell})
				cache, stop := follow(t, store)
				time.Sleep(10 * time.Millisecond)
				assert.Equal(t, bearersql.Polling, store.State().Mode)
				require.ErrorContains(t, store.State().Err, "bearersql: listen: "+name)
				time.Sleep(time.Minute)
				assert.GreaterOrEqual(t, bell.count(), 15)
				assert.LessOrEqual(t, bell.count(), 30)
				tell(t, store, keyChange(1))
				time.Sleep(500 * time.Millisecond)
				assert.Zero(t, cache.missing(keyChanges(1, 2)))

				bell.set(func(context.Context, func()) error {
					time.Sleep(6 * time.Second)
					return errors.New("late")
				})
				time.Sleep(20 * time.Second)
				before := bell.count()
				bell.set(call)
				time.Sleep(10 * time.Second)
				assert.GreaterOrEqual(t, bell.count()-before, 5, "the intervals grow from the shortest again")
				stop()
			})
		})
	}
}
