package bearertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// This file tests handlers that wait: for their client to read, and for it to
// go.

// patience is how long a handler waits. Where a client goes away, net/http ends
// the context at once, and what was flushed arrives at once.
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
	if t.foreign {
		return
	}
	c := &exchange{name: "a client that goes away", do: "wait"}
	s := t.scene(c)
	d := s.open(t.wrapped(c, s.guard))
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if response, err := d.client.Do(d.request(c).WithContext(ctx)); err == nil {
			_ = response.Body.Close()
		}
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

// stream answers in two pieces, the second when the client has the first.
func (v *visit) stream(w http.ResponseWriter) {
	_, _ = io.WriteString(w, "first\n")
	tell(w, "flush", http.NewResponseController(w).Flush())
	select {
	case <-v.received:
		_, _ = io.WriteString(w, "second\n")
	case <-time.After(patience):
		_, _ = io.WriteString(w, "nobody had the first\n")
	}
}

// streams reads an answer as it comes, as a client of server-sent events does.
func (t *middlewareTest) streams() {
	if t.foreign {
		return
	}
	c := &exchange{name: "an answer in pieces", do: "stream"}
	s := t.scene(c)
	d := s.open(t.wrapped(c, s.guard))
	defer d.close()
	response, err := d.client.Do(d.request(c))
	if err != nil {
		t.brokenf(ruleWriter, "%s: got the error %v, want an answer", c.name, err)
		return
	}
	defer response.Body.Close()
	body := bufio.NewReader(response.Body)
	first, _ := body.ReadString('\n')
	offer(d.witness.probe.received, struct{}{})
	rest, _ := io.ReadAll(body)
	if got, want := first+string(rest), "first\nsecond\n"; got != want {
		t.brokenf(ruleWriter, "%s: got %q, want %q", c.name, got, want)
	}
}
