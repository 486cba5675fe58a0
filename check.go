package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// This file is the order of checks, from top to bottom. Each check returns a
// refusal or nil, and the first refusal answers. Nothing about a key is told to
// a caller who has not presented it. What is in a JWT is checked in jwtverify.go.

var errNoGuard = errors.New("the guard was not made by New")

// decide authenticates and authorizes a request. If a handler of this guard in
// front let it through, decide only authorizes it.
func (g *Guard) decide(r *http.Request, q *rule, d *decision) *Error {
	if g == nil || g.config.Limiter == nil {
		return refusal(reasonStoreUnavailable, errNoGuard)
	}
	var err *Error
	if a, _ := r.Context().Value(g).(*admission); a != nil && a.isOf(r) {
		d.admission, d.principal = a, a.principal
	} else {
		if g.config.Observe != nil {
			d.timed = newTimed(r.Context())
		}
		err = g.authenticate(r, d)
		if err == nil {
			err = g.charge(r, d)
		}
	}
	if err == nil {
		err = g.authorize(r, d.principal, q)
	}
	if d.timed != nil {
		d.timed.decided()
	}
	if err != nil {
		g.complete(err, d)
	}
	return err
}

// complete adds to a refusal what the guard found out apart from it.
func (g *Guard) complete(err *Error, d *decision) {
	err.space, err.byOrigin = &g.space, d.byOrigin
	if d.principal != nil && err.ID == "" {
		err.ID = d.principal.ID
	}
}

// authenticate finds out who a request comes from. The principal is nil if the
// request has no credential and needs none.
func (g *Guard) authenticate(r *http.Request, d *decision) *Error {
	var c credential
	if err := g.parse(r, &c); err != nil {
		isThere := c.place != (place{}) || len(r.Header["Authorization"]) > 0
		if g.config.Optional && err.is(reasonMissingCredentials) && !isThere {
			return nil
		}
		return err
	}
	if err := g.accepts(&c); err != nil {
		return err
	}
	if err := g.checkFailures(r, d); err != nil {
		return err
	}
	p, refused := g.identify(r, &c, d)
	var limited *Error
	if refused != nil && refused.isFailure() {
		limited = g.countFailure(r, d)
	} else {
		limited = g.checkFailures(r, d) // again: other guesses may have failed meanwhile, and all get one answer
	}
	switch {
	case limited != nil:
		return limited
	case refused != nil:
		return refused
	}
	d.principal, d.place = p, c.place
	return nil
}

// parse reads the credential of a request: that of the scheme Bearer in the one
// Authorization field (RFC 6750 section 2.1, RFC 9110 section 11.4), or that
// which Config.Credential finds, but not both.
func (g *Guard) parse(r *http.Request, c *credential) *Error {
	fields := r.Header["Authorization"]
	if len(fields) > 1 {
		return refusal(reasonMultipleCredentials, nil)
	}
	isBearer := false
	if len(fields) == 1 {
		c.place.text = fields[0]
		c.text, isBearer = cutBearer(c.place.text)
	}
	other, isOther := "", false
	if g.config.Credential != nil {
		other = g.config.Credential(r)
		isOther = !isBlank(other)
	}
	switch {
	case !isOther && !isBearer:
		c.place.elsewhere = other != "" // a place that is there, but empty
		return refusal(reasonMissingCredentials, nil)
	case !isOther:
	case isBearer || strings.Contains(other, listSeparator):
		return refusal(reasonMultipleCredentials, nil)
	default:
		c.text, c.place = other, place{other, true}
	}
	if len(c.text) > g.config.MaxCredential {
		return refusal(reasonCredentialTooLong, nil)
	}
	c.kind, c.env, c.notKey = parseKey(c.text, g.config.Format.Namespace)
	if c.notKey != nil && !g.remembers(c) && !isB64Token(c.text) { // a key of the format is a b64token
		return refusal(reasonMalformedCredentials, nil)
	}
	return nil
}

// accepts checks that the guard takes a credential of this type, which its prefix
// tells, or else its dots.
func (g *Guard) accepts(c *credential) *Error {
	switch {
	case c.kind != 0 && g.config.Keys == nil:
		return refusal(reasonWrongCredentialType, nil)
	case c.kind == PublishableKey && g.config.SecretOnly:
		return refusal(reasonSecretKeyRequired, nil)
	case c.kind == 0 && g.verifier == nil && !g.config.Format.Foreign && c.isJWT():
		return refusal(reasonWrongCredentialType, nil)
	}
	return nil
}

// checkFailures checks that the client's address may fail once more.
func (g *Guard) checkFailures(r *http.Request, d *decision) *Error {
	if g.config.FailureLimit.Rate >= rate.Inf {
		return nil
	}
	q := g.failureQuota(r)
	return g.look(r.Context(), d, &q)
}

// countFailure takes a failed authentication from the client's address.
func (g *Guard) countFailure(r *http.Request, d *decision) *Error {
	if g.config.FailureLimit.Rate >= rate.Inf {
		return nil
	}
	q := g.failureQuota(r)
	return g.take(r.Context(), d, &q)
}

// identify returns the principal of a credential that is good. No credential is
// tried as both a key and a JWT. What has neither the prefix of a key nor the dots
// of a JWT may be a foreign key if the guard takes keys, and is a bad JWT if it
// does not. At a guard that takes no JWTs, dots mean nothing.
func (g *Guard) identify(r *http.Request, c *credential, d *decision) (*Principal, *Error) {
	isKey := c.kind != 0 || g.verifier == nil || g.config.Keys != nil && !c.isJWT()
	if !isKey {
		return g.principalOfToken(r, c, d)
	}
	p, err := g.principalOfKey(r.Context(), c, d)
	if err == nil && !d.isPlain {
		err = g.checkKey(r, p.Key, d)
	}
	if err == nil {
		err = g.checkFit(p)
	}
	if err != nil {
		return nil, err
	}
	d.key = p.Key
	return p, nil
}

// principalOfKey returns the principal of the key whose text a credential is. It
// checks only that record and text belong together.
func (g *Guard) principalOfKey(ctx context.Context, c *credential, d *decision) (*Principal, *Error) {
	f := &g.config.Format
	if c.notKey == errChecksum || c.notKey != nil && !f.Foreign { //nolint:errorlint // parseKey returns it as it is
		return nil, refusal(reasonInvalidAPIKey, c.notKey)
	}
	hash := hashOf(c.text, f.Pepper)
	p, err := g.findPrincipal(ctx, &hash, d)
	for i := 0; i < len(f.OldPeppers) && err == ErrKeyNotFound; i++ { //nolint:errorlint // as below
		hash = hashOf(c.text, f.OldPeppers[i])
		p, err = g.findPrincipal(ctx, &hash, d)
	}
	switch {
	case err == ErrKeyNotFound, err == errOtherKey: //nolint:errorlint // findPrincipal returns them as they are
		return nil, refusal(reasonInvalidAPIKey, err)
	case err != nil:
		return nil, outage(reasonStoreUnavailable, err)
	case p.Kind != SecretKey && p.Kind != PublishableKey,
		c.notKey == nil && (p.Kind != c.kind || p.Environment != c.env):
		err := refusal(reasonInvalidAPIKey, recordMismatch(p.Key, c))
		err.ID = p.ID
		return nil, err
	}
	return p, nil
}

// recordMismatch says how a key's record and its text differ, for logs.
func recordMismatch(key *Key, c *credential) error {
	return fmt.Errorf("the record of %q says Kind %v and Environment %q; its text says %v and %q",
		key.ID, key.Kind, key.Environment, c.kind, c.env)
}

// checkKey checks that a key, or one that a token was made from, is good here and
// now. It reads the clock once, and not at all for a key that never ends.
func (g *Guard) checkKey(r *http.Request, key *Key, d *decision) *Error {
	if !key.RevokedAt.IsZero() {
		return refusalOf(key.ID, reasonKeyRevoked)
	}
	if !key.EndsAt.IsZero() || !key.ExpiresAt.IsZero() {
		if d.now.IsZero() { // else a token was judged by it, just now
			d.now = time.Now()
		}
		switch {
		case hasCome(key.EndsAt, d.now):
			return refusalOf(key.ID, reasonKeyRevoked)
		case hasCome(key.ExpiresAt, d.now):
			return refusalOf(key.ID, reasonKeyExpired)
		}
	}
	if len(key.AllowedIPs) > 0 && !inAny(key.AllowedIPs, g.clientIP(r)) {
		return refusalOf(key.ID, reasonIPNotAllowed)
	}
	if len(key.AllowedOrigins) > 0 && key.Kind != SecretKey {
		d.byOrigin = true
		if !allowsOrigin(key.AllowedOrigins, r.Header["Origin"]) {
			return refusalOf(key.ID, reasonOriginNotAllowed)
		}
	}
	return nil
}

// checkFit checks that the guard takes a principal: of its environment, and not
// read-only where it is for secret keys. SecretOnly is checked twice: by the text
// of a key in accepts, and by its record here.
func (g *Guard) checkFit(p *Principal) *Error {
	if g.config.Environment != 0 && p.Environment != g.config.Environment {
		return refusalOf(p.ID, reasonEnvironmentMismatch)
	}
	if g.config.SecretOnly && p.ReadOnly {
		return refusalOf(p.ID, reasonSecretKeyRequired)
	}
	return nil
}

// charge takes the cost of a request, by each policy of the guard.
func (g *Guard) charge(r *http.Request, d *decision) *Error {
	if len(g.config.Policies) > 1 {
		return g.chargeAll(r, d)
	}
	var q quota
	if err := g.quotaOf(r, d, 0, &q); err != nil || q.limit == (Limit{}) {
		return err
	}
	err := g.take(r.Context(), d, &q)
	d.usage = q.usage
	return err
}

// authorize checks access, then scopes. The principal is nil if there was no
// credential.
func (g *Guard) authorize(r *http.Request, p *Principal, q *rule) *Error {
	wanted := q.scopes
	if readOnly := p != nil && p.ReadOnly; readOnly || q.byAccess {
		writes := g.config.Access(r) != Read || overridesMethod(r)
		if writes && readOnly {
			return refusal(reasonSecretKeyRequired, nil)
		}
		wanted = q.wanted(writes)
	}
	switch {
	case p == nil && (q.any || len(wanted) > 0):
		return refusal(reasonMissingCredentials, nil)
	case p == nil:
		return nil
	case q.any && !holdsOne(p, wanted), !q.any && !p.Holds(wanted...):
		err := refusal(reasonScopeInsufficient, p.whyLacking())
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
