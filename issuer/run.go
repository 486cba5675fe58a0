package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	usesEvery = 10 * time.Second // how often uses are written, at least
	usesAtEnd = 5 * time.Second  // how long that may take at the end

	sweepEvery   = 5 * time.Minute
	sweepBatch   = 1000           // sessions in one call of Sweep
	sweepBatches = 100            // calls at a time
	keptFor      = 24 * time.Hour // how long a session that is over still tells why

	minBackoff = 100 * time.Millisecond // before Watch is called again
	maxBackoff = 5 * time.Second
)

var (
	errRunning  = errors.New("issuer: Run is running already")
	errFeedLost = errors.New("issuer: the store cannot tell of changes now")
)

// Run follows what other processes change in the store, writes when secrets
// were last used, and sweeps, as far as the store can. It returns nil when the
// context ends, and takes up to five seconds more to write the last uses: end it
// after http.Server.Shutdown. Of two calls at a time, the second returns an error
// at once.
func (i *Issuer) Run(ctx context.Context) error {
	if !i.running.CompareAndSwap(false, true) {
		return errRunning
	}
	defer i.running.Store(false)
	var tasks sync.WaitGroup
	if w, ok := i.config.Store.(Watcher); ok {
		tasks.Go(func() { i.follow(ctx, w) })
	}
	if s, ok := i.config.Store.(Sweeper); ok {
		tasks.Go(func() { i.sweep(ctx, s) })
	}
	tasks.Go(func() { i.writeUses(ctx) })
	tasks.Wait()
	return nil
}

// Healthy returns an error while the issuer cannot follow the changes of other
// processes: each request asks the store meanwhile.
func (i *Issuer) Healthy() error { return i.cache.feed.problem() }

// follow calls Watch until the context ends, and suspends the cache while it
// does not run.
func (i *Issuer) follow(ctx context.Context, w Watcher) {
	backoff := minBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := watch(ctx, w, i.cache)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("Watch returned")
		}
		i.cache.suspend(fmt.Errorf("%w: %w", errFeedLost, err))
		if time.Since(began) > maxBackoff {
			backoff = minBackoff
		}
		wait(ctx, backoff/2+rand.N(backoff/2)) //nolint:gosec // only keeps replicas apart
		backoff = min(2*backoff, maxBackoff)
	}
}

// watch calls Watch, and turns a panic into an error.
func watch(ctx context.Context, w Watcher, c Cache) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic in Watch: %s", panicText(p))
		}
	}()
	return w.Watch(ctx, c)
}

// writeUses writes uses until the context ends, and then what is left.
func (i *Issuer) writeUses(ctx context.Context) {
	for every := i.usesInterval(); wait(ctx, every); {
		i.uses.write(ctx, i.store)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), usesAtEnd)
	defer cancel()
	i.uses.write(ctx, i.store)
}

// usesInterval returns how often uses are written: more often than they are
// noted, which is once in CacheTTL for each secret.
func (i *Issuer) usesInterval() time.Duration {
	ttl := i.cache.ttl
	if ttl < 0 {
		return usesEvery
	}
	return min(max(ttl/3, time.Second), usesEvery)
}

// sweep removes what is over until the context ends, in small steps. What cannot
// be removed now is tried again the next time.
func (i *Issuer) sweep(ctx context.Context, s Sweeper) {
	for next := sweepEvery / 5; wait(ctx, next); next = sweepEvery {
		before := time.Now().Add(-keptFor)
		for range sweepBatches {
			n, err := ask(ctx, func(ctx context.Context) (int, error) { return s.Sweep(ctx, before, sweepBatch) })
			if err != nil || n < sweepBatch || ctx.Err() != nil {
				break
			}
		}
	}
}

// wait waits. It reports false if the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// A feed is the state of what tells of changes. The zero value has not begun, and
// is no problem: what is remembered is bounded by Config.CacheTTL.
type feed struct {
	mu  sync.Mutex
	err error
}

func (f *feed) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *feed) problem() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
