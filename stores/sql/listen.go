package bearersql

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	minBackoff = 100 * time.Millisecond // before Listen is called again
	maxBackoff = 5 * time.Second
)

var (
	errDeaf = errors.New("a test was not heard: is PgBouncer in transaction mode between? " +
		"The listener needs a connection of its own to the primary")
	errUntested = errors.New("only a listener of PostgreSQL can be tested")
)

// listen keeps the listener going until the context ends.
func (w *watcher) listen(ctx context.Context) {
	backoff := minBackoff
	for ctx.Err() == nil {
		began := time.Now()
		err := w.listenOnce(ctx)
		w.hear(false, err)
		if time.Since(began) > maxBackoff {
			backoff = minBackoff
		}
		_ = pause(ctx, backoff) // the loop ends with the context
		backoff = min(2*backoff, maxBackoff)
	}
}

// hear says whether the listener is known to work, and why not.
func (w *watcher) hear(hears bool, err error) {
	if err != nil {
		err = fmt.Errorf("bearersql: listen: %w", err)
	}
	w.store.feed.update(&w.outlook, func(o *outlook) { o.hears, o.listenErr = hears, err })
}

// listenOnce calls Listen and tests it. It returns why Listen returned, or why the
// test failed, once Listen has returned.
func (w *watcher) listenOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	heard, ended := make(chan struct{}, 1), make(chan struct{})
	ring := func() {
		offer(heard)
		offer(w.rings)
	}
	w.tasks.Go(func() {
		defer close(ended)
		err := recovered(func() error {
			return w.store.config.Listen.Listen(ctx, w.store.config.changesChannel(), ring)
		})
		if err == nil {
			err = errors.New("the listener returned")
		}
		cancel(err)
	})
	switch err := w.test(ctx, heard); {
	case err == nil:
		w.hear(true, nil)
		<-ctx.Done()
	case errors.Is(err, errUntested):
		w.hear(false, err)
		<-ctx.Done()
	default:
		cancel(err)
	}
	<-ended
	return context.Cause(ctx)
}

// test finds out whether the listener hears what is said by way of the pool. It
// does so twice, because once may be chance. If PgBouncer gives the server
// connection that listens to others, each of its clients hears what comes while it
// uses it, and the pings of a listener, two seconds apart, use it too.
func (w *watcher) test(ctx context.Context, heard <-chan struct{}) error {
	select {
	case <-heard: // it listens
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if w.store.dialect != PostgreSQL {
		return errUntested
	}
	for _, patience := range []time.Duration{2 * time.Second, time.Second} {
		select {
		case <-heard: // before the test
		default:
		}
		if err := w.echo(ctx, heard, patience); err != nil {
			return err
		}
	}
	return nil
}

// echo rings by way of the database, and waits until it is heard.
func (w *watcher) echo(ctx context.Context, heard <-chan struct{}, patience time.Duration) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	said, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := w.store.read().exec(said, `SELECT pg_notify(?, '')`, w.store.config.changesChannel()); err != nil {
		return fmt.Errorf("test: %w", err)
	}
	select {
	case <-heard:
		return nil
	case <-late.C:
		return errDeaf
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// offer puts one into a channel, unless it holds one.
func offer(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
