// Package adaptersuite tests adapters of guards for web frameworks: it sends
// each request to the adapter and to Guard.Require under net/http, and compares
// what the guard, the handler and the client saw.
//
// The file rows lists the requests, and rules what an adapter has to do; drawn,
// credentials and scopes have those that are drawn at random, from the lists in
// words, credentialnames and exceptions; guard makes the
// guards, and exchange sends a request and records what came of it; compare tells
// two exchanges apart, and state sends several to one handler.
package adaptersuite

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A suite is one test of one adapter.
type suite struct {
	*report.Report
	wrap   func(*bearer.Guard, ...bearer.Scope) http.Handler
	fakes  *fakes
	server *httptest.Server
	client *http.Client // which keeps no connection, on which net/http might send a request again
	latest atomic.Pointer[exchange]
}

// Test tests the adapter that wrap puts in front of Handler. It stops at the
// first mistake: what follows would find it again, under other names.
func Test(wrap func(*bearer.Guard, ...bearer.Scope) http.Handler) error {
	s := newSuite(wrap)
	defer s.server.Config.Close() // which waits for no handler: it may have no end
	run := func(name string, check func()) {
		if s.Clean() {
			s.Run(name, ruleNoPanic, check)
		}
	}
	run("a good key", s.first)
	for _, r := range rows {
		run(r.name, func() { s.row(&r) })
	}
	run("a nil guard", s.nilGuard)
	run("after other requests", s.sequence)
	run("sent again", s.again)
	run("drawn at random", s.drawn)
	run("at the same time", s.concurrent)
	return s.Err()
}

func newSuite(wrap func(*bearer.Guard, ...bearer.Scope) http.Handler) *suite {
	s := &suite{Report: report.New("TestMiddleware"), wrap: wrap, fakes: newFakes(), client: newClient(-1)}
	s.server = s.serveLatest()
	return s
}

// first sends a good key. If the guard is not asked, or Handler does not
// answer, no other request would say more.
func (s *suite) first() {
	if s.wrap == nil {
		s.Stopf(report.Parts, "wrap: got nil, want a function that returns a handler")
	}
	g := s.guard(nil)
	h := s.wrap(g.Guard)
	if h == nil {
		s.Stopf(ruleWrap, "a good key: got nil, want a handler")
	}
	e := s.send(s.client, s.exchange(&row{as: "reader"}, g, h)).seen()
	var broken report.Rule
	switch {
	case e.panicked != "":
		return // a row will tell
	case e.decisions == 0 && e.isOfRouter():
		broken = ruleRoutes
	case e.decisions == 0:
		broken = ruleAsked
	case e.runs > 0 || e.lacksContext():
		return // a row will tell what is wrong, if anything is
	case e.refusals > 0 || e.answer == "" || e.isOfRouter():
		broken = ruleReached
	default:
		broken = ruleHandler
	}
	s.Brokenf(broken, "a good key on %s: got %s and %d decisions of the guard, want that of bearertest.Handler and 1",
		goodPath, e.text(), e.decisions)
}

// row sends one request to the guard itself and to the adapter.
func (s *suite) row(r *row) {
	g := s.guard(r.guard)
	reference, wrapped := s.handlers(g, r)
	want := s.do(r, g, reference)
	s.judge(s.do(r, g, wrapped), want)
}

// drawn sends requests that are drawn at random, so that no adapter can make an
// exception for all others. One handler answers those that require the same.
func (s *suite) drawn() {
	g := s.guard(nil)
	handlers := make(map[bearer.Scopes]*pair)
	for r := range s.draw {
		required := bearer.JoinScopes(r.scopes...)
		h := handlers[required]
		if h == nil {
			h = &pair{refused: make(map[string]*exchange)}
			h.reference, h.wrapped = s.handlers(g, &r)
			handlers[required] = h
		}
		got, want := s.both(&r, g, h)
		if _, finding := compare(got.seen(), want.seen()); finding != "" {
			for i := range r.parts {
				part := r.part(i)
				part.rule = r.rule
				s.judge(s.both(&part, g, h))
			}
		}
		s.judge(got, want)
	}
}

// A pair is Handler behind the guard itself, and behind the adapter.
type pair struct {
	reference, wrapped http.Handler
	refused            map[string]*exchange // with the guard itself, by the credential
}

// both sends a row that was drawn to the adapter and to the guard itself. That
// refuses all requests alike that have no credential, or one that lacks a scope:
// so one is enough, unless the adapter does something else.
func (s *suite) both(r *row, g *guard, h *pair) (got, want *exchange) {
	r.direct = true
	got = s.do(r, g, h.wrapped)
	alike := r.alike || r.as == "" && !strings.Contains(r.header, "Authorization: ")
	if before := h.refused[r.as]; alike && before != nil {
		if _, finding := compare(got.seen(), before.seen()); finding == "" {
			return got, before
		}
	}
	want = s.do(r, g, h.reference)
	if alike {
		h.refused[r.as] = want
	}
	return got, want
}

// handlers returns Handler behind the guard itself, and behind the adapter.
func (s *suite) handlers(g *guard, r *row) (reference, wrapped http.Handler) {
	reference, wrapped = g.Require(r.scopes...)(Handler), s.wrap(g.Guard, r.scopes...)
	if r.nested {
		return g.Handler(reference), g.Handler(wrapped)
	}
	return reference, wrapped
}

// judge ends the check if an exchange is not as it should be.
func (s *suite) judge(got, want *exchange) {
	if got.row.routed && got.seen().isOfRouter() {
		return // which has no such route
	}
	if broken, finding := compare(got.seen(), want.seen()); finding != "" {
		s.Stopf(got.row.ruleOf(broken), "%s: %s", got.row.describe(s.fakes), finding)
	}
}

// ruleOf returns the rule by which a finding is told: the one that the row is
// about, unless the one that was broken says more.
func (r *row) ruleOf(broken report.Rule) report.Rule {
	switch {
	case broken == ruleNoPanic, broken == ruleEvery && (r.rule == ruleAlone || r.rule == ruleScopes):
		return broken
	case r.rule.Name == "" && broken == ruleStopped && len(r.scopes) > 0:
		return ruleScopes
	case r.rule.Name == "":
		return broken
	default:
		return r.rule
	}
}

// nilGuard hands wrap no guard. It may panic, or let no request through.
func (s *suite) nilGuard() {
	var h http.Handler
	func() {
		defer func() { _ = recover() }()
		h = s.wrap(nil)
	}()
	if h == nil {
		return
	}
	e := s.send(s.client, s.exchange(&row{as: "reader"}, s.guard(nil), h)).seen()
	if e.runs > 0 || e.panicked == "" && e.status < "400" {
		s.Brokenf(ruleNilGuard, "a nil guard: got %s, want a panic of wrap, or 503", e.text())
	}
}
