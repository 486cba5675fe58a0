package bearertest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
)

const (
	issuer   = "https://issuer.test"
	audience = "bearer-test"
)

// Tokens is an issuer of JWTs for tests: https://issuer.test, which signs with
// EdDSA for the audience bearer-test. The zero value makes a key of its own; a
// Tokens must not be copied after first use. It is safe for concurrent use.
type Tokens struct {
	mu  sync.Mutex
	key atomic.Pointer[ed25519.PrivateKey] // which fmt does not follow, whatever a Tokens is part of
	err error
}

// Format implements [fmt.Formatter], so that no verb shows the signing key.
func (t *Tokens) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearertest.Tokens") }

// JWT returns what a guard needs to trust t, for Config.JWT. Its Keyfunc
// follows what happens to t later.
func (t *Tokens) JWT() bearer.JWT {
	return bearer.JWT{
		Issuer:     issuer,
		Audiences:  []string{audience},
		Algorithms: []string{"EdDSA"},
		Keyfunc:    t.keyfunc,
	}
}

func (t *Tokens) keyfunc(*jwt.Token) (any, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return nil, t.err
	}
	return t.signer().Public(), nil
}

// signer returns the key to sign with. The caller holds the lock.
func (t *Tokens) signer() ed25519.PrivateKey {
	if t.key.Load() == nil {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			panic("bearertest: " + err.Error()) // crypto/rand never fails
		}
		t.key.Store(&key)
	}
	return *t.key.Load()
}

// Token returns a good token of the subject with the scopes, for an hour.
func (t *Tokens) Token(subject string, scopes bearer.Scopes) string {
	return t.Sign(t.Claims(subject, scopes), nil)
}

// Claims returns the claims of a good token, to change and hand to Sign. Without
// scopes, there is no scope claim.
func (t *Tokens) Claims(subject string, scopes bearer.Scopes) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": issuer,
		"aud": audience,
		"sub": subject,
		"iat": now.Unix(),
		"exp": now.Add(time.Hour).Unix(),
	}
	if scopes != "" {
		claims["scope"] = string(scopes)
	}
	return claims
}

// Sign returns a token of the claims and the header, however bad, with a
// signature. It adds nothing to the claims, and to the header only an alg of
// EdDSA; a nil member of the header is left out, alg too. With the alg "none",
// the signature is empty. With HS256, its secret is the public key, which a
// verifier accepts that takes the algorithm from the token. With any other alg,
// it is of EdDSA. Sign panics if claims or header cannot be encoded.
func (t *Tokens) Sign(claims, header map[string]any) string {
	full := map[string]any{"alg": "EdDSA"}
	maps.Copy(full, header)
	maps.DeleteFunc(full, func(_ string, member any) bool { return member == nil })
	if claims == nil {
		claims = map[string]any{}
	}
	text := segment(full) + "." + segment(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(t.signature(text, full["alg"]))
}

func (t *Tokens) signature(text string, alg any) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := t.signer()
	switch alg {
	case "none":
		return nil
	case "HS256":
		public, _ := key.Public().(ed25519.PublicKey)
		mac := hmac.New(sha256.New, public)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	default:
		return ed25519.Sign(key, []byte(text))
	}
}

func segment(members map[string]any) string {
	text, err := json.Marshal(members)
	if err != nil {
		panic("bearertest: Tokens.Sign: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Rotate forgets the signing key: tokens from before are refused, also by the
// guards that trust t already, and later ones are signed with a new key.
func (t *Tokens) Rotate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.key.Store(nil)
}

// Fail makes guards find no key to verify with from now on, as if the issuer's
// key set could not be fetched. Fail(nil) ends the outage. An err that wraps
// [bearer.ErrKeyNotFound] means that the key is not known, and is no outage.
func (t *Tokens) Fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}
