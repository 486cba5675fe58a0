package bearertest

// The files of TestMiddleware: route finds out what is tested; exchanges are
// the requests; scene, endpoint, probe and sight send one and watch it; outcome
// and judge compare what came of it; state, wait, together and foreign check
// what takes several; rules are what is checked, and why.

import (
	"net/http"

	"github.com/blockauth/bearer"
)

// TestMiddleware tests an adapter of guards for a web framework: that it does
// what [bearer.Guard.Require] does under net/http. If it finds misbehaviour, it
// returns an error for each rule that was broken, combined by [errors.Join].
//
// The wrap function must return a handler of the framework that serves
// [Handler] on every path and method, behind the adapter alone, which requires
// all of the scopes: no logging, no recovery. It is called often, with many
// guards and sometimes again with one, and once with nil. For net/http itself,
// it is
//
//	func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
//		return g.Require(scopes...)(bearertest.Handler)
//	}
//
// The test sends requests over connections to this machine, and compares the
// answers with those of the guard byte for byte. It cannot run in a bubble of
// [testing/synctest], where it would wait for connections for ever.
//
// Another handler may stand behind the adapter, also on "/" or for GET alone.
// The test then goes by the answers, and by what the guard sees: that they are
// the same where the handler is behind another one of the guard, which has put
// the principal into the context. What the handler does not show, the test
// cannot see: whether it can flush, hijack, wait or panic, how long its context
// lasts, and whether it runs at all where it answers nothing.
func TestMiddleware(wrap func(*bearer.Guard, ...bearer.Scope) http.Handler) error {
	t := &middlewareTest{report: newReport("TestMiddleware"), wrap: wrap, routes: make(map[route]bool)}
	if !t.run("a first request", ruleAdapterPanic, t.acquaint) || !t.clean() {
		return t.err() // nothing else would say more
	}
	for _, exchanges := range [][]exchange{refusals, skipped, smuggled, breaking, admissions} {
		for _, c := range exchanges {
			t.run(c.name, ruleAdapterPanic, func() { t.compare(&c) })
			if t.broken(ruleInTime) {
				return t.err()
			}
		}
		if !t.clean() {
			return t.err() // the rest would find the same mistakes
		}
	}
	for _, check := range []struct {
		name string
		run  func()
	}{
		{"a nil guard", t.unguarded},
		{"a sequence of requests", t.sequence},
		{"a key that is sent again", t.again},
		{"a token that is sent again", t.againToken},
		{"one answer", t.twice},
		{"an answer in pieces", t.streams},
		{"a client that goes away", t.gone},
		{"requests at the same time", t.together},
	} {
		t.run(check.name, ruleAdapterPanic, check.run)
		if !t.clean() {
			break
		}
	}
	return t.err()
}

type middlewareTest struct {
	report
	wrap    func(*bearer.Guard, ...bearer.Scope) http.Handler
	foreign bool   // the handler is not Handler
	path    string // where the adapter is
	routes  map[route]bool
}

// wrapped returns the handler under test.
func (t *middlewareTest) wrapped(c *exchange, g *bearer.Guard) http.Handler {
	h := t.wrap(g, c.scopes...)
	if c.nested {
		h = g.Handler(h)
	}
	return h
}

// compare sends one request to the adapter and to the guard itself.
func (t *middlewareTest) compare(c *exchange) {
	if t.foreign && c.do != "" || !t.serves(c) {
		return
	}
	s := t.scene(c)
	want := t.want(s, c)
	if t.foreign && want.nobody() {
		return // to whom the handler may have no answer
	}
	t.judge(c, s.send(t.wrapped(c, s.guard), c), want)
}

// want returns what the adapter has to do. What a handler answers that is not
// Handler, it tells behind another handler of the guard, which has put the
// principal into the context.
func (t *middlewareTest) want(s *scene, c *exchange) *outcome {
	want := s.send(t.reference(s, c), c)
	want.admitted = want.runs > 0
	if !t.foreign || !want.admitted || want.nobody() {
		return want
	}
	told := s.send(s.guard.Handler(t.wrapped(c, s.guard)), c)
	told.admitted, told.principal = true, want.principal
	for name, values := range want.header {
		if isRateField(name) && told.dated {
			told.header[name] = values
		}
	}
	return told
}

func (t *middlewareTest) reference(s *scene, c *exchange) http.Handler {
	h := s.guard.Require(c.scopes...)(Handler)
	if c.nested {
		h = s.guard.Handler(h)
	}
	return h
}
