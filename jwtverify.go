package bearer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/blockauth/bearer/internal/hashmap"
	"github.com/blockauth/bearer/internal/jws"
)

// A verifier verifies the JWTs of one guard.
type verifier struct {
	JWT
	parser *jws.Parser
	cache  *signedCache // nil: none
}

func newVerifier(j JWT) *verifier {
	types := j.Types
	if len(types) == 0 {
		types = []string{"JWT", "at+jwt", ""}
	}
	v := &verifier{JWT: j, parser: jws.NewParser(j.Algorithms, types)}
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
	verdict := v.checkClaims(t, now)
	if verdict != nil && verdict.Code != CodeTokenExpired {
		return nil, verdict
	}
	if v.Session != nil {
		session, err := askSession(ctx, &v.JWT, t.principal)
		if err != nil {
			return nil, outage(reasonStoreUnavailable, err)
		}
		if session.Ended {
			return nil, refusal(reasonTokenRevoked, nil)
		}
	}
	if verdict != nil {
		return nil, verdict
	}
	return t.principal, nil
}

// signed returns the token that text spells, if its signature is good.
func (v *verifier) signed(text string, now time.Time) (*token, *Error) {
	if t := v.cache.load(text, now); t != nil {
		if answer, _, err := askKeyfunc(v.Keyfunc, t.JWT); err == nil && t.VerifiedBy(answer) {
			return t, nil
		}
	}
	t, err := v.parse(text)
	if err != nil {
		return nil, refusal(reasonInvalidToken, err)
	}
	answer, unknown, err := askKeyfunc(v.Keyfunc, t.JWT)
	if err != nil && !unknown {
		return nil, outage(reasonKeysUnavailable, err)
	}
	if err == nil {
		err = t.Verify(answer)
	}
	if err != nil {
		return nil, refusal(reasonInvalidToken, err)
	}
	v.cache.store(text, t, now)
	return t, nil
}

// parse takes a token apart and reads its claims.
func (v *verifier) parse(text string) (*token, error) {
	parsed, err := v.parser.Parse(text)
	if err != nil {
		return nil, err
	}
	t := &token{Token: parsed}
	if err := t.readClaims(v.ScopeClaim); err != nil {
		return nil, err
	}
	return t, nil
}

// checkClaims checks the claims. Expiry comes last: that a token has expired is
// answered only if all else about it is right.
func (v *verifier) checkClaims(t *token, now time.Time) *Error {
	var fault string
	switch {
	case t.issuer != v.Issuer:
		fault = fmt.Sprintf("iss is not %q", v.Issuer)
	case !slices.ContainsFunc(t.audience, func(a string) bool { return slices.Contains(v.Audiences, a) }):
		fault = fmt.Sprintf("aud holds none of %q", v.Audiences)
	case now.Before(t.notBefore.Add(-v.Leeway)):
		fault = "nbf is in the future"
	case now.Before(t.issuedAt.Add(-v.Leeway)):
		fault = "iat is in the future"
	case !now.Before(t.expiresAt.Add(v.Leeway)):
		return refusal(reasonTokenExpired, nil)
	default:
		return nil
	}
	return refusal(reasonInvalidToken, errors.New("claim "+fault))
}

// A signedCache remembers tokens whose signature is good: not that a request
// was allowed. Only verified tokens enter, so that forged ones cannot fill it. A
// nil signedCache remembers nothing.
type signedCache struct {
	tokens *hashmap.Expiring[*token]
	seed   maphash.Seed
}

const signedFor = time.Minute

func newSignedCache(most int) *signedCache {
	return &signedCache{hashmap.NewExpiring[*token](most), maphash.MakeSeed()}
}

// load returns the token that text spells, or nil.
func (c *signedCache) load(text string, now time.Time) *token {
	if c == nil {
		return nil
	}
	t, ok := c.tokens.Load(c.digest(text), now)
	if !ok || t.JWT.Raw != text {
		return nil
	}
	return t
}

// store remembers a verified token for a minute, but not beyond its expiry.
func (c *signedCache) store(text string, t *token, now time.Time) {
	if c != nil && now.Before(t.expiresAt) {
		t.KeepKey()
		c.tokens.Store(c.digest(text), t, earlier(now.Add(signedFor), t.expiresAt))
	}
}

// digest names a text by 64 bits that depend on a secret seed, so that no caller
// can look for two texts with one name. SHA-256 would take as long as half of
// the key path, and the text is compared in any case.
func (c *signedCache) digest(text string) (d hashmap.Digest) {
	binary.LittleEndian.PutUint64(d[:], maphash.String(c.seed, text))
	return d
}
