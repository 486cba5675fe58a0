package bearer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"slices"
	"time"

	"github.com/blockauth/bearer/internal/jws"
)

// This file is the order of checks for a JWT: what costs no call comes first, and
// all that is told of a token whose signature is not known to be good is that it
// is not valid.

// A verifier verifies the JWTs of one guard.
type verifier struct {
	issuers   []*issuer
	remembers bool         // one of the issuers has a cache
	seed      maphash.Seed // of the digests of all caches
}

// An issuer is one JWT of the config, with what is made from it.
type issuer struct {
	JWT
	rules *jws.Rules
	cache *signedCache // nil: none
}

func newVerifier(jwts []JWT) *verifier {
	v := &verifier{seed: maphash.MakeSeed()}
	for _, j := range jwts {
		j.Audiences = slices.Clone(j.Audiences)
		types := j.Types
		if len(types) == 0 {
			types = []string{"JWT", "at+jwt", ""}
		}
		i := &issuer{JWT: j, rules: jws.NewRules(j.Algorithms, types)}
		if j.Cache > 0 {
			i.cache, v.remembers = newSignedCache(j.Cache), true
		}
		v.issuers = append(v.issuers, i)
	}
	return v
}

// principalOfToken returns the principal of a JWT that is good here and now.
func (g *Guard) principalOfToken(r *http.Request, c *credential, d *decision) (*Principal, *Error) {
	t, err := g.verifier.signed(c)
	var p *Principal
	if err == nil {
		p, err = g.checkToken(r, t, d)
	}
	if t != nil {
		d.bucketID = t.bucketID
		if err != nil {
			err.ID = t.principal.ID
		}
	}
	return p, err
}

// remembers reports whether a credential that is no key is a JWT whose signature
// is remembered as good. Its text is then known to be a b64token too.
func (g *Guard) remembers(c *credential) bool {
	if g.verifier != nil && c.kind == 0 {
		c.token = g.verifier.load(c.text)
	}
	return c.token != nil
}

// signed returns the token that a credential spells, if its signature is good. A
// token beside an error is one whose signature is good too.
func (v *verifier) signed(c *credential) (*token, *Error) {
	if t := c.token; t != nil {
		if answer, _, err := askKeyfunc(t.issuer.Keyfunc, t.JWT); err == nil && t.VerifiedBy(answer) {
			return t, nil
		}
	}
	now := time.Now()
	t, err := v.parse(c.text)
	if err == nil {
		err = t.checkClaims(now)
	}
	if err != nil {
		return nil, refusal(reasonInvalidToken, err)
	}
	if err := t.verify(); err != nil {
		return nil, err
	}
	t.verifiedAt = now
	if err := t.readScopes(); err != nil {
		return t, err
	}
	if t.issuer.cache != nil {
		t.KeepKey()
		t.issuer.cache.store(v.digest(c.text), t)
	}
	return t, nil
}

// load returns the token that text spells, if one of the caches remembers it.
func (v *verifier) load(text string) *token {
	if !v.remembers {
		return nil
	}
	digest := v.digest(text)
	for _, i := range v.issuers {
		if t := i.cache.load(digest, text); t != nil {
			return t
		}
	}
	return nil
}

// parse takes a token apart, finds out whose it is, and reads its claims. Which
// algorithms, types and keys may be is up to its issuer alone.
func (v *verifier) parse(text string) (*token, error) {
	parsed, err := jws.Parse(text)
	if err != nil {
		return nil, err
	}
	t := &token{Token: parsed}
	if t.issuer, err = v.issuerOf(parsed.Claims); err != nil {
		return nil, err
	}
	if err := t.issuer.rules.Check(parsed); err != nil {
		return nil, err
	}
	if err := t.readClaims(); err != nil {
		return nil, err
	}
	return t, nil
}

// issuerOf returns the issuer that the iss of a token names.
func (v *verifier) issuerOf(claims map[string]any) (*issuer, error) {
	r := claimReader{claims: claims}
	name := required(&r, "iss", textOf)
	for _, i := range v.issuers {
		if i.Issuer == name {
			return i, r.err
		}
	}
	if len(v.issuers) == 1 {
		r.fail("iss", fmt.Sprintf("is not %q", v.issuers[0].Issuer))
	}
	r.fail("iss", "is that of none of the JWTs of the config")
	return nil, r.err
}

// checkClaims checks the claims that cost no call.
func (t *token) checkClaims(now time.Time) error {
	audiences := t.issuer.Audiences
	switch {
	case !slices.ContainsFunc(t.audience, func(a string) bool { return slices.Contains(audiences, a) }):
		return fmt.Errorf("claim %s holds none of %q", cmp.Or(t.issuer.AudienceClaim, "aud"), audiences)
	case !t.hasBegun(now):
		return errNotBegun
	}
	return nil
}

var errNotBegun = errors.New("claim nbf is in the future")

// verify verifies the signature with the keys of the token's issuer.
func (t *token) verify() *Error {
	answer, unknown, err := askKeyfunc(t.issuer.Keyfunc, t.JWT)
	if err != nil && !unknown {
		return outage(reasonKeysUnavailable, err)
	}
	if err == nil {
		err = t.Verify(answer)
	}
	if err != nil {
		return refusal(reasonInvalidToken, err)
	}
	return nil
}

// checkToken checks that a token whose signature is good is good here and now.
// Session is asked about expired tokens too, but not about those that this guard
// refuses whatever it says.
func (g *Guard) checkToken(r *http.Request, t *token, d *decision) (*Principal, *Error) {
	var behind Session
	unfit := g.checkFit(t.principal)
	if unfit == nil && t.issuer.Session != nil {
		var err *Error
		if behind, err = t.session(r.Context(), d); err != nil {
			return nil, err
		}
	}
	d.now = time.Now() // not before: Keyfunc and Session may take long
	switch {
	case !t.hasBegun(d.now): // the clock was set back since it was remembered
		return nil, refusal(reasonInvalidToken, errNotBegun)
	case behind.Ended:
		return nil, refusal(reasonTokenRevoked, nil)
	case behind.Key != nil:
		return g.bindToKey(r, t, behind.Key, d)
	case t.hasExpired(d.now):
		return nil, refusal(reasonTokenExpired, nil)
	case unfit != nil:
		return nil, unfit
	}
	return t.principal, nil
}

// session asks what stands behind a token. The answer about an expired token is
// remembered for as long as its signature is.
func (t *token) session(ctx context.Context, d *decision) (Session, *Error) {
	if s := t.answer.Load(); s != nil {
		return *s, nil
	}
	s, err := d.askSession(ctx, &t.issuer.JWT, t.principal)
	if err != nil {
		return Session{}, outage(reasonStoreUnavailable, err)
	}
	if t.hasExpired(t.verifiedAt) {
		answer := s // s itself would be on the heap, also if it is not remembered
		t.answer.Store(&answer)
	}
	return s, nil
}

// bindToKey checks the key that a token was made from, and returns the token's
// principal with what both grant. If the key was revoked, no refresh helps, and
// the token is not said to have expired. If both have expired, it is.
func (g *Guard) bindToKey(r *http.Request, t *token, key *Key, d *decision) (*Principal, *Error) {
	err := g.checkKey(r, key, d)
	switch {
	case err != nil && err.is(reasonKeyRevoked):
		return nil, err
	case t.hasExpired(d.now):
		return nil, refusal(reasonTokenExpired, nil)
	case err != nil:
		return nil, err
	case key.Kind != SecretKey && key.Kind != PublishableKey:
		return nil, outage(reasonStoreUnavailable, fmt.Errorf("the Kind of Session.Key %q is %v", key.ID, key.Kind))
	case g.config.Environment != 0 && key.Environment != g.config.Environment:
		return nil, refusalOf(key.ID, reasonEnvironmentMismatch)
	}
	p := t.boundTo(key)
	if err := g.checkFit(p); err != nil {
		return nil, err
	}
	d.key = key
	return p, nil
}

// A binding is the principal of a token that was made from a key. It depends on
// these two fields of the key alone, and is used again while they are the same.
type binding struct {
	scopes    Scopes // of the key
	readOnly  bool   // the key is publishable
	principal *Principal
}

// boundTo returns the token's principal with what both it and a key grant.
func (t *token) boundTo(key *Key) *Principal {
	readOnly := key.Kind == PublishableKey
	if b := t.bound.Load(); b != nil && b.scopes == key.Scopes && b.readOnly == readOnly {
		return b.principal
	}
	p := *t.principal
	p.Scopes = p.Scopes.intersect(key.Scopes)
	p.ReadOnly = p.ReadOnly || readOnly
	if p.ReadOnly {
		p.Scopes = p.Scopes.withoutWrites()
	}
	t.bound.Store(&binding{key.Scopes, readOnly, &p})
	return &p
}
