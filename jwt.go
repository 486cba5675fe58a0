package bearer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer/internal/jws"
)

// A JWT says what JSON Web Tokens (RFC 7519, RFC 8725) of one issuer a guard
// accepts. A token must have the claims iss, exp, aud and sub, or what the fields
// name in their place, and may have jti and sid, which are strings; nbf is
// honoured if it is there, and iat is not judged. A scope claim only grants: what
// in it is no scope-token is dropped.
type JWT struct {
	// Issuer is the token's iss, which also chooses between the JWTs of a Config:
	// two with one issuer are an error of New. It has no white space. Required.
	Issuer string

	// Audiences are what a token may be made for: one of them must be among its
	// aud, which is a string or an array of strings. Required.
	Audiences []string

	// AudienceClaim names the claim that says what a token was made for, for
	// issuers that have no aud: "client_id", say. It is required in the token all
	// the same. Zero: "aud".
	AudienceClaim string

	// SubjectClaim names the claim that becomes Principal.ID, a string that is
	// not empty. Without it a token is refused (401). Zero: "sub".
	SubjectClaim string

	// OwnerClaim names the claim that becomes Principal.Owner, a string that is
	// not empty: a tenant, say. Without it a token is refused (401). Zero: the
	// owner is the subject.
	OwnerClaim string

	// Algorithms are those that a token may be signed with, all of one family:
	// HS256, HS384, HS512; RS256, RS384, RS512, PS256, PS384, PS512; ES256,
	// ES384, ES512; or EdDSA, whose other name is Ed25519 (RFC 9864): either
	// accepts both. Required.
	Algorithms []string

	// Keyfunc returns the key, or the [jwt.VerificationKeySet], that a token
	// must be signed with: []byte as long as the hash at least (32, 48 or 64
	// bytes: RFC 7518 section 3.2), *rsa.PublicKey of at least 2048 bits,
	// *ecdsa.PublicKey of the algorithm's curve, or ed25519.PublicKey. It finds
	// it by the header's kid, which is a string or absent. If it does not know
	// the key, it must return an error wrapping ErrKeyNotFound or one of the jwt
	// package's (401); any other error is an outage (503). It is asked only about
	// tokens of this issuer and audience, must be safe for concurrent use and must
	// not modify the token. New calls it once for each of Algorithms that is HMAC,
	// to look at the length of the secret. Required.
	Keyfunc jwt.Keyfunc

	// Leeway is how far clocks may differ. Zero: not at all.
	Leeway time.Duration

	// Types are the typ headers that a token may have; "" is none. They compare
	// without case and without "application/". Zero: JWT, at+jwt or none.
	Types []string

	// ScopeClaim names the claim that holds the scopes, where the issuer has
	// another for them: "scp" or "permissions", say. It is a string of scopes
	// that spaces separate (RFC 8693 section 4.2), or an array with one in each
	// string. Anything else in it grants nothing, such as a string with commas:
	// the error of a request that lacks a scope says why. Zero: "scope".
	ScopeClaim string

	// Scopes returns the scopes of a token whose signature is good, from claims
	// that are nested or need translation. What it returns that is no scope-token
	// grants nothing; its error refuses the token (401). It is called when a
	// signature is verified, and not again while Cache remembers that; it must
	// not modify the claims. It is instead of ScopeClaim: both are an error of
	// New. Zero: ScopeClaim says.
	Scopes func(claims map[string]any) (Scopes, error)

	// Session finds what stands behind a good token: by its jti or its sid, say,
	// never by its text, since a signature may have several spellings. It is
	// asked about expired tokens too: one whose session has ended is not answered
	// as if a refresh would help. The answer about an expired token is remembered
	// as long as its signature is: see Cache. An error is an outage (503). It must
	// not modify the principal. Zero: nothing stands behind a token.
	Session func(ctx context.Context, p *Principal) (Session, error)

	// Cache is how many tokens are remembered as signed, each for a minute at
	// most and not beyond its exp; and as many expired ones, each for 10 seconds,
	// so that they load neither the processor nor Session. All else is judged
	// again at each request, and Keyfunc is asked again: if it no longer returns
	// the key that verified the token, the signature is verified again. Zero:
	// none.
	Cache int
}

// A Session is what stands behind a JWT.
type Session struct {
	// Ended refuses the token (401, token_revoked), also if it has expired.
	Ended bool

	// Key is the API key that the token was made from. Its revocation, end,
	// expiry, addresses, origins, environment, scopes, limit and bucket bind the
	// token as they bind the key. Nil: the token was made from none.
	Key *Key
}

// LogValue implements [slog.LogValuer].
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(slog.Bool("ended", s.Ended), slog.Any("key", s.Key))
}

// validateJWTs validates the JWTs of a config, and says in which a fault is.
func validateJWTs(jwts []JWT, f *faults) {
	for i := range jwts {
		var own faults
		jwts[i].validate(&own)
		isSame := func(other JWT) bool { return other.Issuer == jwts[i].Issuer }
		if jwts[i].Issuer != "" && slices.ContainsFunc(jwts[:i], isSame) {
			own.addf("JWT.Issuer", "%q is that of another JWT", jwts[i].Issuer)
		}
		for _, err := range own {
			if len(jwts) > 1 {
				err = fmt.Errorf("%w (in JWT[%d])", err, i)
			}
			*f = append(*f, err)
		}
	}
}

func (j *JWT) validate(f *faults) {
	j.validateNames(f)
	j.validateAlgorithms(f)
	if j.ScopeClaim != "" && j.Scopes != nil {
		f.addf("JWT.ScopeClaim", "set, and so is Config.JWT.Scopes: one of them says what a token grants")
	}
	if j.Leeway < 0 {
		f.addf("JWT.Leeway", "negative")
	}
	if j.Cache < 0 {
		f.addf("JWT.Cache", "negative")
	}
	if j.Keyfunc == nil {
		f.addf("JWT.Keyfunc", "required")
		return
	}
	for _, alg := range j.Algorithms {
		if jws.Family(alg) == "HMAC" {
			j.checkSecret(alg, f)
		}
	}
}

// validateNames validates issuer and audiences. The name of a token's bucket is
// its issuer, a space and its subject: an issuer without white space keeps the
// two apart.
func (j *JWT) validateNames(f *faults) {
	isOdd := func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) || c == utf8.RuneError }
	switch {
	case j.Issuer == "":
		f.addf("JWT.Issuer", "required")
	case strings.ContainsFunc(j.Issuer, isOdd):
		f.addf("JWT.Issuer", "%q has white space, or a character that no iss can have", j.Issuer)
	}
	switch {
	case len(j.Audiences) == 0:
		f.addf("JWT.Audiences", "required")
	case slices.Contains(j.Audiences, ""):
		f.addf("JWT.Audiences", "one is empty")
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
			f.addf("JWT.Algorithms", "%q is not supported: HS256, RS256, PS256, ES256 and the like, or EdDSA", alg)
		case first == "":
			first = alg
		case jws.Family(alg) != jws.Family(first):
			f.addf("JWT.Algorithms", "%s and %s are of two families", first, alg)
		}
	}
}

// checkSecret asks a Keyfunc for the secret of an HMAC algorithm, to find one that
// is too short before the first request does. Not every Keyfunc answers: one that
// wants a kid, say.
func (j *JWT) checkSecret(alg string, f *faults) {
	answer, _, err := askKeyfunc(j.Keyfunc, &jwt.Token{
		Method: jwt.GetSigningMethod(alg),
		Header: map[string]any{"alg": alg, "typ": "JWT"},
		Claims: jwt.MapClaims{},
	})
	if err != nil {
		return // the first request sees it
	}
	least := jws.MinSecret(alg)
	for _, key := range jws.Keys(answer) {
		secret, ok := key.([]byte)
		switch {
		case !ok && key != nil:
			f.addf("JWT.Keyfunc", "returned a %T: %s takes a []byte", key, alg)
		case ok && len(secret) < least:
			f.addf("JWT.Keyfunc", "a secret of %d bytes is too short: at least %d for %s", len(secret), least, alg)
		}
	}
}
