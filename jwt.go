package bearer

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer/internal/jws"
)

// A JWT says what JSON Web Tokens (RFC 7519, RFC 8725) a guard accepts. Beside
// what the fields ask, a token must have the claims exp, iss, aud and a subject
// that is not empty; nbf and iat are honoured where they are there.
type JWT struct {
	// Issuer is the token's iss, which also chooses between the JWTs of a Config:
	// two with one issuer are an error of New. Required.
	Issuer string

	// Audiences are what a token may be made for: one of them must be among its
	// aud. Required.
	Audiences []string

	// AudienceClaim names the claim that says what a token was made for, for
	// issuers that have no aud: "client_id", say. It is required in the token all
	// the same. Zero: "aud".
	AudienceClaim string

	// SubjectClaim names the claim that becomes Principal.ID, a string that is
	// not empty. Zero: "sub".
	SubjectClaim string

	// OwnerClaim names the claim that becomes Principal.Owner, a string that is
	// not empty: a tenant, say. Zero: the owner is the subject.
	OwnerClaim string

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

	// Scopes returns the scopes of a token whose signature is good, from claims
	// that are nested or need translation. What it returns that is no scope-token
	// grants nothing; its error refuses the token (401). It is instead of
	// ScopeClaim: both are an error of New. Zero: ScopeClaim says.
	Scopes func(claims map[string]any) (Scopes, error)

	// Session finds what stands behind a good token: by its jti or its sid, say,
	// never by its text, since a signature may have several spellings. It is
	// asked about expired tokens too: one whose session has ended is not answered
	// as if a refresh would help. An error is an outage (503). Zero: nothing
	// stands behind a token.
	Session func(ctx context.Context, p *Principal) (Session, error)

	// Cache is how many tokens are remembered as signed, each for a minute at
	// most and not beyond its exp. Everything else is judged again at each
	// request, and Keyfunc is asked again: if it no longer returns the key that
	// verified the token, the signature is verified again. Zero: none.
	Cache int
}

// A Session is what stands behind a JWT.
type Session struct {
	// Ended refuses the token (401, token_revoked), also if it has expired.
	Ended bool

	// Key is the API key that the token was made from. Its revocation, end,
	// expiry, addresses, origins, scopes, limit and bucket bind the token as they
	// bind the key. Nil: the token was made from none.
	Key *Key
}

func (j *JWT) validate(f *faults) {
	if j.Issuer == "" {
		f.addf("JWT.Issuer", "required")
	}
	if len(j.Audiences) == 0 {
		f.addf("JWT.Audiences", "required")
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
		j.checkSecret(f)
	}
}

func (j *JWT) validateAlgorithms(f *faults) {
	if len(j.Algorithms) == 0 {
		f.addf("JWT.Algorithms", "required")
	}
	first := ""
	for _, alg := range j.Algorithms {
		switch {
		case jws.Family(alg) == "":
			f.addf("JWT.Algorithms", "%q is not supported", alg)
		case first == "":
			first = alg
		case jws.Family(alg) != jws.Family(first):
			f.addf("JWT.Algorithms", "%s and %s are of two families", first, alg)
		}
	}
}

// checkSecret asks a Keyfunc of HMAC secrets for one, to find a secret that is too
// short before the first request does. Not every Keyfunc answers: one that
// wants a kid, say.
func (j *JWT) checkSecret(f *faults) {
	if len(j.Algorithms) == 0 || jws.Family(j.Algorithms[0]) != "HMAC" {
		return
	}
	alg := j.Algorithms[0]
	answer, _, err := askKeyfunc(j.Keyfunc, &jwt.Token{
		Method: jwt.GetSigningMethod(alg),
		Header: map[string]any{"alg": alg, "typ": "JWT"},
		Claims: jwt.MapClaims{},
	})
	if err != nil {
		return // the first request sees it
	}
	for _, key := range jws.Keys(answer) {
		secret, ok := key.([]byte)
		switch {
		case !ok && key != nil:
			f.addf("JWT.Keyfunc", "returned a %T: %s takes a []byte", key, alg)
		case ok && len(secret) < jws.MinSecret:
			f.addf("JWT.Keyfunc", "a secret of %d bytes is too short: at least %d", len(secret), jws.MinSecret)
		}
	}
}
