package bearer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// A Guard is one door of an application: it lets requests with a good
// credential through and answers all others. Make one with [New]; the zero
// value and nil refuse everything. A Guard is safe for concurrent use.
//
// Guards nest. Behind [Guard.Handler], the same guard's Require neither
// authenticates nor charges the limit again; it only checks access and scopes.
// A guard trusts only what the same guard found out, and not for a request that
// carries another credential.
type Guard struct {
	config Config // with its defaults filled in
	tokens *verifier
	fields *rateFields // of acceptances
}

// Handler is [Guard.Require] with no scopes, for a whole application. Like the
// middlewares below, it panics if next is nil.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return g.middleware("Handler", rule{})(next)
}

// Require returns a middleware that lets a request through if its credential is
// good and holds all of the scopes. The next handler finds the [Principal] by
// [FromContext]. Require panics if a scope is not a scope-token.
func (g *Guard) Require(scopes ...Scope) func(http.Handler) http.Handler {
	return g.middleware("Require", rule{scopes: scopes})
}

// RequireAny is Require where one of the scopes is enough. With none, it
// refuses everything. It panics if a scope is not a scope-token.
func (g *Guard) RequireAny(scopes ...Scope) func(http.Handler) http.Handler {
	return g.middleware("RequireAny", rule{scopes: scopes, any: true})
}

// Resource is Require of the scope name:read where the request reads, and of
// name:write where it writes, as Config.Access says. It panics if name is empty
// or makes no scope-token.
func (g *Guard) Resource(name string) func(http.Handler) http.Handler {
	read, write := Scope(name+":read"), Scope(name+":write")
	if name == "" {
		read, write = "", ""
	}
	return g.middleware("Resource", rule{scopes: []Scope{read, write}, byAccess: true})
}

// Check decides on a request as [Guard.Require] does, and writes nothing. The
// error is always an [*Error]: errors.As finds it for [WriteError], which also
// sends the challenge that a 401 must have. The principal is nil where an
// optional door lets nobody through. A scope that is not a scope-token refuses.
// Each call on a request that no handler of this guard let through yet charges
// the limit, and is observed; the rate limit fields of an acceptance are not
// sent.
func (g *Guard) Check(r *http.Request, scopes ...Scope) (*Principal, error) {
	q := rule{scopes: scopes}
	for _, scope := range scopes {
		if scope.fault() != "" {
			q = rule{any: true} // refuses all: not even FullAccess holds what is no scope
		}
	}
	var d decision
	g.decide(r, &q, &d)
	if d.err != nil {
		return nil, d.err
	}
	return d.admission.principal, nil
}

// Format implements [fmt.Formatter], so that no verb shows a secret.
func (Guard) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard") }

func (g *Guard) middleware(name string, q rule) func(http.Handler) http.Handler {
	q.scopes = slices.Clone(q.scopes)
	for _, scope := range q.scopes {
		if fault := scope.fault(); fault != "" {
			panic("bearer: " + name + ": " + fault)
		}
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("bearer: " + name + ": nil handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.serve(w, r, &q, next)
		})
	}
}

func (g *Guard) serve(w http.ResponseWriter, r *http.Request, q *rule, next http.Handler) {
	var d decision
	g.decide(r, q, &d)
	if d.err != nil {
		g.refuse(w, r, d.err)
		return
	}
	if !d.known {
		g.setFields(w, &d)
		r = r.WithContext(d.admission)
	} else if p := d.admission.principal; FromContext(r.Context()) != p {
		r = r.WithContext(NewContext(r.Context(), p)) // a handler in between put another there
	}
	next.ServeHTTP(w, r)
}

// refuse writes a refusal.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err *Error) {
	h := w.Header()
	if h["Ratelimit"] != nil { // they are about an acceptance by a handler in front
		for _, name := range rateFieldNames {
			delete(h, name)
		}
	}
	if g != nil && g.config.LegacyRateHeaders && err.limited() {
		err.Usage.setLegacyFields(h)
	}
	if g == nil || g.config.ErrorHandler == nil {
		WriteError(w, r, err)
		return
	}
	err.setFields(h, "")
	g.config.ErrorHandler(w, r, err)
}

// A decision is what a guard thinks of a request. It is filled in where it is:
// returning it from function to function takes a tenth of the key path.
type decision struct {
	admission *admission // nil only if there is an err
	known     bool       // it was made by a handler in front of this one
	now       time.Time  // the clock, where a key's expiry made the guard read it
	usage     Usage      // zero if nothing was charged
	err       *Error
}

// An admission is what one guard found out about a request: the context of the
// request that it hands on. What others keep is in memory of its own, which does
// not keep this one: the request, the principal, and the text of a field, which
// HTTP/2 keeps for as long as a connection lasts.
type admission struct {
	context.Context //nolint:containedctx // of the request that came in
	guard           *Guard
	credential      string     // the Authorization field that was judged
	protocol        int        // the major version of HTTP
	principal       *Principal // nil for nobody
	fields          [2]string  // the values of the rate limit fields
}

func (g *Guard) admission(r *http.Request, credential string, p *Principal) *admission {
	return &admission{
		Context: r.Context(), guard: g, protocol: r.ProtoMajor, credential: credential, principal: p,
	}
}

// Format implements [fmt.Formatter], so that a context that is logged does not
// show the credential.
func (a *admission) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard context") }

// Value finds the admission by its guard, so that a guard finds none but its
// own, and the principal for FromContext.
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

var rateFieldNames = []string{
	"Ratelimit-Policy", "Ratelimit", "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset",
}

// setFields sets the rate limit fields of an acceptance, if it was charged.
func (g *Guard) setFields(w http.ResponseWriter, d *decision) {
	u := &d.usage
	if !u.limited() {
		return
	}
	g.fields.set(w.Header(), u, &d.admission.fields)
	if g.config.LegacyRateHeaders {
		u.setLegacyFields(w.Header())
	}
}

// decide judges a request by what this guard knows of it already, or else from
// the beginning.
func (g *Guard) decide(r *http.Request, q *rule, d *decision) {
	if g == nil || g.config.Limiter == nil {
		d.err = refusal(CodeServiceUnavailable, "store_unavailable", errNoGuard)
		return
	}
	d.admission = g.recall(r)
	d.known = d.admission != nil
	if !d.known {
		g.authenticate(r, d)
	}
	if d.err == nil {
		d.err = g.authorize(r, d.admission.principal, q)
	}
	d.err.sign(g.config.Realm)
	if !d.known && g.config.Observe != nil {
		var p *Principal
		if d.admission != nil {
			p = d.admission.principal
		}
		g.config.Observe(r, p, d.err)
	}
}

// recall returns what this guard found out about r, or nil. A request that
// was made with the context of another, but has a credential of its own, is
// not known. Nor is one of HTTP/2 in the context of one of HTTP/1: all that
// come over a connection after an upgrade have the context of the first.
func (g *Guard) recall(r *http.Request) *admission {
	a, _ := r.Context().Value(g).(*admission)
	if a == nil || r.ProtoMajor > a.protocol {
		return nil
	}
	fields := r.Header["Authorization"]
	if len(fields) > 1 || len(fields) == 1 && (fields[0] != a.credential || fields[0] == "") {
		return nil
	}
	return a
}

// A rule is what a route asks of a principal.
type rule struct {
	scopes   []Scope // all of them,
	any      bool    // or one of them,
	byAccess bool    // or the first to read and the second to write
}

// wanted returns the scopes that a request needs.
func (q *rule) wanted(writes bool) []Scope {
	switch {
	case !q.byAccess:
		return q.scopes
	case writes:
		return q.scopes[1:]
	default:
		return q.scopes[:1]
	}
}

// authorize checks access, then scopes. The principal is nil for nobody.
func (g *Guard) authorize(r *http.Request, p *Principal, q *rule) *Error {
	wanted := q.scopes
	if readOnly := p != nil && p.ReadOnly; readOnly || q.byAccess {
		writes := g.config.Access(r) != Read || overridesMethod(r)
		if writes && readOnly {
			return refusal(CodeForbidden, "secret_key_required", nil)
		}
		wanted = q.wanted(writes)
	}
	switch {
	case p == nil && (q.any || len(wanted) > 0):
		return refusal(CodeUnauthorized, "missing_credentials", nil)
	case p == nil:
		return nil
	case q.any && !holdsOne(p, wanted), !q.any && !p.Holds(wanted...):
		err := refusal(CodeForbidden, "scope_insufficient", nil)
		err.Scopes = JoinScopes(wanted...)
		return err
	}
	return nil
}

func holdsOne(p *Principal, wanted []Scope) bool {
	for _, scope := range wanted {
		if p.Holds(scope) {
			return true
		}
	}
	return false
}
