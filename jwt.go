package bearer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A JWT says what JSON Web Tokens (RFC 7519, RFC 8725) a door accepts. Beside
// what the fields ask, a token must have the claims exp, iss, aud and a subject
// that is not empty; nbf and iat are honoured where they are there.
type JWT struct {
	// Issuer and Audience must be the token's iss, and among its aud. Required.
	Issuer, Audience string

	// Algorithms are those that a token may be signed with, all of one family:
	// HS256, HS384, HS512; RS256, RS384, RS512, PS256, PS384, PS512; ES256,
	// ES384, ES512; or EdDSA. Required.
	Algorithms []string

	// Keyfunc returns the key, or the [jwt.VerificationKeySet], that a token
	// must be signed with: []byte of at least 32 bytes, *rsa.PublicKey of at
	// least 2048 bits, *ecdsa.PublicKey of the algorithm's curve, or
	// ed25519.PublicKey. It finds it by the header's kid, which is a string or
	// absent. If it does not know the key, it must return an error wrapping
	// ErrKeyNotFound or one of the jwt package's (401); any other error is an
	// outage (503). It must be safe for concurrent use and must not modify the
	// token. New calls it once, where Algorithms are HMAC, to look at the length
	// of the secret. Required.
	Keyfunc jwt.Keyfunc

	// Leeway is how far clocks may differ. Zero: not at all.
	Leeway time.Duration

	// Types are the typ headers that a token may have; "" is none. They compare
	// without case and without "application/". Zero: JWT, at+jwt or none.
	Types []string

	// ScopeClaim names the claim that holds the scopes, where the issuer has
	// another for them: "scp" or "permissions", say. It may be a string (RFC 8693
	// section 4.2) or an array of strings. Zero: "scope", which is a string.
	ScopeClaim string

	// Revoked reports whether a good token was revoked: by its jti or its sid,
	// say, never by its text, since a signature may have several spellings. It
	// is asked about expired tokens too: one that was revoked is not answered as
	// if a refresh would help. An error is an outage (503). Zero: no token is
	// revoked.
	Revoked func(ctx context.Context, p *Principal) (bool, error)

	// Cache is how many tokens are remembered as signed, each for a minute at
	// most and not beyond its exp. Everything else is judged anew at each
	// request, and Keyfunc is asked again: if it no longer returns the key that
	// verified the token, the signature is verified again. Zero: none.
	Cache int
}

func (j *JWT) validate(f *faults) {
	if j.Issuer == "" {
		f.addf("JWT.Issuer", "required")
	}
	if j.Audience == "" {
		f.addf("JWT.Audience", "required")
	}
	j.validateAlgorithms(f)
	if j.Leeway < 0 {
		f.addf("JWT.Leeway", "negative")
	}
	if j.Cache < 0 {
		f.addf("JWT.Cache", "negative")
	}
	if j.Keyfunc == nil {
		f.addf("JWT.Keyfunc", "required")
	} else {
		j.probe(f)
	}
}

func (j *JWT) validateAlgorithms(f *faults) {
	if len(j.Algorithms) == 0 {
		f.addf("JWT.Algorithms", "required")
	}
	first := ""
	for _, alg := range j.Algorithms {
		switch {
		case families[alg] == "":
			f.addf("JWT.Algorithms", "%q is not supported", alg)
		case first == "":
			first = alg
		case families[alg] != families[first]:
			f.addf("JWT.Algorithms", "%s and %s are of two families", first, alg)
		}
	}
}

// probe asks a Keyfunc of HMAC secrets for one, to find a secret that is too
// short before the first request does. Not every Keyfunc answers: one that
// wants a kid, say.
func (j *JWT) probe(f *faults) {
	if len(j.Algorithms) == 0 || families[j.Algorithms[0]] != "HMAC" {
		return
	}
	alg := j.Algorithms[0]
	keys, _, err := askKey(j.Keyfunc, &jwt.Token{
		Method: jwt.GetSigningMethod(alg),
		Header: map[string]any{"alg": alg, "typ": "JWT"},
		Claims: jwt.MapClaims{},
	})
	if err != nil {
		return // the first request sees it
	}
	for _, key := range keysOf(keys) {
		secret, ok := key.([]byte)
		switch {
		case !ok && key != nil:
			f.addf("JWT.Keyfunc", "returned a %T: %s takes a []byte", key, alg)
		case ok && len(secret) < minSecret:
			f.addf("JWT.Keyfunc", "a secret of %d bytes is too short: at least %d", len(secret), minSecret)
		}
	}
}

// A verifier verifies the JWTs of one guard.
type verifier struct {
	JWT
	methods map[string]jwt.SigningMethod
	cache   *signedCache // nil: none
}

func newVerifier(j JWT) *verifier {
	v := &verifier{JWT: j, methods: make(map[string]jwt.SigningMethod)}
	for _, alg := range j.Algorithms {
		v.methods[alg] = jwt.GetSigningMethod(alg)
	}
	v.Types = []string{"jwt", "at+jwt", ""}
	if len(j.Types) > 0 {
		v.Types = nil
	}
	for _, typ := range j.Types {
		v.Types = append(v.Types, mediaType(typ))
	}
	if j.Cache > 0 {
		v.cache = newSignedCache(j.Cache)
	}
	return v
}

// verify returns the principal of a good token.
func (v *verifier) verify(ctx context.Context, text string, now time.Time) (*Principal, *Error) {
	t, err := v.signed(text, now)
	if err != nil {
		return nil, err
	}
	verdict := v.judge(t, now)
	if verdict != nil && verdict.Code != CodeTokenExpired {
		return nil, verdict
	}
	if v.Revoked != nil {
		revoked, err := v.askRevoked(ctx, t.principal)
		if err != nil {
			return nil, outage("store_unavailable", err)
		}
		if revoked {
			return nil, refusal(CodeUnauthorized, "token_revoked", nil)
		}
	}
	if verdict != nil {
		return nil, verdict
	}
	return t.principal, nil
}

// signed returns the token that text spells, if its signature is good.
func (v *verifier) signed(text string, now time.Time) (*token, *Error) {
	if t := v.cache.find(text, now); t != nil {
		if keys, _, err := askKey(v.Keyfunc, t.jwt); err == nil && t.signedWith(keys) {
			return t, nil
		}
	}
	t, err := v.parse(text)
	if err != nil {
		return nil, refusal(CodeUnauthorized, "invalid_token", err)
	}
	keys, unknown, err := askKey(v.Keyfunc, t.jwt)
	if err != nil && !unknown {
		return nil, outage("keys_unavailable", err)
	}
	if err == nil {
		err = t.verifySignature(keys)
	}
	if err != nil {
		return nil, refusal(CodeUnauthorized, "invalid_token", err)
	}
	v.cache.store(text, t, now)
	return t, nil
}

// judge checks the claims. Expiry comes last: that a token has expired is
// answered only if all else about it is right.
func (v *verifier) judge(t *token, now time.Time) *Error {
	var fault string
	switch {
	case t.issuer != v.Issuer:
		fault = fmt.Sprintf("iss is not %q", v.Issuer)
	case !slices.Contains(t.audience, v.Audience):
		fault = fmt.Sprintf("aud does not hold %q", v.Audience)
	case now.Before(t.notBefore.Add(-v.Leeway)):
		fault = "nbf is in the future"
	case now.Before(t.issuedAt.Add(-v.Leeway)):
		fault = "iat is in the future"
	case !now.Before(t.expiresAt.Add(v.Leeway)):
		return refusal(CodeTokenExpired, "token_expired", nil)
	default:
		return nil
	}
	return refusal(CodeUnauthorized, "invalid_token", errors.New("claim "+fault))
}

// askRevoked calls Revoked. One that panics is out of order.
func (v *verifier) askRevoked(ctx context.Context, p *Principal) (revoked bool, err error) {
	defer recoverTo(&err)
	return v.Revoked(ctx, p)
}

// mediaType returns typ as RFC 7515 section 4.1.9 compares it.
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}
