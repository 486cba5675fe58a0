package bearer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// An admission is the context of a request that a guard let through, with what
// the guard found out. Handlers may keep the principal for long, and HTTP/2 keeps
// the texts of fields as long as a connection lasts: so these are in memory of
// their own, and do not keep the request.
type admission struct {
	context.Context            //nolint:containedctx // of the request that came in
	by              *guarded   // the handler that let it through
	principal       *Principal // nil if there was no credential
	text            string     // of the place of the credential that was judged
	elsewhere       bool       // of that place; it stands apart from it to save 16 bytes
	mayUpgrade      bool       // the request may begin a connection of HTTP/2
	rateValues      [2]string  // of the rate limit fields

	history atomic.Pointer[history] // nil: no other handler decided
}

// A history is what the other handlers of a guard decided about a request that the
// first let through. It does not change once it is in use: each decision puts
// another in its place.
type history struct {
	rules *ruleList // by which the request was let through again; nil: none
	err   *Error    // the last decision; nil: it was let through
	route string    // where that was
}

// A ruleList is a list of rules, each once.
type ruleList struct {
	rule *rule
	next *ruleList // nil: no more
}

func (l *ruleList) has(r *rule) bool {
	for ; l != nil; l = l.next {
		if l.rule == r {
			return true
		}
	}
	return false
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
		if key == a.by.guard {
			return a
		}
	case *space:
		if key == &a.by.guard.space {
			return a
		}
	}
	return a.Context.Value(key)
}

func (a *admission) place() place { return place{a.text, a.elsewhere} }

// isOf reports whether the admission was made for r, or for a request that r was
// made from. A request that was made with the context of another, but has a
// credential of its own, is another. So is one of HTTP/2 in the context of one
// of HTTP/1: all that come over a connection after an upgrade have the context
// of the first.
func (a *admission) isOf(r *http.Request) bool {
	if a.mayUpgrade && r.ProtoMajor > 1 {
		return false
	}
	fields, other := r.Header["Authorization"], ""
	if find := a.by.guard.config.Credential; find != nil {
		other = strings.Trim(find(r), " \t")
	}
	switch {
	case len(fields) > 1, other != "" && a.place() != place{other, true}:
		return false
	case len(fields) == 0:
		return true
	case a.elsewhere:
		_, isBearer := cutBearer(fields[0])
		return !isBearer
	}
	return fields[0] == a.text && fields[0] != ""
}

// noteAdmission notes that another handler, h, let the request through too. It
// allocates nothing if h is the only other one and no Observe needs the route, nor
// if h let the request through before.
func (a *admission) noteAdmission(r *http.Request, h *guarded) {
	isObserved := h.guard.config.Observe != nil
	for {
		before, after := a.history.Load(), &h.second
		switch {
		case before == nil && isObserved:
			after = &history{rules: h.second.rules, route: r.Pattern}
		case before == nil:
		case !before.rules.has(&h.rule):
			after = &history{rules: &ruleList{&h.rule, before.rules}, route: r.Pattern}
		case isObserved:
			after = &history{rules: before.rules, route: r.Pattern}
		default:
			return
		}
		if a.history.CompareAndSwap(before, after) {
			return
		}
	}
}

// noteRefusal notes that the guard refused the request after it let it through.
func (a *admission) noteRefusal(r *http.Request, err *Error) {
	for {
		before, after := a.history.Load(), &history{err: err, route: r.Pattern}
		if before != nil {
			after.rules = before.rules
		}
		if a.history.CompareAndSwap(before, after) {
			return
		}
	}
}

// serveObserved hands on r, which has the admission as its context, and tells
// Observe the final decision once the handler is over. A router that got r itself
// has set its Pattern; if one got a copy, what stands behind the router has seen
// it.
func (a *admission) serveObserved(w http.ResponseWriter, r *http.Request) {
	defer func() {
		seen, behind := r, a.history.Load()
		if behind == nil {
			behind = new(history)
		}
		if r.Pattern == "" && behind.route != "" {
			seen = r.WithContext(a) // another goroutine may still read the handler's
			seen.Pattern = behind.route
		}
		a.by.guard.config.Observe(seen, a.principal, behind.err)
	}()
	a.by.next.ServeHTTP(w, r)
}

// Revalidate judges again a request that the guard let through, and returns an
// [*Error] if it would be refused by now: its key was revoked, say. It is for
// streams, which outlive the decision on them. It takes nothing from the limits of
// the caller and is not observed. Of a request that a handler of this guard let
// through, it judges the credential and the scopes of that time: those of all
// handlers of the guard that it, or a request with its context, has passed. Of any
// other, it judges the credential that it has.
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
	if a == nil || !a.isOf(r) {
		return g.authenticate(r, d)
	}
	if a.place() != (place{}) {
		c := credential{place: a.place(), text: a.text}
		if !a.elsewhere {
			c.text, _ = cutBearer(a.text)
		}
		c.kind, c.env, c.notKey = parseKey(c.text, g.config.Format.Namespace)
		if c.notKey != nil {
			_ = g.remembers(&c)
		}
		p, err := g.identify(r, &c, d)
		if err != nil {
			return err
		}
		d.principal = p
	}
	err := g.authorize(r, d.principal, &a.by.rule)
	if behind := a.history.Load(); behind != nil {
		for l := behind.rules; l != nil && err == nil; l = l.next {
			err = g.authorize(r, d.principal, l.rule)
		}
	}
	return err
}
