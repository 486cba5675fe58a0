package bearer

import (
	"fmt"
	"io"
	"net/http"
	"slices"
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
	policy string // of config.Limit
	tokens *verifier
}

// Handler is [Guard.Require] with no scopes, for a whole application.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return g.Require()(next)
}

// Require returns a middleware that lets a request through if its credential is
// good and holds all of the scopes. The next handler finds the [Principal] by
// [FromContext]. Require panics if a scope is not a scope-token.
func (g *Guard) Require(scopes ...Scope) func(http.Handler) http.Handler {
	return g.middleware("Require", rule{scopes: scopes})
}

// RequireAny is Require where one of the scopes is enough. With none, it
// refuses everything.
func (g *Guard) RequireAny(scopes ...Scope) func(http.Handler) http.Handler {
	return g.middleware("RequireAny", rule{scopes: scopes, any: true})
}

// Resource is Require of the scope name:read where the request reads, and of
// name:write where it writes, as Config.Access says.
func (g *Guard) Resource(name string) func(http.Handler) http.Handler {
	read, write := Scope(name+":read"), Scope(name+":write")
	if name == "" {
		read, write = "", ""
	}
	return g.middleware("Resource", rule{scopes: []Scope{read, write}, byAccess: true})
}

// Check decides on a request as [Guard.Require] does, and writes nothing. The
// error is always an [*Error]. The principal is nil where an optional door lets
// nobody through. Each call on a request that no handler of this guard let
// through yet charges the limit.
func (g *Guard) Check(r *http.Request, scopes ...Scope) (*Principal, error) {
	u := rule{scopes: scopes}
	for _, scope := range scopes {
		if scope.Validate() != nil {
			u = rule{any: true} // refuses all: not even FullAccess holds what is no scope
		}
	}
	var d decision
	g.decide(r, &u, &d)
	if d.err != nil {
		return nil, d.err
	}
	return d.admission.principal, nil
}

// Format implements [fmt.Formatter], so that no verb shows a secret.
func (Guard) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.Guard") }

func (g *Guard) middleware(name string, u rule) func(http.Handler) http.Handler {
	u.scopes = slices.Clone(u.scopes)
	for _, scope := range u.scopes {
		if err := scope.Validate(); err != nil {
			panic("bearer: " + name + ": " + err.Error())
		}
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("bearer: " + name + ": nil handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.serve(w, r, &u, next)
		})
	}
}

func (g *Guard) serve(w http.ResponseWriter, r *http.Request, u *rule, next http.Handler) {
	var d decision
	g.decide(r, u, &d)
	if d.err == nil && !d.known || d.err != nil && d.err.Code == CodeRateLimitExceeded {
		g.setFields(w, &d)
	}
	switch {
	case d.err != nil && g != nil && g.config.ErrorHandler != nil:
		g.config.ErrorHandler(w, r, d.err)
	case d.err != nil:
		WriteError(w, r, d.err)
	case d.known:
		next.ServeHTTP(w, r)
	default:
		next.ServeHTTP(w, r.WithContext(d.admission))
	}
}

// A decision is what a guard thinks of a request. It is filled in where it is:
// returning it from function to function takes a tenth of the key path.
type decision struct {
	admission *admission // nil only if there is an err
	known     bool       // it was made by a handler in front of this one
	usage     Usage      // zero if nothing was charged
	err       *Error
}

// setFields sets the rate limit fields of an accepted or a limited answer.
func (g *Guard) setFields(w http.ResponseWriter, d *decision) {
	u := d.usage
	if !u.limited() {
		return
	}
	policy := g.policy
	if u.Limit != g.config.Limit {
		policy = u.Limit.policy()
	}
	if d.admission == nil {
		d.admission = new(admission) // for its fields
	}
	u.setFields(w.Header(), policy, &d.admission.fields)
	if g.config.LegacyRateHeaders {
		u.setLegacyFields(w.Header())
	}
}

// decide judges a request by what this guard knows of it already, or else from
// the beginning.
func (g *Guard) decide(r *http.Request, u *rule, d *decision) {
	if g == nil || g.config.Limiter == nil {
		d.err = refusal(CodeServiceUnavailable, "store_unavailable", errNoGuard)
		return
	}
	if d.admission = g.admitted(r); d.admission != nil {
		d.known = true
		d.err = g.authorize(r, d.admission.principal, u)
		d.err.sign(g.config.Realm)
		return
	}
	g.authenticate(r, d)
	if d.err == nil {
		d.err = g.authorize(r, d.admission.principal, u)
	}
	d.err.sign(g.config.Realm)
	if g.config.Observe != nil {
		var p *Principal
		if d.admission != nil {
			p = d.admission.principal
		}
		g.config.Observe(r, p, d.err)
	}
}

// admitted returns what this guard found out about r, or nil. A request that
// was made with the context of another, but has a credential of its own, is
// not known. Nor is one of HTTP/2 in the context of one of HTTP/1: all that
// come over a connection after an upgrade have the context of the first.
func (g *Guard) admitted(r *http.Request) *admission {
	a, _ := r.Context().Value(g).(*admission)
	if a == nil || r.ProtoMajor > a.protocol {
		return nil
	}
	fields := r.Header["Authorization"]
	if len(fields) > 1 || len(fields) == 1 && fields[0] != a.credential {
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
func (u *rule) wanted(writes bool) []Scope {
	switch {
	case !u.byAccess:
		return u.scopes
	case writes:
		return u.scopes[1:]
	default:
		return u.scopes[:1]
	}
}

// authorize checks access, then scopes. The principal is nil for nobody.
func (g *Guard) authorize(r *http.Request, p *Principal, u *rule) *Error {
	wanted := u.scopes
	if readOnly := p != nil && p.ReadOnly; readOnly || u.byAccess {
		writes := g.config.Access(r) != Read
		if writes && readOnly {
			return refusal(CodeForbidden, "secret_key_required", nil)
		}
		wanted = u.wanted(writes)
	}
	switch {
	case p == nil && (u.any || len(wanted) > 0):
		return refusal(CodeUnauthorized, "missing_credentials", nil)
	case p == nil:
		return nil
	case u.any && !holdsOne(p, wanted), !u.any && !p.Holds(wanted...):
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

func refusal(code Code, reason string, cause error) *Error {
	return &Error{Code: code, Reason: reason, cause: cause}
}
