package bearer

import (
	"errors"
	"math"
	"time"

	"github.com/blockauth/bearer/internal/jws"
)

// A token is a JWT and the claims that decide. Nothing of it changes once it is
// in use.
type token struct {
	*jws.Token
	issuer    string
	audience  []string
	expiresAt time.Time
	notBefore time.Time // zero: the claim is absent
	issuedAt  time.Time // zero: the claim is absent
	principal *Principal
}

// readClaims reads the claims that decide. It refuses a token that is bound to a
// key of its sender (RFC 7800): here, no sender proves to have that key.
func (t *token) readClaims(scopeClaim string) error {
	claims := t.Claims
	r := claimReader{claims: claims}
	t.issuer = required(&r, "iss", textOf)
	t.audience = required(&r, "aud", audienceOf)
	t.expiresAt = required(&r, "exp", dateOf)
	t.notBefore = optional(&r, "nbf", dateOf)
	t.issuedAt = optional(&r, "iat", dateOf)
	p := &Principal{
		ID:          required(&r, "sub", textOf),
		Kind:        Token,
		Environment: environmentOf(claims["env"]),
		ReadOnly:    isReadOnly(claims),
		Issuer:      t.issuer,
		Claims:      claims,
	}
	p.Owner = p.ID
	if scopeClaim == "" {
		p.Scopes = optional(&r, "scope", scopesOf)
	} else {
		p.Scopes = optional(&r, scopeClaim, scopesOrList)
	}
	if p.ReadOnly {
		p.Scopes = p.Scopes.withoutWrites()
	}
	if _, isBound := claims["cnf"]; isBound {
		r.fail("cnf", "binds the token to a key of its sender")
	}
	t.principal = p
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
	return listOf[string](claim)
}

// listOf decodes an array of strings.
func listOf[T ~string](claim any) ([]T, bool) {
	array, ok := claim.([]any)
	list := make([]T, len(array))
	for i := 0; ok && i < len(array); i++ {
		var s string
		s, ok = array[i].(string)
		list[i] = T(s)
	}
	return list, ok
}

// scopesOf decodes a string of scopes (RFC 8693 section 4.2).
func scopesOf(claim any) (Scopes, bool) {
	s, ok := claim.(string)
	return Scopes(s), ok && Scopes(s).Validate() == nil
}

// scopesOrList decodes scopes as a string, or as an array with one in each
// string, as some issuers write them.
func scopesOrList(claim any) (Scopes, bool) {
	list, ok := listOf[Scope](claim)
	if !ok {
		return scopesOf(claim)
	}
	for _, scope := range list {
		if scope.problem() != "" {
			return "", false
		}
	}
	return JoinScopes(list...), true
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
