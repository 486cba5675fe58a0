package bearertest

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/blockauth/bearer"
)

// TestMiddleware tests an adapter of guards for a web framework: that it does
// what [bearer.Guard.Require] does under net/http. If it finds misbehaviour, it
// returns an error for each rule that was broken, combined by [errors.Join].
//
// The wrap function must return a handler of the framework that serves
// [Handler] on every path and method, behind the adapter alone, which requires
// all of the scopes: no logging, no recovery. It is called often, each time
// with another guard. For net/http itself, it is
//
//	func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
//		return g.Require(scopes...)(bearertest.Handler)
//	}
//
// The test sends requests over connections to this machine, and compares the
// answers with those of the guard byte for byte. In front of another handler,
// which has to answer something, it sees only the answers: not what the handler
// found, nor whether it can flush, hijack or wait.
func TestMiddleware(wrap func(*bearer.Guard, ...bearer.Scope) http.Handler) error {
	t := &middlewareTest{report: report{suite: "TestMiddleware"}, wrap: wrap}
	t.foreign = t.isForeign()
	for _, c := range slices.Concat(refusals, skipped, admissions, limits) {
		t.run(c.name, ruleAdapterPanic, func() { t.compare(&c) })
	}
	for _, check := range []struct {
		name    string
		run     func()
		foreign bool // it goes by answers alone
	}{
		{"a sequence of requests", t.sequence, false},
		{"a key that is sent again", t.again, true},
		{"a token that is sent again", t.againToken, true},
		{"a client that goes away", t.gone, false},
		{"requests at the same time", t.together, false}, // the last: see there
	} {
		if t.foreign && !check.foreign {
			continue
		}
		t.run(check.name, ruleAdapterPanic, check.run)
	}
	return t.err()
}

type middlewareTest struct {
	report
	wrap    func(*bearer.Guard, ...bearer.Scope) http.Handler
	foreign bool // the handler is not Handler
}

// wrapped returns the handler under test, or nil if there is none.
func (t *middlewareTest) wrapped(c *exchange, g *bearer.Guard) http.Handler {
	h := t.wrap(g, c.scopes...)
	if h == nil {
		t.brokenf(ruleWrap, "%s: got nil, want a handler", c.name)
		return nil
	}
	if c.nested {
		h = g.Handler(h)
	}
	return h
}

// compare sends one request to the adapter and to the guard itself.
func (t *middlewareTest) compare(c *exchange) {
	if t.foreign && c.do != "" {
		return // Handler would do it
	}
	s := newScene(c)
	h := t.wrapped(c, s.guard)
	if h == nil {
		return
	}
	reference := s.guard.Require(c.scopes...)(Handler)
	if c.nested {
		reference = s.guard.Handler(reference)
	}
	want := s.send(reference, c)
	got := s.send(h, c)
	t.judge(c, got, want)
}

// judge reports where two outcomes differ.
func (t *middlewareTest) judge(c *exchange, got, want *outcome) {
	if got.panicked != want.panicked && !want.aborted {
		t.brokenf(ruleAdapterPanic, "%s: got the panic %s, want none", c.name, got.panicked)
		return
	}
	if got.aborted != want.aborted {
		t.brokenf(ruleHandlerPanic, "%s: got panic %t, want %t", c.name, got.aborted, want.aborted)
		return
	}
	if t.foreign && want.runs > 0 {
		t.judgeForeign(c, got, want)
		return
	}
	t.judgeRun(c, got, want)
	if c.rule == ruleEvery && got.observed == 0 {
		t.count(ruleEvery, c.name+": decisions of the guard", got.observed, want.observed)
		return // all else comes of that
	}
	if c.do != "check" { // there, the handler asks too, and its answer tells
		t.count(ruleCharged, c.name+": decisions seen by Observe", got.observed, want.observed)
	}
	if !slices.Equal(got.takes, want.takes) && c.do != "check" {
		t.brokenf(ruleCharged, "%s: got the takes %v, want %v", c.name, got.takes, want.takes)
	}
	t.count(ruleErrorHandler, c.name+": calls of ErrorHandler", got.refused, want.refused)
	if got.log != want.log {
		t.brokenf(ruleOnce, "%s: got %q in the server's log, want %q", c.name, got.log, want.log)
	}
	t.judgeAnswer(c, got, want)
}

func (t *middlewareTest) count(r rule, what string, got, want int) {
	if got != want {
		t.brokenf(r, "%s: got %d, want %d", what, got, want)
	}
}

// judgeRun compares what the handler saw.
func (t *middlewareTest) judgeRun(c *exchange, got, want *outcome) {
	switch {
	case want.runs == 0:
		t.count(c.about(ruleStopped), c.name+": runs of the handler", got.runs, 0)
	case got.runs == 0 && strings.Contains(got.body, `"context":false`):
		t.brokenf(ruleContext, "%s: got a context without the server's values, want one with them", c.name)
	default:
		t.count(ruleReached, c.name+": runs of the handler", got.runs, want.runs)
	}
	if want.runs > 0 && got.runs > 0 {
		t.judgePrincipal(c, got, want)
		for _, change := range got.changes {
			t.brokenf(ruleRequest, "%s: %s", c.name, change)
		}
	}
}

// judgePrincipal compares what the handler found with what the guard told
// Observe.
func (t *middlewareTest) judgePrincipal(c *exchange, got, want *outcome) {
	found, decided := got.principal, got.decided
	switch {
	case found.String() != want.principal.String():
		t.brokenf(rulePrincipal, "%s: got %s by bearer.FromContext, want %s", c.name, found, want.principal)
	case found.is == nil || decided.is == nil:
	case len(found.unlike(decided)) > 0:
		t.brokenf(ruleSame, "%s: got %s with another %s, want that of Observe",
			c.name, found, strings.Join(found.unlike(decided), ", "))
	case found.is != decided.is:
		t.brokenf(ruleSame, "%s: got a copy of %s, want the same pointer as Observe", c.name, found)
	}
}

// judgeAnswer compares what the client saw.
func (t *middlewareTest) judgeAnswer(c *exchange, got, want *outcome) {
	if (got.err == nil) != (want.err == nil) {
		t.brokenf(c.about(ruleBody), "%s: got the error %v of the client, want %v", c.name, got.err, want.err)
		return
	}
	t.count(c.about(ruleStatus), c.name+": status", got.status, want.status)
	names := slices.Collect(maps.Keys(got.header))
	names = slices.AppendSeq(names, maps.Keys(want.header))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !slices.Equal(got.header[name], want.header[name]) {
			t.brokenf(c.about(ruleHeader), "%s: %s: got %q, want %q", c.name, name, got.header[name], want.header[name])
		}
	}
	if got.body != want.body {
		t.brokenf(c.about(ruleBody), "%s: body: got %q, want %q", c.name, got.body, want.body)
	}
}
