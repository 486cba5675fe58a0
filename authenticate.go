package bearer

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// This file is the order of checks up to the rate limit. The first failure
// answers; nothing about a key is told to a caller who has not presented it.

var (
	errNoGuard      = errors.New("the guard was not made by New")
	errNegativeCost = errors.New("the cost of the request is negative")
	errNilKey       = errors.New("the key store returned neither a key nor an error")
	errOtherKey     = errors.New("the key store returned a key with another hash")
)

// authenticate decides on a request that is not known yet. With an error, the
// admission may be nil, or hold a principal who was refused.
func (g *Guard) authenticate(r *http.Request, d *decision) {
	fields := r.Header["Authorization"]
	if g.config.Optional && len(fields) == 0 {
		d.admission = g.admission(r, "", nil)
		g.charge(r, Bucket{"nobody", neighbourhood(g.clientIP(r))}, g.config.Limit, d)
		return
	}
	var c credential
	if d.err = c.parse(fields, &g.config.Format); d.err != nil {
		return
	}
	if d.err = g.takes(&c); d.err != nil {
		return
	}
	g.failures(r, 0, d)
	if d.err != nil {
		return
	}
	p, err := g.identify(r, &c, d)
	failed := 0
	if isFailure(err) {
		failed = 1
	}
	// Asked once more, so that of many guesses at a time the answer does not
	// tell which was right.
	g.failures(r, failed, d)
	if d.err != nil {
		return
	}
	if err != nil {
		d.err = err
		return
	}
	d.admission = g.admission(r, c.field, p)
	bucket, limit := g.bucket(p)
	g.charge(r, bucket, limit, d)
}

// takes decides whether this door takes what a credential is, by its prefix,
// else by its dots. A credential is never tried as both.
func (g *Guard) takes(c *credential) *Error {
	switch {
	case c.kind != 0 && g.config.Keys == nil:
		return refusal(CodeUnauthorized, "wrong_credential_type", nil)
	case c.kind == PublishableKey && g.config.SecretOnly:
		return refusal(CodeForbidden, "secret_key_required", nil)
	case c.kind == 0 && c.isJWT() && g.tokens == nil:
		return refusal(CodeUnauthorized, "wrong_credential_type", nil)
	}
	return nil
}

// identify returns the principal of a credential, if that is good. What is
// neither a key by its prefix nor a JWT by its dots may be a foreign key, where
// the door takes keys, and is a bad JWT where it does not.
func (g *Guard) identify(r *http.Request, c *credential, d *decision) (p *Principal, err *Error) {
	if c.kind != 0 || g.config.Keys != nil && !c.isJWT() {
		p, err = g.lookUp(r.Context(), c)
		if err == nil {
			err = g.judge(r, p.Key, d)
		}
	} else {
		p, err = g.tokens.verify(r.Context(), c.text, time.Now())
	}
	if err == nil {
		err = g.admits(p)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// lookUp returns the principal of the key whose text a credential is. Nothing
// is judged yet but that the two belong together.
func (g *Guard) lookUp(ctx context.Context, c *credential) (*Principal, *Error) {
	f := &g.config.Format
	if c.fault == errChecksum || c.fault != nil && !f.Foreign { //nolint:errorlint // parseKey returns it as it is
		return nil, refusal(CodeUnauthorized, "invalid_api_key", c.fault)
	}
	hash := f.Hash(c.text)
	p, err := g.find(ctx, &hash)
	switch {
	case err == ErrKeyNotFound, err == errOtherKey: //nolint:errorlint // find returns them as they are
		return nil, refusal(CodeUnauthorized, "invalid_api_key", err)
	case err != nil:
		return nil, outage("store_unavailable", err)
	case p.Kind != SecretKey && p.Kind != PublishableKey,
		c.fault == nil && (p.Kind != c.kind || p.Environment != c.env):
		return nil, refusal(CodeUnauthorized, "invalid_api_key", otherKind(p.Key, c))
	}
	return p, nil
}

// find asks the guard's store. Those of this package have the principals of
// their keys ready, and no key but that which has the hash.
func (g *Guard) find(ctx context.Context, hash *KeyHash) (*Principal, error) {
	switch store := g.config.Keys.(type) {
	case *MemoryStore:
		if p := store.find(hash); p != nil {
			return p, nil
		}
		return nil, ErrKeyNotFound
	case *KeyCache:
		if p := store.find(hash); p != nil {
			return p, nil
		}
	}
	key, err := findKey(ctx, g.config.Keys, *hash)
	switch {
	case err != nil:
		return nil, err
	case key == nil:
		return nil, errNilKey
	case subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1:
		return nil, errOtherKey
	}
	p := new(Principal)
	key.principal(p)
	return p, nil
}

// findKey asks a store, and returns ErrKeyNotFound itself if the store says so.
// One that panics is out of order, as is one whose error does.
func findKey(ctx context.Context, store KeyStore, hash KeyHash) (key *Key, err error) {
	defer recoverTo(&err)
	key, err = store.FindKey(ctx, hash)
	if err != nil && errors.Is(err, ErrKeyNotFound) {
		return nil, ErrKeyNotFound
	}
	return key, err
}

// otherKind says how a key's record and its text differ, for logs.
func otherKind(key *Key, c *credential) error {
	return fmt.Errorf("the record of %q says Kind %v and Environment %q; its text says %v and %q",
		key.ID, key.Kind, key.Environment, c.kind, c.env)
}

// judge decides whether a key is good here and now.
func (g *Guard) judge(r *http.Request, key *Key, d *decision) *Error {
	if !key.RevokedAt.IsZero() {
		return refusal(CodeUnauthorized, "key_revoked", ofCredential(key.ID))
	}
	if !key.ExpiresAt.IsZero() {
		d.now = time.Now()
		if !d.now.Before(key.ExpiresAt) {
			return refusal(CodeKeyExpired, "key_expired", ofCredential(key.ID))
		}
	}
	if len(key.AllowedIPs) > 0 && !inAny(key.AllowedIPs, g.clientIP(r)) {
		return refusal(CodeIPNotAllowed, "ip_not_allowed", ofCredential(key.ID))
	}
	return nil
}

// admits decides whether this door takes a principal: a key by its record now,
// where takes went by its text.
func (g *Guard) admits(p *Principal) *Error {
	switch {
	case g.config.Environment != 0 && p.Environment != g.config.Environment:
		return refusal(CodeForbidden, "environment_mismatch", ofCredential(p.ID))
	case g.config.SecretOnly && p.ReadOnly:
		return refusal(CodeForbidden, "secret_key_required", ofCredential(p.ID))
	}
	return nil
}

// ofCredential names a refused credential by its ID, for logs.
func ofCredential(id string) error { return fmt.Errorf("the credential of %q", id) }

// isFailure reports whether a refusal counts against FailureLimit.
func isFailure(err *Error) bool {
	if err == nil {
		return false
	}
	switch err.Reason {
	case "invalid_api_key", "key_revoked", "invalid_token", "token_revoked":
		return true
	}
	return false
}

// clientIP returns the address of the client in the form that prefixes have.
func (g *Guard) clientIP(r *http.Request) netip.Addr {
	return g.config.ClientIP(r).Unmap().WithZone("")
}

// bucket returns a caller's bucket and its limit.
func (g *Guard) bucket(p *Principal) (Bucket, Limit) {
	switch {
	case p.Key == nil:
		return Bucket{"token", p.ID}, g.config.Limit
	case p.Key.Limit == Limit{}:
		return Bucket{"key", p.ID}, g.config.Limit
	default:
		return Bucket{"key", p.ID}, p.Key.Limit
	}
}

// charge takes the cost of a request from its caller's bucket.
func (g *Guard) charge(r *http.Request, b Bucket, l Limit, d *decision) {
	d.usage = Usage{}
	if l.Rate >= rate.Inf {
		return
	}
	cost := 1
	if g.config.Cost != nil {
		cost = g.config.Cost(r)
		d.now = time.Time{} // it may have waited, for a body
	}
	if cost < 0 {
		d.err = outage("limiter_unavailable", errNegativeCost)
		return
	}
	if l.Burst < 1 || !(l.Rate >= 0) {
		cost = max(cost, 1) // nothing gets through, for nothing either
	}
	g.take(r.Context(), b, cost, l, d)
}

// failures takes n failed authentications from the bucket of the client's
// address: 0 only asks whether one more is allowed.
func (g *Guard) failures(r *http.Request, n int, d *decision) {
	l := g.config.FailureLimit
	if l.Rate >= rate.Inf {
		return
	}
	b := Bucket{"ip", neighbourhood(g.clientIP(r))}
	g.take(r.Context(), b, n, l, d)
	if u := &d.usage; d.err == nil && n == 0 && u.Remaining < 1 {
		u.Allowed, u.Wait = false, u.untilNext(l)
		d.err = tooMany(*u)
	}
}

// take asks the limiter. Buckets, which nearly every guard has, is asked
// directly: it neither fails nor panics, and takes the clock reading, if there
// is one.
func (g *Guard) take(ctx context.Context, b Bucket, n int, l Limit, d *decision) {
	if buckets, ok := g.config.Limiter.(*Buckets); ok {
		buckets.take(d.now, b, n, l, &d.usage)
	} else if err := takeFrom(ctx, g.config.Limiter, b, n, l, &d.usage); err != nil {
		d.usage, d.err = Usage{}, outage("limiter_unavailable", err)
		return
	}
	d.usage.Limit = l
	if !d.usage.Allowed {
		d.err = tooMany(d.usage)
	}
}

// takeFrom takes from a limiter. One that panics is out of order.
func takeFrom(ctx context.Context, limiter Limiter, b Bucket, n int, l Limit, u *Usage) (err error) {
	defer recoverTo(&err)
	*u, err = limiter.Take(ctx, b, n, l)
	return err
}

// recoverTo turns a panic of a part that the application brought into an error:
// a broken part refuses, and takes no other request down with it. So does an
// error that is a nil pointer, which would panic wherever it is printed.
func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	} else if *err != nil && isNil(*err) {
		*err = fmt.Errorf("a nil %T for an error", *err)
	}
}
