package bearersql

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/blockauth/bearer/issuer"
)

const (
	ringGap  = 10 * time.Millisecond  // at least between two reads, however often it rings
	maxPages = 10                     // in a row; if there are more changes, all is forgotten
	early    = 100 * time.Millisecond // before Config.Bound, so that it is kept
)

var errSlowRead = errors.New("bearersql: read the changes: no answer in time")

// A watcher is one call of Watch. Its goroutine alone tells the cache of changes,
// and waits for no database: each read has a goroutine of its own, of which there
// is one at a time.
type watcher struct {
	store   *Store
	cache   issuer.Cache
	outlook outlook // guarded by the feed
	tasks   sync.WaitGroup
	rings   chan struct{} // holds one if there may be changes
	results chan reading  // holds that of the read which is under way

	at      position // up to which all changes were told
	pages   int      // full ones since the end of the changes was last seen
	began   time.Time
	reading bool        // a read is under way, which began at began
	next    *time.Timer // when the next read is due
	blind   bool        // the cache is suspended
	bound   *time.Timer // when it is to be
}

// Watch implements [issuer.Watcher]. It tells the cache of the changes of all
// replicas, those of this one too. While the changes of the last Config.Bound may
// be unknown, and after Watch has returned, the cache is suspended. Watch returns
// nil when the context ends, once what it began has ended: reads, and the
// listener.
func (s *Store) Watch(ctx context.Context, cache issuer.Cache) error {
	w := &watcher{
		store: s, cache: cache, rings: make(chan struct{}, 1), results: make(chan reading, 1),
		at: unknownPosition, next: time.NewTimer(0), bound: time.NewTimer(s.config.blindAfter()), blind: true,
	}
	ctx, cancel := context.WithCancel(ctx)
	s.feed.join(&w.outlook)
	defer w.tasks.Wait()
	defer cancel()
	defer s.feed.leave(&w.outlook)
	defer cache.Suspend()
	cache.Suspend()
	if s.config.Listen != nil {
		w.tasks.Go(func() { w.listen(ctx) })
	}
	w.follow(ctx)
	return nil
}

// pollEvery returns Poll, or a quarter of Bound if that is less: one read that
// fails, or takes long, is not to make the feed blind.
func (c *Config) pollEvery() time.Duration { return min(c.Poll, c.Bound/4) }

// blindAfter returns how long after the begin of the last good read the cache is
// suspended: a little earlier than it has to be, for timers may be late.
func (c *Config) blindAfter() time.Duration { return c.Bound - min(early, c.Bound/10) }

// readTimeout returns how long a read may take: if each took longer, one could not
// follow the other within Bound.
func (c *Config) readTimeout() time.Duration { return c.Bound / 2 }

// follow reads, and tells the cache, until the context ends.
//
// Say that Bound is 5 s, and that Poll is 500 ms. A read began at 0 s, and told of
// all that was committed before. The next one began at 0.5 s and hangs, because a
// router drops what passes. A change that was committed at 0.1 s is in neither. At
// 3 s the context of the read ends, and the read with it if the driver is good;
// the next one begins, and hangs too. At 4.9 s, wherever the reads are, the cache
// is suspended: each look-up asks the database. It is resumed after the first read
// that finds the end of the changes.
func (w *watcher) follow(ctx context.Context) {
	defer w.next.Stop()
	defer w.bound.Stop()
	for {
		next := w.next.C
		if w.reading {
			next = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-w.bound.C:
			w.suspend()
		case <-w.rings:
			w.next.Reset(time.Until(w.began.Add(ringGap)))
		case <-next:
			w.read(ctx)
		case r := <-w.results:
			w.reading = false
			w.take(r)
		}
	}
}

// read begins a read. The next one is due after Poll, or when it rings.
func (w *watcher) read(ctx context.Context) {
	w.began, w.reading = time.Now(), true
	w.next.Reset(w.store.config.pollEvery())
	from := w.at
	w.tasks.Go(func() {
		var r reading
		err := recovered(func() (err error) {
			r, err = w.store.readChanges(ctx, from)
			return err
		})
		if err != nil {
			r = reading{err: fmt.Errorf("bearersql: read the changes: %w", err)}
		}
		w.results <- r
	})
}

// take tells the cache what a read found.
func (w *watcher) take(r reading) {
	if r.err != nil {
		w.store.feed.update(&w.outlook, func(o *outlook) { o.readErr = r.err })
		return
	}
	if r.missed && !w.blind {
		w.cache.ForgetAll()
	}
	for _, c := range r.changes {
		w.forget(c)
	}
	w.at = r.at
	if !r.more {
		w.pages = 0
		w.resume()
		return
	}
	w.pages++
	if w.pages == maxPages {
		w.at, w.pages = unknownPosition, 0
	}
	w.next.Reset(0)
}

// forget tells the cache of a change. One that names nothing is of a kind that a
// later version of this package tells.
func (w *watcher) forget(c issuer.Change) {
	if c == (issuer.Change{}) {
		w.cache.ForgetAll()
		return
	}
	w.cache.Forget(c)
}

// resume says that all changes were told that were committed before the last read
// began.
func (w *watcher) resume() {
	left := time.Until(w.began.Add(w.store.config.blindAfter()))
	if left <= 0 {
		return // the driver ignored the context
	}
	w.bound.Reset(left)
	if w.blind {
		w.cache.Resume()
		w.blind = false
	}
	w.store.feed.update(&w.outlook, func(o *outlook) { o.sees, o.readErr = true, nil })
}

// suspend says that changes may be unknown.
func (w *watcher) suspend() {
	w.cache.ForgetAll()
	w.cache.Suspend()
	w.blind = true
	w.store.feed.update(&w.outlook, func(o *outlook) {
		o.sees = false
		if o.readErr == nil {
			o.readErr = errSlowRead
		}
	})
}

// recovered turns a panic into an error: the issuer would not survive one in a
// goroutine that is not its own.
func recovered(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic: %v\n%s", p, debug.Stack())
		}
	}()
	return call()
}
