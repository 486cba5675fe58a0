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
		d.known, d.principal = true, a.principal
	} else {
		err = g.authenticate(r, d)
	}
	if err == nil {
		err = g.authorize(r, d.principal, q)
	}
	if err != nil {
		err.realm = g.config.Realm
	}
	if g.config.Observe != nil && !d.known {
		g.config.Observe(r, d.principal, err)
	}
	return err
}

// authenticate finds out who a request comes from, and charges that caller.
func (g *Guard) authenticate(r *http.Request, d *decision) *Error {
	fields := r.Header["Authorization"]
	if g.config.Optional && len(fields) == 0 {
		return g.charge(r, d)
	}
	var c credential
	if err := c.parse(fields, &g.config.Format); err != nil {
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
	d.principal, d.credential = p, c.field
	return g.charge(r, d)
}

// parse reads the bearer credential in the Authorization fields of a request:
// RFC 6750 section 2.1, RFC 9110 section 11.4.
func (c *credential) parse(fields []string, f *KeyFormat) *Error {
	switch len(fields) {
	case 0:
		return refusal(reasonMissingCredentials, nil)
	case 1:
	default:
		return refusal(reasonMultipleCredentials, nil)
	}
	c.field = fields[0]
	const usual = "Bearer "
	if text, ok := strings.CutPrefix(c.field, usual); ok && text != "" && text[0] > ' ' && text[len(text)-1] > ' ' {
		c.text = text
	} else if !c.cutScheme() {
		return refusal(reasonMissingCredentials, nil)
	}
	c.kind, c.env, c.notKey = parseKey(c.text, f.Namespace)
	// A key of the format is short, and a b64token.
	if c.notKey != nil && (len(c.text) > maxCredential || !isB64Token(c.text)) {
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
	case c.kind == 0 && g.verifier == nil && c.isJWT():
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
	return g.look(r.Context(), d.now, &q)
}

// countFailure takes a failed authentication from the client's address.
func (g *Guard) countFailure(r *http.Request, d *decision) *Error {
	if g.config.FailureLimit.Rate >= rate.Inf {
		return nil
	}
	q := g.failureQuota(r)
	return g.take(r.Context(), d.now, &q)
}

// identify returns the principal of a credential, if that is good. A credential
// is never tried as both a key and a JWT. What has neither the prefix of a key
// nor the dots of a JWT may be a foreign key, if the guard takes keys, and is a
// bad JWT if it does not.
func (g *Guard) identify(r *http.Request, c *credential, d *decision) (p *Principal, err *Error) {
	if c.kind != 0 || g.config.Keys != nil && !c.isJWT() {
		p, err = g.principalOfKey(r.Context(), c)
	} else {
		p, err = g.verifier.verify(r.Context(), c.text, time.Now())
	}
	if err == nil {
		err = g.checkPrincipal(r, p, d)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// principalOfKey returns the principal of the key whose text a credential is. It
// checks only that record and text belong together.
func (g *Guard) principalOfKey(ctx context.Context, c *credential) (*Principal, *Error) {
	f := &g.config.Format
	if c.notKey == errChecksum || c.notKey != nil && !f.Foreign { //nolint:errorlint // parseKey returns it as it is
		return nil, refusal(reasonInvalidAPIKey, c.notKey)
	}
	hash := f.Hash(c.text)
	p, err := g.findPrincipal(ctx, &hash)
	switch {
	case err == ErrKeyNotFound, err == errOtherKey: //nolint:errorlint // findPrincipal returns them as they are
		return nil, refusal(reasonInvalidAPIKey, err)
	case err != nil:
		return nil, outage(reasonStoreUnavailable, err)
	case p.Kind != SecretKey && p.Kind != PublishableKey,
		c.notKey == nil && (p.Kind != c.kind || p.Environment != c.env):
		return nil, refusal(reasonInvalidAPIKey, recordMismatch(p.Key, c))
	}
	return p, nil
}

// recordMismatch says how a key's record and its text differ, for logs.
func recordMismatch(key *Key, c *credential) error {
	return fmt.Errorf("the record of %q says Kind %v and Environment %q; its text says %v and %q",
		key.ID, key.Kind, key.Environment, c.kind, c.env)
}

// checkPrincipal checks that a key is good here and now, and that the guard takes
// the principal. SecretOnly is checked twice: by the text of a key in accepts, and
// by its record here.
func (g *Guard) checkPrincipal(r *http.Request, p *Principal, d *decision) *Error {
	key := p.Key
	if key == nil {
		key = new(Key) // a JWT has no record: nothing of it forbids the request
	}
	if !key.RevokedAt.IsZero() {
		return refusal(reasonKeyRevoked, refusedID(key.ID))
	}
	if !key.ExpiresAt.IsZero() {
		d.now = time.Now()
		if !d.now.Before(key.ExpiresAt) {
			return refusal(reasonKeyExpired, refusedID(key.ID))
		}
	}
	if len(key.AllowedIPs) > 0 && !inAny(key.AllowedIPs, g.clientIP(r)) {
		return refusal(reasonIPNotAllowed, refusedID(key.ID))
	}
	if g.config.Environment != 0 && p.Environment != g.config.Environment {
		return refusal(reasonEnvironmentMismatch, refusedID(p.ID))
	}
	if g.config.SecretOnly && p.ReadOnly {
		return refusal(reasonSecretKeyRequired, refusedID(p.ID))
	}
	return nil
}

// refusedID names a refused credential by its ID, for logs.
func refusedID(id string) error { return fmt.Errorf("the credential of %q", id) }

// charge takes the cost of a request, by each policy of the guard.
func (g *Guard) charge(r *http.Request, d *decision) *Error {
	if len(g.config.Policies) > 1 {
		return g.chargeAll(r, d)
	}
	var q quota
	if err := g.quotaOf(r, d, 0, &q); err != nil || q.limit == (Limit{}) {
		return err
	}
	err := g.take(r.Context(), d.now, &q)
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
		err := refusal(reasonScopeInsufficient, nil)
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
