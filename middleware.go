package bearer

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// A Guard lets requests with a good credential through to the handlers behind
// it and answers all others. Make one with [New]; the zero value and nil refuse
// everything. A Guard is safe for concurrent use.
//
// Guards nest. Behind [Guard.Handler], the same guard's Require neither
// authenticates nor charges the limit again; it only checks access and scopes.
// A guard trusts only what the same guard found out, and not for a request that
// carries another credential.
type Guard struct {
	config     Config       // with its defaults filled in
	space      space        // as challenges name it
	verifier   *verifier    // nil: JWTs are refused
	rateFields *rateFields  // of acceptances
	multi      MultiLimiter // the limiter, if it is one; else nil
}

// Handler is [Guard.Require] with no scopes, for a whole application. Like the
// middlewares of the other methods, it panics if next is nil.
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

// Resource is Require of the scope name:read if the request reads, and of
// name:write if it writes, as Config.Access says. It panics if name is empty or
// makes no scope-token.
func (g *Guard) Resource(name string) func(http.Handler) http.Handler {
	read, write := Scope(name+":read"), Scope(name+":write")
	if name == "" {
		read, write = "", ""
	}
	return g.middleware("Resource", rule{scopes: []Scope{read, write}, byAccess: true})
}

// Check decides on a request as [Guard.Require] does, and writes nothing. The
// error is always an [*Error]: errors.As finds it for [WriteError], which also
// sends the challenge that a 401 must have. The principal is nil if the guard is
// optional and the request has no credential. A scope that is not a scope-token,
// or not in the catalogue, refuses. Each call on a request that no handler of this
// guard let through yet charges the limits, and is observed; the rate limit fields
// of an acceptance are not sent. A request that a program makes, from the metadata
// of gRPC, say, needs its header fields under the names that [http.Header.Set]
// gives them.
func (g *Guard) Check(r *http.Request, scopes ...Scope) (*Principal, error) {
	q := rule{scopes: scopes}
	for _, scope := range scopes {
		if g.problem(scope) != "" {
			q = rule{any: true} // one of no scopes: refuses all, even FullAccess
		}
	}
	var d decision
	err := g.decide(r, &q, &d)
	if g != nil && g.config.Observe != nil && d.admission == nil {
		g.config.Observe(d.observed(r), d.principal, err)
	}
	if err != nil {
		return nil, err
	}
	return d.principal, nil
}

// problem says why a route cannot require a scope, or "" if it can.
func (g *Guard) problem(scope Scope) string {
	problem := scope.problem()
	if problem == "" && g != nil && g.config.Catalogue != nil && !slices.Contains(g.config.Catalogue, scope) {
		problem = fmt.Sprintf("scope %q is not in the catalogue", string(scope))
	}
	return problem
}

// Format implements [fmt.Formatter], so that no verb shows a secret.
func (Guard) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard") }

func (g *Guard) middleware(name string, q rule) func(http.Handler) http.Handler {
	q.scopes = slices.Clone(q.scopes)
	for _, scope := range q.scopes {
		if problem := g.problem(scope); problem != "" {
			panic("bearer: " + name + ": " + problem)
		}
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("bearer: " + name + ": nil handler")
		}
		h := &guarded{guard: g, rule: q, next: next}
		h.alone.rule = &h.rule
		h.second.rules = &h.alone
		return http.HandlerFunc(h.serve)
	}
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

// A guarded is a handler behind a guard. Callers get its serve as a function, so
// that no print of a handler shows the guard, and with it the pepper.
type guarded struct {
	guard *Guard
	rule  rule
	next  http.Handler

	// second is the history of all requests that another handler of the guard let
	// through first, this one second, and no third, if Observe is nil. Its list of
	// rules is alone: adapters make a guarded for each request, in one allocation.
	second history
	alone  ruleList
}

// serve hands a request on with the principal in its context, or refuses it.
func (h *guarded) serve(w http.ResponseWriter, r *http.Request) {
	g := h.guard
	var d decision
	err := g.decide(r, &h.rule, &d)
	switch a := d.admission; {
	case a != nil:
		h.serveAdmitted(w, r, a, err)
	case err != nil:
		h.serveRefused(w, r, &d, err)
	default:
		if d.byOrigin {
			addVaryOrigin(w.Header())
		}
		a = &admission{
			Context: r.Context(), by: h, principal: d.principal, text: d.place.text, elsewhere: d.place.elsewhere,
			mayUpgrade: r.ProtoMajor < 2 || r.Method == "PRI",
		}
		g.rateFields.set(w.Header(), &d, &a.rateValues)
		r = r.WithContext(a)
		if g.config.Observe != nil {
			a.Context = d.timed
			a.serveObserved(w, r)
			return
		}
		h.next.ServeHTTP(w, r)
	}
}

// serveRefused refuses a request that no handler of the guard in front let
// through.
func (h *guarded) serveRefused(w http.ResponseWriter, r *http.Request, d *decision, err *Error) {
	if h.guard != nil && h.guard.config.Observe != nil {
		defer h.guard.config.Observe(d.observed(r), d.principal, err)
	}
	h.guard.refuse(w, r, err)
}

// serveAdmitted hands on or refuses a request that a handler of the same guard in
// front let through.
func (h *guarded) serveAdmitted(w http.ResponseWriter, r *http.Request, a *admission, err *Error) {
	if err != nil {
		a.noteRefusal(r, err)
		h.guard.refuse(w, r, err)
		return
	}
	a.noteAdmission(r, h)
	if FromContext(r.Context()) != a.principal { // a handler in between put another there
		r = r.WithContext(NewContext(r.Context(), a.principal))
	}
	h.next.ServeHTTP(w, r)
}

// refuse writes a refusal.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err *Error) {
	h := w.Header()
	deleteRateFields(h) // they are about an acceptance by a handler in front
	if g != nil && g.config.LegacyRateHeaders && err.Code == CodeRateLimitExceeded && err.Usage.Limit.isTold() {
		setLegacyFields(h, &err.Usage)
	}
	if g == nil || g.config.ErrorHandler == nil {
		WriteError(w, r, err)
		return
	}
	err.setFields(h, "")
	g.config.ErrorHandler(w, r, err)
}

// A decision is what a guard finds out about a request. Each check fills in its
// part: returning it from function to function takes a tenth of the key path.
type decision struct {
	timed      *timed     // nil: nothing is measured
	admission  *admission // by a handler of the guard in front of this one; nil: none
	place      place      // of the credential that was judged
	principal  *Principal // nil: no credential, or not a good one
	key        *Key       // whose limit and bucket bind the request; nil: a JWT that was made from none, or no credential
	isPlain    bool       // key has no limit of its own, and refuses nothing: it need not be read
	byOrigin   bool       // the answer depends on the Origin field
	bucketID   string     // of a JWT; not used if it was made from a key
	now        time.Time  // the clock, if a key's expiry made the guard read it
	usage      Usage      // zero if nothing was charged
	policy     int        // whose usage it is
	rateValues [2]string  // of the rate limit fields; zero: set makes them
}
