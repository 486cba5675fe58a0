package bearer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	jwtIssuer   = "https://issuer.example"
	jwtAudience = "api"
	jwtExp      = "946688400" // an hour after a synctest bubble begins
	jwtPast     = "946684700"
)

// jwtKeys are the keys of the tests, made once: RSA keys take their time.
type jwtKeys struct {
	secret           []byte
	rsa, weak        *rsa.PrivateKey
	p256, p384, p521 *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
	strangers        *rsa.PrivateKey
	attacker         ed25519.PrivateKey
	strangersP256    *ecdsa.PrivateKey
	anotherSecret    []byte
}

var jwtTestKeys = sync.OnceValue(func() *jwtKeys {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	k := &jwtKeys{secret: make([]byte, 32), anotherSecret: make([]byte, 32)}
	_, _ = rand.Read(k.secret)
	_, _ = rand.Read(k.anotherSecret)
	var err error
	for key, bits := range map[**rsa.PrivateKey]int{&k.rsa: 2048, &k.weak: 1024, &k.strangers: 2048} {
		*key, err = rsa.GenerateKey(rand.Reader, bits)
		must(err)
	}
	for key, curve := range map[**ecdsa.PrivateKey]elliptic.Curve{
		&k.p256: elliptic.P256(), &k.p384: elliptic.P384(), &k.p521: elliptic.P521(), &k.strangersP256: elliptic.P256(),
	} {
		*key, err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	_, k.attacker, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	return k
})

// jwtMembers are the members of a JSON object as they are to be written, so
// that a test can write what no encoder would.
type jwtMembers []string

// with replaces the member of the same name, or adds it.
func (m jwtMembers) with(members ...string) jwtMembers {
	m = slices.Clone(m)
	for _, member := range members {
		name, _, _ := strings.Cut(member, ":")
		i := slices.IndexFunc(m, func(s string) bool { return strings.HasPrefix(s, name+":") })
		if i < 0 {
			m = append(m, member)
			continue
		}
		m[i] = member
	}
	return m
}

// and adds members, whether or not their names are there.
func (m jwtMembers) and(members ...string) jwtMembers { return append(slices.Clone(m), members...) }

func (m jwtMembers) without(name string) jwtMembers {
	return slices.DeleteFunc(slices.Clone(m), func(s string) bool { return strings.HasPrefix(s, `"`+name+`":`) })
}

func (m jwtMembers) String() string { return "{" + strings.Join(m, ",") + "}" }

var jwtClaims = jwtMembers{
	`"iss":"` + jwtIssuer + `"`, `"aud":"` + jwtAudience + `"`, `"sub":"user_1"`, `"exp":` + jwtExp,
	`"nbf":946684800`, `"iat":946684800`, `"scope":"tokens:read"`, `"jti":"token_1"`,
}

func jwtHeader(alg string) jwtMembers { return jwtMembers{`"alg":"` + alg + `"`, `"typ":"JWT"`} }

func jwtSegment(data string) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }

// jwtSigned signs a header and a payload as they are.
func jwtSigned(tb testing.TB, method jwt.SigningMethod, key any, header, payload string) string {
	tb.Helper()
	text := jwtSegment(header) + "." + jwtSegment(payload)
	signature, err := method.Sign(text, key)
	require.NoError(tb, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// jwtMinted returns a token that is signed with the tests' secret.
func jwtMinted(tb testing.TB, claims jwtMembers) string {
	tb.Helper()
	return jwtSigned(tb, jwt.SigningMethodHS256, jwtTestKeys().secret, jwtHeader("HS256").String(), claims.String())
}

func jwtKeyfunc(key any) jwt.Keyfunc {
	return func(*jwt.Token) (any, error) { return key, nil }
}

// jwtKeyfuncOfKid answers only where the header has a kid: New asks without.
func jwtKeyfuncOfKid(key any) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Header["kid"] == nil {
			return nil, bearer.ErrKeyNotFound
		}
		return key, nil
	}
}

// jwtConfig takes HS256 and the tests' secret.
func jwtConfig() *bearer.JWT {
	return &bearer.JWT{
		Issuer: jwtIssuer, Audience: jwtAudience, Algorithms: []string{"HS256"}, Keyfunc: jwtKeyfunc(jwtTestKeys().secret),
	}
}

func jwtGuard(tb testing.TB, config *bearer.JWT) *bearer.Guard {
	tb.Helper()
	return newGuard(tb, bearer.Config{JWT: config})
}

// jwtServe returns the answer of a guard's handler.
func jwtServe(guard *bearer.Guard, text string) *httptest.ResponseRecorder {
	return get(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, bearer.FromContext(r.Context()).ID)
	})), text)
}

// An answer is what a client is told: "401 unauthorized invalid_token".
func jwtAnswer(w *httptest.ResponseRecorder) string {
	var body struct {
		Error struct{ Code, Reason string }
	}
	if w.Code == http.StatusOK || json.Unmarshal(w.Body.Bytes(), &body) != nil {
		return fmt.Sprint(w.Code)
	}
	return fmt.Sprint(w.Code, " ", body.Error.Code, " ", body.Error.Reason)
}

const (
	jwtGood    = "200"
	jwtBad     = "401 unauthorized invalid_token"
	jwtExpired = "401 token_expired " + "token_expired"
	jwtLimited = "429 rate_limit_exceeded " + "rate_limit_exceeded"
	jwtRevoked = "401 unauthorized token_revoked"
	jwtNoStore = "503 service_unavailable store_unavailable"
	jwtNoKeys  = "503 service_unavailable keys_unavailable"
)

// jwtLeaks are texts of golang-jwt, and what else a client must not see.
var jwtLeaks = []string{
	"signature", "malformed", "unverifiable", "claim", "algorithm", "segment", "panic", "golang", "key is", "illegal base64",
	"used before", "not valid yet", "issuer", "audience",
}

func assertJWTRefusal(t *testing.T, want string, w *httptest.ResponseRecorder, text string) {
	t.Helper()
	assert.Equal(t, want, jwtAnswer(w))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.True(t, strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer realm="api", error="invalid_token"`))
	body := strings.ToLower(w.Body.String())
	for _, leak := range jwtLeaks {
		assert.NotContains(t, body, leak)
	}
	for piece := range strings.SplitSeq(text, ".") {
		if len(piece) >= 8 {
			assert.NotContains(t, w.Body.String(), piece)
			assert.NotContains(t, fmt.Sprint(w.Header()), piece)
		}
	}
}

func jwtPublic(key crypto.Signer) any { return key.Public() }
