package bearertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what adapters keep from one request to the next.

// sequence sends good and bad requests of two callers in turn to one handler,
// on one connection.
func (t *middlewareTest) sequence() {
	c := &exchange{name: "after other requests", scopes: []bearer.Scope{"tokens:read"}}
	s := newScene(c)
	h := t.wrapped(c, s.guard)
	if h == nil {
		return
	}
	var requests []*exchange
	for _, credential := range []func(*scene) string{
		secretKey, noCredential, otherKey, unknownKey, secretKey, weakKey, goodToken, noCredential,
	} {
		requests = append(requests, &exchange{name: c.name, scopes: c.scopes, credential: credential})
	}
	want := s.send(s.guard.Require(c.scopes...)(Handler), requests...)
	got := s.send(h, requests...)
	same := got.principal.String() == want.principal.String()
	if got.err != nil || got.body != want.body || !same || got.runs != want.runs {
		t.brokenf(ruleState, "%s: got %d runs of the handler and the answers %q, want %d and %q (error: %v)",
			c.name, got.runs, got.body, want.runs, want.body, got.err)
	}
}

// again sends a key several times, which is revoked and restored meanwhile.
func (t *middlewareTest) again() {
	c := &exchange{name: "a key that is sent again", scopes: tokensRead}
	s := newScene(c)
	restored := func(k *bearer.Key) { k.RevokedAt = time.Time{} }
	t.repeats(s, c, secretKey(s), []repeat{
		{"again", func() {}, http.StatusOK, 1},
		{"after it was revoked", func() { s.keys.Revoke("key_a") }, http.StatusUnauthorized, 0},
		{"after it was restored", func() { s.keys.Update("key_a", restored) }, http.StatusOK, 1},
	})
}

// againToken sends a token several times, whose signing key is replaced.
func (t *middlewareTest) againToken() {
	c := &exchange{name: "a token that is sent again", scopes: tokensRead}
	s := newScene(c)
	t.repeats(s, c, goodToken(s), []repeat{
		{"again", func() {}, http.StatusOK, 1},
		{"after the issuer's key was replaced", s.tokens.Rotate, http.StatusUnauthorized, 0},
	})
}

// A repeat is a request with a credential that was good before.
type repeat struct {
	when   string
	before func()
	status int
	takes  int
}

func (t *middlewareTest) repeats(s *scene, c *exchange, text string, repeats []repeat) {
	h := t.wrapped(c, s.guard)
	if h == nil {
		return
	}
	send := func() *outcome {
		return s.send(h, &exchange{name: c.name, credential: func(*scene) string { return text }})
	}
	if out := send(); out.status != http.StatusOK || len(out.takes) != 1 {
		return // wrong without a repeat: other exchanges tell
	}
	for _, r := range repeats {
		r.before()
		out := send()
		t.count(ruleAnew, c.name+", "+r.when+": status", out.status, r.status)
		t.count(ruleAnew, c.name+", "+r.when+": takes from the limiter", len(out.takes), r.takes)
	}
}

// together sends requests of several callers at the same time to one handler:
// half of them are refused, as late as possible. First they go through the
// guard in step. Only if all went well so far, they run freely: an adapter that
// mixes up responses could end the process, as concurrent writes to a map do.
func (t *middlewareTest) together() {
	const callers, rounds = 8, 3
	g := &gate{callers: callers}
	c := &exchange{
		name:   "requests at the same time",
		scopes: tokensRead,
		config: func(s *scene, c *bearer.Config) {
			g.Limiter = &s.limiter
			c.Limiter = g
		},
	}
	s := newScene(c)
	h := t.wrapped(c, s.guard)
	if h == nil {
		return
	}
	d := s.open(h)
	defer d.close()
	crowd := newCrowd(s, callers)
	for range rounds {
		g.reset()
		each(crowd, func(who *caller) { t.judgeCaller(c, who, who.send(d, g)) })
	}
	if t.clean() {
		g.free()
		each(crowd, func(who *caller) { t.run(c.name, ruleAdapterPanic, func() { t.hurry(d, c, who) }) })
	}
	t.judgeCrowd(d, c)
}

// hurry sends the requests of a caller without a connection, one right after
// another, for a while.
func (t *middlewareTest) hurry(d *door, c *exchange, who *caller) {
	for start := time.Now(); time.Since(start) < 150*time.Millisecond; {
		w := httptest.NewRecorder()
		d.witness.ServeHTTP(w, Request(http.MethodGet, "/v1/things", who.text))
		t.judgeCaller(c, who, &outcome{status: w.Code, body: w.Body.String()})
	}
}

// judgeCrowd reports what no answer shows.
func (t *middlewareTest) judgeCrowd(d *door, c *exchange) {
	if _, panicked := d.witness.panic(); panicked != "" {
		t.brokenf(ruleAdapterPanic, "%s: got the panic %s, want none", c.name, panicked)
	}
	p := &d.witness.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	if !t.broken(ruleRequest) { // else they are changed also where there is but one
		for _, change := range p.changes {
			t.brokenf(ruleState, "%s: %s", c.name, change)
		}
	}
}

// A caller is one of several at the same time.
type caller struct {
	id, text string
	status   int
}

func newCrowd(s *scene, n int) []caller {
	crowd := make([]caller, n)
	for i := range crowd {
		c := caller{id: fmt.Sprintf("caller_%d", i), status: http.StatusOK}
		scopes := bearer.Scopes("tokens:read")
		if i%2 == 1 {
			c.status, scopes = http.StatusForbidden, "wallets:read"
		}
		c.text = s.keys.Issue(bearer.Key{ID: c.id, Owner: c.id, Scopes: scopes})
		crowd[i] = c
	}
	return crowd
}

// send sends one request through the gate.
func (c *caller) send(d *door, g *gate) *outcome {
	defer g.finish()
	out := new(outcome)
	out.exchange(d.client, d.request(&exchange{credential: func(*scene) string { return c.text }}))
	return out
}

// each does something for all callers at the same time.
func each(crowd []caller, do func(*caller)) {
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() { do(&crowd[i]) })
	}
	all.Wait()
}

func (t *middlewareTest) judgeCaller(c *exchange, who *caller, out *outcome) {
	own := strings.Count(out.body, `"owner":"`+who.id+`"`)
	others := strings.Count(out.body, `"owner":"`) - own
	switch {
	case out.err != nil:
		t.brokenf(ruleState, "%s: %s: got the error %v, want an answer", c.name, who.id, out.err)
	case out.status != who.status:
		t.brokenf(ruleState, "%s: %s: got the status %d, want %d", c.name, who.id, out.status, who.status)
	case others > 0, own != 1 && who.status == http.StatusOK, own > 0 && who.status != http.StatusOK:
		t.brokenf(ruleState, "%s: %s: got %.200q, want the answer to its own request", c.name, who.id, out.body)
	}
}

// A gate is a limiter at which the requests of several callers meet: each waits
// until all are there, when the adapter has begun with each of them. Then they
// go on one by one, each when those before it are answered. An adapter that
// keeps something of a request where others find it mixes them up then, and
// always in the same way. No request waits for long.
type gate struct {
	bearer.Limiter
	callers int

	mu       sync.Mutex
	open     bool // nobody waits any more
	arrived  int
	answered int
}

// Take implements [bearer.Limiter].
func (g *gate) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if v := visitOf(ctx); v != nil && v.met.CompareAndSwap(false, true) {
		g.mu.Lock()
		turn := g.arrived
		g.arrived++
		g.mu.Unlock()
		g.await(func() bool { return g.arrived >= g.callers })
		g.await(func() bool { return g.answered >= turn })
	}
	return g.Limiter.Take(ctx, b, n, l)
}

// await waits until something is so, but not for long, and after that never
// again: an adapter that lets in one request at a time is slow, not wrong.
func (g *gate) await(so func() bool) {
	for start := time.Now(); time.Since(start) < time.Second; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		done := g.open || so()
		g.mu.Unlock()
		if done {
			return
		}
	}
	g.free()
}

// finish says that a request was answered.
func (g *gate) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered++
}

// reset prepares for another round.
func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived, g.answered = 0, 0
}

// free opens the gate for good.
func (g *gate) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
