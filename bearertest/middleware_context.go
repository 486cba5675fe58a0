package bearertest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// This file tests when the context of a handler ends.

// patience is how long a handler waits for the end of its context. Where a
// client goes away, net/http ends it at once.
const patience = 4 * time.Second

// An ending is what became of a handler's context.
type ending struct {
	before   error // of the context, while the client was there
	deadline bool
	after    error // of the context, when the client had gone
}

// wait waits until the request's context is done.
func (v *visit) wait(r *http.Request) {
	ctx := r.Context()
	e := ending{before: ctx.Err()}
	_, e.deadline = ctx.Deadline()
	offer(v.entered, struct{}{})
	if ctx.Done() != nil {
		select {
		case <-ctx.Done():
		case <-time.After(patience):
		}
	}
	e.after = ctx.Err()
	offer(v.ended, e)
}

// offer sends the first of several values.
func offer[T any](c chan T, value T) {
	select {
	case c <- value:
	default:
	}
}

// gone sends a request, and goes away when the handler has it.
func (t *middlewareTest) gone() {
	c := &exchange{name: "a client that goes away", do: "wait"}
	s := newScene(c)
	h := t.wrapped(c, s.guard)
	if h == nil {
		return
	}
	d := s.open(h)
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		new(outcome).exchange(d.client, d.request(c).WithContext(ctx))
	}()
	select {
	case <-d.witness.probe.entered:
	case <-answered: // without the handler: other exchanges tell
	}
	cancel()
	<-answered
	d.close() // waits for the handler
	select {
	case e := <-d.witness.probe.ended:
		t.judgeEnding(c, e)
	default:
	}
}

func (t *middlewareTest) judgeEnding(c *exchange, e ending) {
	broken := func(got, want string) { t.brokenf(ruleEnds, "%s: got %s, want %s", c.name, got, want) }
	switch {
	case e.before != nil:
		broken(fmt.Sprintf("a context that was done before (%v)", e.before), "one that was not")
	case e.deadline:
		broken("a context with a deadline", "the request's, which has none")
	case e.after == nil:
		broken("a context that was not done afterwards", "one that was")
	}
}
