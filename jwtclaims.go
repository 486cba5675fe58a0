package bearer

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/blockauth/bearer/internal/jws"
)

// A token is a JWT and the claims that decide. Once it is in use, nothing of it
// changes but the last two fields.
type token struct {
	*jws.Token
	issuer     *issuer
	audience   []string
	beginsAt   time.Time // nbf less the leeway; without the claim, the zero time less it
	endsAt     time.Time // exp and the leeway
	principal  *Principal
	bucketID   string // issuer and subject: no issuer has a space
	verifiedAt time.Time

	answer atomic.Pointer[Session] // what Session said; nil: to be asked. Of expired tokens only
	bound  atomic.Pointer[binding] // the last; nil: none
}

// hasBegun reports whether the token's nbf has come.
func (t *token) hasBegun(now time.Time) bool {
	return !now.Before(t.beginsAt)
}

// hasExpired reports whether the token's exp has come.
func (t *token) hasExpired(now time.Time) bool {
	return !now.Before(t.endsAt)
}

// readClaims reads the claims that decide, but for the scopes, which cost more and
// are read once the signature is good. It refuses a token that is bound to a key
// of its sender (RFC 7800): here, no sender proves to have that key.
func (t *token) readClaims() error {
	j := t.issuer
	subject, owner, audience := cmp.Or(j.SubjectClaim, "sub"), j.OwnerClaim, cmp.Or(j.AudienceClaim, "aud")
	r := claimReader{claims: t.Claims}
	t.audience = required(&r, audience, audienceOf)
	t.endsAt = required(&r, "exp", dateOf).Add(j.Leeway)
	t.beginsAt = optional(&r, "nbf", dateOf).Add(-j.Leeway)
	p := &Principal{
		ID:          required(&r, subject, textOf),
		Kind:        Token,
		Environment: environmentOf(t.Claims["env"]),
		ReadOnly:    isReadOnly(t.Claims),
		Issuer:      j.Issuer,
		Claims:      t.Claims,
	}
	p.Owner = p.ID
	if owner != "" {
		p.Owner = required(&r, owner, textOf)
	}
	for _, name := range [...]string{"jti", "sid"} { // which revocation lists hold
		_ = optional(&r, name, stringOf)
	}
	if _, isBound := t.Claims["cnf"]; isBound {
		r.fail("cnf", "binds the token to a key of its sender")
	}
	if t.Lossy {
		r.refuseLossy("iss", audience, subject, owner, "jti", "sid")
	}
	t.principal, t.bucketID = p, p.Issuer+" "+p.ID
	return r.err
}

// A claimReader reads claims, and keeps the first fault that it finds.
type claimReader struct {
	claims map[string]any
	err    error
}

func (r *claimReader) fail(name, what string) {
	if r.err == nil {
		r.err = errors.New("claim " + name + " " + what)
	}
}

// refuseLossy refuses a token in which other texts than those that were signed
// would decide: see jws.Token.Lossy.
func (r *claimReader) refuseLossy(names ...string) {
	isLossy := func(claim any) bool {
		s, _ := claim.(string)
		return strings.ContainsRune(s, utf8.RuneError)
	}
	for _, name := range names {
		claim := r.claims[name]
		list, _ := claim.([]any)
		if isLossy(claim) || slices.ContainsFunc(list, isLossy) {
			r.fail(name, "has half a surrogate pair")
		}
	}
}

// required reads a claim that must be there.
func required[T any](r *claimReader, name string, decode func(any) (T, bool)) (v T) {
	if _, there := r.claims[name]; !there {
		r.fail(name, "is missing")
		return v
	}
	return optional(r, name, decode)
}

// optional reads a claim, or returns the zero value if it is absent.
func optional[T any](r *claimReader, name string, decode func(any) (T, bool)) (v T) {
	claim, there := r.claims[name]
	if !there {
		return v
	}
	v, ok := decode(claim)
	if !ok {
		r.fail(name, "is malformed")
	}
	return v
}

// stringOf decodes a string.
func stringOf(claim any) (string, bool) {
	s, ok := claim.(string)
	return s, ok
}

// textOf decodes a string that is not empty.
func textOf(claim any) (string, bool) {
	s, _ := claim.(string)
	return s, s != ""
}

// lastSecond is the last of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// dateOf decodes a NumericDate (RFC 7519 section 2).
func dateOf(claim any) (time.Time, bool) {
	seconds, ok := claim.(float64)
	if !ok || math.Abs(seconds) > lastSecond {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// audienceOf decodes a string or an array of strings (RFC 7519 section 4.1.3).
func audienceOf(claim any) ([]string, bool) {
	if s, ok := claim.(string); ok {
		return []string{s}, true
	}
	array, ok := claim.([]any)
	list := make([]string, len(array))
	for i := 0; ok && i < len(array); i++ {
		list[i], ok = array[i].(string)
	}
	return list, ok
}

func environmentOf(claim any) Environment {
	switch claim {
	case "test":
		return Test
	case "live":
		return Live
	}
	return 0
}

// isReadOnly reads the claim by which an issuer marks the tokens of publishable
// keys. Whatever is not false is true.
func isReadOnly(claims map[string]any) bool {
	claim, there := claims["read_only"]
	return there && claim != false
}
