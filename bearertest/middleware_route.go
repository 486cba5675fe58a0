package bearertest

import (
	"fmt"
	"net/http"
	"strings"
)

// This file finds out what is to be tested: where the adapter is, and what
// stands behind it.

// A route is a method and a path that a router may serve.
type route struct{ method, path string }

// acquaint sends a good key, at first to a path and then to the root. If the
// guard does not see it there, or lets it through and nobody answers, there is
// nothing more to say.
func (t *middlewareTest) acquaint() {
	if t.wrap == nil {
		t.brokenf(ruleParts, "wrap: got nil, want a function that returns a handler")
		return
	}
	var first *outcome
	for _, path := range []string{"/v1/things", "/"} {
		c := &exchange{name: "a good key", path: path}
		s := t.scene(c)
		h := t.wrapped(c, s.guard)
		if h == nil {
			t.brokenf(ruleWrap, "%s: got nil, want a handler", c.name)
			return
		}
		out := s.send(h, c)
		if out.observed > 0 && !out.unrouted() || out.panicked != "" {
			t.path = path
			t.learn(c, out)
			return
		}
		if first == nil || out.observed > 0 {
			first = out
		}
	}
	t.judgeStranger(first)
}

// judgeStranger reports why a good key got no answer of the handler.
func (t *middlewareTest) judgeStranger(out *outcome) {
	got := fmt.Sprintf("%d %.100q", out.status, out.body)
	switch {
	case out.observed > 0:
		t.brokenf(ruleReached, "a good key, which the guard let through: got %s, want what the handler answers", got)
	case out.unrouted():
		t.brokenf(ruleRoutes, "a good key on /v1/things and on /: got %s, and no decision of the guard, want one", got)
	default:
		t.brokenf(ruleAsked, "a good key: got %s, and no decision of the guard, want one", got)
	}
}

// learn finds out from the first answer whether it is that of Handler. Another
// handler has to find the principal, or nothing can be told from its answers.
func (t *middlewareTest) learn(c *exchange, out *outcome) {
	t.routes[route{http.MethodGet, t.path}] = true
	t.foreign = out.runs == 0 && !strings.Contains(out.body, `{"context":`)
	switch {
	case out.observed == 0 && out.early > 0:
		t.brokenf(ruleStopped, "%s: got %s, of a handler that ran before the guard had decided, want its answer after that",
			c.name, out.text())
	case out.observed == 0:
		t.brokenf(ruleAdapterPanic, "%s: got the panic %s, want an answer", c.name, out.panicText())
	case out.refused > 0:
		t.brokenf(ruleReached, "%s: got %d %.200q, want what the handler answers", c.name, out.status, out.body)
	case t.foreign && out.forlorn():
		s := t.scene(c)
		if want := t.want(s, c); want.forlorn() {
			t.brokenf(rulePrincipal, "%s: got %s, want what the handler answers to a principal", c.name, out.text())
		}
	}
}

// forlorn reports whether an answer is that of a handler which needs a
// principal and finds none.
func (o *outcome) forlorn() bool {
	return o.panicked != "" || o.status == http.StatusUnauthorized || o.status == http.StatusInternalServerError ||
		strings.Contains(o.body, "nobody") // as a nil Principal prints
}

// unrouted reports whether an answer is that of a router, not of the adapter,
// nor of what is behind it.
func (o *outcome) unrouted() bool {
	switch {
	case o.runs > 0 || o.panicked != "":
		return false
	case o.status == http.StatusNotFound, o.status == http.StatusMethodNotAllowed:
		return true
	case o.observed > 0:
		return false
	case o.status == http.StatusNotImplemented, o.status/100 == 3:
		return true
	default: // as some routers answer OPTIONS
		return o.status/100 == 2 && o.body == "" && o.header.Get("Allow") != ""
	}
}

// serves reports whether the adapter is where an exchange goes. It has to be,
// but for a router in front of another handler than Handler.
func (t *middlewareTest) serves(c *exchange) bool {
	r := route{c.method, c.path}
	if r.method == "" {
		r.method = http.MethodGet
	}
	if r.path == "" {
		r.path = t.path
	}
	served, ok := t.routes[r]
	if ok {
		return served
	}
	plain := &exchange{name: r.method + " " + r.path + ", a good key", method: r.method, path: r.path}
	s := t.scene(plain)
	out := s.send(t.wrapped(plain, s.guard), plain)
	served = out.observed > 0 || !out.unrouted()
	t.routes[r] = served
	if !served && !t.foreign {
		t.brokenf(ruleRoutes, "%s: got %d, and no decision of the guard, want one", plain.name, out.status)
	}
	return served
}
