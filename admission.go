package bearer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// An admission is the context of a request that a guard let through, with what
// the guard found out. Handlers may keep the principal for long, and HTTP/2 keeps
// the texts of fields as long as a connection lasts: so these are in memory of
// their own, and do not keep the request.
type admission struct {
	context.Context //nolint:containedctx // of the request that came in
	guard           *Guard
	rule            *rule      // of the handler that let it through
	place           place      // of the credential that was judged
	protocol        int        // the major version of HTTP
	principal       *Principal // nil if there was no credential
	rateValues      [2]string  // of the rate limit fields

	passed atomic.Pointer[passed]       // nil: no other handler let it through
	last   atomic.Pointer[lastDecision] // nil: no other handler decided
}

// A lastDecision is what a guard decided last about a request that it had let
// through before.
type lastDecision struct {
	err   *Error
	route string
}

// Format implements [fmt.Formatter], so that a context that is logged does not
// show the credential.
func (a *admission) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard context") }

// Value finds the admission by its guard, so that a guard finds only its own,
// and the principal for FromContext.
func (a *admission) Value(key any) any {
	switch key := key.(type) {
	case principalKey:
		return a.principal
	case *Guard:
		if key == a.guard {
			return a
		}
	}
	return a.Context.Value(key)
}

// isOf reports whether the admission was made for r, or for a request that r was
// made from. A request that was made with the context of another, but has a
// credential of its own, is another. So is one of HTTP/2 in the context of one
// of HTTP/1: all that come over a connection after an upgrade have the context
// of the first.
func (a *admission) isOf(r *http.Request) bool {
	if r.ProtoMajor > a.protocol {
		return false
	}
	switch fields := r.Header["Authorization"]; {
	case len(fields) > 1, len(fields) == 1 && (fields[0] != a.place.field || fields[0] == ""):
		return false
	case a.guard.config.Credential == nil:
		return true
	}
	other := a.guard.config.Credential(r)
	return other == "" || other == a.place.other
}

// decided notes a decision that comes after the admission, for Observe.
func (a *admission) decided(r *http.Request, err *Error) {
	if a.guard.config.Observe != nil {
		a.last.Store(&lastDecision{err, r.Pattern})
	}
}

// observe tells Observe the final decision on r, the request that the guard
// handed on. A router that got r itself has set its Pattern; if one got a copy,
// what stands behind the router has seen it.
func (a *admission) observe(r *http.Request) {
	var err *Error
	if last := a.last.Load(); last != nil {
		err = last.err
		if r.Pattern == "" && last.route != "" {
			r = r.WithContext(a) // another goroutine may still read the handler's
			r.Pattern = last.route
		}
	}
	a.guard.config.Observe(r, a.principal, err)
}

// Revalidate judges anew a request that the guard let through, and returns an
// [*Error] if it would be refused by now: its key was revoked, say. It is for
// streams, which outlive the decision on them. It takes nothing from the limits of
// the caller and is not observed. Of a request that a handler of this guard let
// through, it judges the credential and the scopes of that time; of any other, the
// credential that it has.
func (g *Guard) Revalidate(r *http.Request) error {
	if g == nil || g.config.Limiter == nil {
		return refusal(reasonStoreUnavailable, errNoGuard)
	}
	var d decision
	if err := g.revalidate(r, &d); err != nil {
		g.complete(err, &d)
		return err
	}
	return nil
}

func (g *Guard) revalidate(r *http.Request, d *decision) *Error {
	a, _ := r.Context().Value(g).(*admission)
	if a == nil {
		return g.authenticate(r, d)
	}
	if a.place != (place{}) {
		c := credential{place: a.place, text: a.place.other}
		if c.text == "" {
			c.text, _ = cutBearer(c.field)
		}
		c.kind, c.env, c.notKey = parseKey(c.text, g.config.Format.Namespace)
		p, err := g.identify(r, &c, d)
		if err != nil {
			return err
		}
		d.principal = p
	}
	err := g.authorize(r, d.principal, a.rule)
	for q := a.passed.Load(); q != nil && err == nil; q = q.before {
		err = g.authorize(r, d.principal, q.rule)
	}
	return err
}
