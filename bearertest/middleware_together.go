package bearertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what adapters keep of one of several requests at the same
// time.

// together sends requests of several callers at the same time to one handler:
// half of them are refused, as late as possible. First they go through the
// guard in step. Only if all went well so far, they run freely: an adapter that
// mixes up responses could end the process, as concurrent writes to a map do.
func (t *middlewareTest) together() {
	const rounds = 3
	w := t.newCrowd(8)
	h := t.wrapped(w.exchange(&w.callers[0]), w.scene.guard)
	d := w.scene.open(h)
	defer d.close()
	for range rounds {
		w.gate.reset()
		w.each(func(who *caller) { w.note(who, who.want, w.ask(d, who)) })
	}
	w.gate.free()
	if t.clean() && len(w.mixed) == 0 {
		witness := w.scene.witness(h)
		w.each(func(who *caller) { w.hurry(witness, who) })
		w.tell(witness)
	}
	w.tell(d.witness)
}

// A crowd is several callers at the same time.
type crowd struct {
	*middlewareTest
	scene   *scene
	gate    *gate
	callers []caller

	mu    sync.Mutex
	mixed []mixUp
}

// A caller is one of several at the same time.
type caller struct {
	id, text string
	want     *outcome // of a request alone, over a connection
	recorded *outcome // without one
}

// A mixUp is an answer that is not that of a request alone.
type mixUp struct {
	who   *caller
	got   *outcome
	want  *outcome
	parts []string
}

func (t *middlewareTest) newCrowd(n int) *crowd {
	w := &crowd{middlewareTest: t, gate: &gate{callers: n, open: true}, callers: make([]caller, n)}
	w.scene = t.scene(&exchange{config: func(s *scene, c *bearer.Config) {
		w.gate.Limiter = &s.limiter
		c.Limiter = w.gate
	}})
	for i := range w.callers {
		who := &w.callers[i]
		who.id = fmt.Sprintf("caller_%d", i)
		scopes := bearer.Scopes("tokens:read")
		if i%2 == 1 {
			scopes = "wallets:read"
		}
		who.text = w.scene.keys.Issue(bearer.Key{ID: who.id, Owner: who.id, Scopes: scopes})
		who.want = t.want(w.scene, w.exchange(who))
		who.recorded = w.record(w.scene.witness(w.alone(who)), who)
	}
	return w
}

func (w *crowd) exchange(who *caller) *exchange {
	return &exchange{scopes: tokensRead, credential: func(*scene) string { return who.text }}
}

// alone returns a handler that answers a caller as is wanted.
func (w *crowd) alone(who *caller) http.Handler {
	if c := w.exchange(who); w.foreign && who.want.admitted {
		return w.scene.guard.Handler(w.wrapped(c, w.scene.guard))
	}
	return w.reference(w.scene, w.exchange(who))
}

// each does something for all callers at the same time.
func (w *crowd) each(do func(*caller)) {
	var all sync.WaitGroup
	for i := range w.callers {
		all.Go(func() { do(&w.callers[i]) })
	}
	all.Wait()
}

// ask sends one request through the gate.
func (w *crowd) ask(e *endpoint, who *caller) *outcome {
	defer w.gate.finish()
	return e.ask(w.exchange(who))
}

// record sends a request without a connection.
func (w *crowd) record(witness *witness, who *caller) *outcome {
	recorder := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }() // the witness has it
		witness.ServeHTTP(recorder, Request(http.MethodGet, w.path, who.text))
	}()
	return &outcome{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

// hurry sends the requests of a caller one right after another, for a while.
func (w *crowd) hurry(witness *witness, who *caller) {
	for start := time.Now(); time.Since(start) < 150*time.Millisecond; {
		w.note(who, who.recorded, w.record(witness, who))
	}
}

// note keeps an answer that is not the one wanted.
func (w *crowd) note(who *caller, want, got *outcome) {
	if parts := got.unlike(want); len(parts) > 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mixed = append(w.mixed, mixUp{who, got, want, parts})
	}
}

// steady leaves of the parts of a mix-up those that are wanted each time. Only
// this scene knows the caller's key.
func (w *crowd) steady(m mixUp) []string {
	return steadyParts(m.parts, m.who.want, func() *outcome { return w.middlewareTest.want(w.scene, w.exchange(m.who)) })
}

// tell reports what is wrong, now that nobody is in the way.
func (w *crowd) tell(witness *witness) {
	const name = "requests at the same time"
	if panicked, place := witness.panic(); panicked != "" && !w.broken(ruleAdapterPanic) {
		w.brokenf(ruleAdapterPanic, "%s: got the panic %s%s, want none", name, panicked, place)
		return
	}
	for _, m := range w.mixed {
		if w.foreign && m.who.want.admitted && len(w.steady(m)) == 0 {
			continue
		}
		w.brokenf(ruleState, "%s: %s: got %s, want %s", name, m.who.id, m.got.text(), m.want.text())
	}
	w.mixed = nil
	p := &witness.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, change := range p.changes {
		w.brokenf(ruleState, "%s: %s", name, change)
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
	open     bool // nobody waits
	forced   bool // nobody waits any more
	arrived  int
	answered int
	moved    time.Time // when one of them arrived, or was answered
}

// Take implements [bearer.Limiter].
func (g *gate) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if v := visitOf(ctx); v != nil && v.met.CompareAndSwap(false, true) {
		g.mu.Lock()
		turn := g.arrived
		g.arrived++
		g.moved = time.Now()
		g.mu.Unlock()
		g.await(func() bool { return g.arrived >= g.callers })
		g.await(func() bool { return g.answered >= turn })
	}
	return g.Limiter.Take(ctx, b, n, l)
}

// await waits until something is so, but not for long after anything has
// happened, and after that never again: an adapter that lets in one request at
// a time is slow, not wrong.
func (g *gate) await(so func() bool) {
	for ; ; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		if !so() && time.Since(g.moved) > 2*time.Second {
			g.open, g.forced = true, true
		}
		done := g.open || so()
		g.mu.Unlock()
		if done {
			return
		}
	}
}

// finish says that a request was answered.
func (g *gate) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered++
	g.moved = time.Now()
}

// reset shuts the gate for another round.
func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open, g.arrived, g.answered, g.moved = g.forced, 0, 0, time.Now()
}

// free opens the gate.
func (g *gate) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
