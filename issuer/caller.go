package issuer

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
)

// A Caller is who manages keys, clients and sessions. It bounds what may be
// done: a caller cannot make, change, rotate or import more than it holds.
type Caller struct {
	ID          string             // who it is: User.ID, say. It becomes CreatedBy. Required
	Owner       string             // whose keys it manages. Required
	OwnOnly     bool               // it sees and changes only what it created, and its sessions
	ReadOnly    bool               // it only reads
	Scopes      bearer.Scopes      // the most that its keys have; zero: none
	Environment bearer.Environment // the only one of its keys; zero: any
}

// Operator returns a caller with full power over one owner: for commands, for
// seeds, for the application itself.
func Operator(owner string) Caller {
	return Caller{ID: "operator", Owner: owner, Scopes: bearer.FullAccess}
}

// ErrNoCaller is what a Config.Caller returns if no one is logged in (401).
var ErrNoCaller = errors.New("issuer: no caller")

// validate returns an error if the application made no proper caller: a mistake of
// the application, not of a client (503). Without it, an empty Owner would be
// that of all keys that have none.
func (c Caller) validate() error {
	switch {
	case c.Owner == "":
		return outage(errors.New("issuer: the caller has no Owner"))
	case c.ID == "":
		return outage(errors.New("issuer: the caller has no ID"))
	case !isEnvironment(c.Environment) && c.Environment != 0:
		return outage(errors.New("issuer: the caller's Environment is none"))
	}
	if err := c.Scopes.Validate(); err != nil {
		return outage(err)
	}
	return nil
}

// mayChange returns an error if the caller changes nothing at all.
func (c Caller) mayChange() error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.ReadOnly {
		return forbidden("read_only", "", "The caller may only read.")
	}
	return nil
}

// mayGive returns an error if a key or client of the environment and with the
// scopes would have more than the caller holds.
func (c Caller) mayGive(e bearer.Environment, scopes bearer.Scopes) error {
	if err := c.mayUse(e); err != nil {
		return err
	}
	if covers(c.Scopes, scopes) {
		return nil
	}
	return forbidden("scope_insufficient", "scopes", "The caller does not have all of these scopes.")
}

// mayUse returns an error if the caller is bound to another environment.
func (c Caller) mayUse(e bearer.Environment) error {
	if c.Environment == 0 || c.Environment == e {
		return nil
	}
	return forbidden("environment_mismatch", "environment", "The caller belongs to another environment.")
}

// sees reports whether the caller may see a key or a client.
func (c Caller) sees(owner, createdBy string) bool {
	return owner == c.Owner && (!c.OwnOnly || createdBy == c.ID)
}

// narrow makes a query find only what the caller may see: its Owner and
// CreatedBy are given. It returns false if the query can find nothing.
func (c Caller) narrow(owner, createdBy *string) bool {
	*owner = c.Owner
	if c.OwnOnly && *createdBy == "" {
		*createdBy = c.ID
	}
	return !c.OwnOnly || *createdBy == c.ID
}

// isEnvironment reports whether an environment is one.
func isEnvironment(e bearer.Environment) bool { return e == bearer.Test || e == bearer.Live }

// covers reports whether outer has every scope that inner has. "tokens:*" has
// whatever begins with "tokens:", now or later, so that no list of such scopes
// covers it, but "tokens:*" and "*" do; and only "*" covers "*".
func covers(outer, inner bearer.Scopes) bool {
	for scope := range inner.All() {
		if !outer.Contain(scope) {
			return false
		}
	}
	return true
}

// Caller returns who manages keys and sessions by a request, as the endpoints find
// it, and a context for what the caller does: that of the request, which knows
// the client's address, for [Event.IP]. It is for pages and endpoints of the
// application's own. The error has a [bearer.Error] in its tree: 401 if no one is
// logged in.
func (i *Issuer) Caller(r *http.Request) (context.Context, Caller, error) {
	ip, err := i.clientIP(r)
	if err != nil {
		return nil, Caller{}, err
	}
	ctx := withAddress(r.Context(), ip)
	by, err := i.callerOf(r.WithContext(ctx))
	return ctx, by, err
}

// callerOf returns who manages keys and sessions by the request: what
// Config.Caller says, behind Config.CrossOrigin, or the user of a JWT.
func (i *Issuer) callerOf(r *http.Request) (Caller, error) {
	find := i.tokenCaller
	if i.config.Caller != nil {
		find = i.configCaller
	}
	c, err := find(r)
	if err != nil {
		return Caller{}, err
	}
	if err := c.validate(); err != nil {
		return Caller{}, err
	}
	return c, nil
}

// configCaller asks Config.Caller. It may well read a cookie, which a browser also
// sends for a page of someone else.
func (i *Issuer) configCaller(r *http.Request) (Caller, error) {
	if protection := i.config.CrossOrigin; protection != nil {
		if err := protection.Check(r); err != nil {
			return Caller{}, forbidden("cross_origin", "", "The request comes from another site.").WithCause(err)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	// It reads the request, and so must not go on when that is over.
	c, err := askHere(ctx, func(ctx context.Context) (Caller, error) { return i.config.Caller(r.WithContext(ctx)) })
	var e *bearer.Error
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &e):
		return Caller{}, e
	case errors.Is(err, ErrNoCaller):
		return Caller{}, missingCredentials(err)
	default:
		return Caller{}, outage(err)
	}
}

// tokenCaller returns the user of a JWT. A token that was made from a key or by a
// client manages none: it must not outlive itself by a key that it makes.
func (i *Issuer) tokenCaller(r *http.Request) (Caller, error) {
	p, err := i.guards.tokens.Check(r)
	if err != nil {
		return Caller{}, err
	}
	id, isUser := strings.CutPrefix(p.ID, userSubject)
	if !isUser {
		return Caller{}, forbidden("user_required", "", "Only a user may do this.")
	}
	if i.config.Users != nil && bearer.MethodAccess(r) == bearer.Write {
		session, _ := p.Claims["sid"].(string)
		return i.presentCaller(r.Context(), session)
	}
	return Caller{
		ID:          id,
		Owner:       p.Owner,
		ReadOnly:    p.ReadOnly,
		Scopes:      p.Scopes,
		Environment: p.Environment,
	}, nil
}

// presentCaller returns the user of a session as the user is by now. A key
// outlives the token that it is made with: a user who was demoted a minute ago
// must not make one. The session of a user who has changed, or is gone, ends.
func (i *Issuer) presentCaller(ctx context.Context, session string) (c Caller, err error) {
	err = retry(ctx, func() error {
		s, err := i.store.GetSession(ctx, session)
		if err != nil {
			return err
		}
		user, err := i.userOf(ctx, s)
		c = Caller{ID: user.ID, Owner: user.Owner, Scopes: user.Scopes, Environment: user.Environment}
		return err
	})
	if bearer.CodeOf(err) == bearer.CodeInvalidRefreshToken {
		err = tokenRevoked()
	}
	return c, err
}

// missingCredentials says that no one is logged in (401).
func missingCredentials(cause error) *bearer.Error {
	e := &bearer.Error{Code: bearer.CodeUnauthorized, Reason: "missing_credentials"}
	return e.WithCause(cause)
}
