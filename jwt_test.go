package bearer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// jwtConfig takes HS256 and the tests' secret.
func jwtConfig() *bearer.JWT {
	return &bearer.JWT{
		Issuer: jwtIssuer, Audience: jwtAudience, Algorithms: []string{"HS256"}, Keyfunc: jwtKeyfunc(jwtTestKeys().secret),
	}
}

func jwtGuard(tb testing.TB, config *bearer.JWT) *bearer.Guard {
	tb.Helper()
	guard, err := bearer.New(bearer.Config{JWT: config})
	require.NoError(tb, err)
	return guard
}

func jwtRequest(text string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	return r
}

// jwtServe returns the answer of a guard's handler.
func jwtServe(guard *bearer.Guard, text string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, bearer.FromContext(r.Context()).ID)
	})).ServeHTTP(w, jwtRequest(text))
	return w
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

// A jwtFault is a token with one thing wrong.
type jwtFault struct {
	name    string
	header  string
	payload string
	edit    func(text string) string // of the signed token
}

// jwtFaults returns every hostile token that can be written with the header
// and the claims alone. Their signatures are good.
func jwtFaults() []jwtFault {
	header, claims := jwtHeader("HS256"), jwtClaims
	h, c := header.String(), claims.String()
	key := jwtTestKeys().attacker.Public().(ed25519.PublicKey)
	jwk := `{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`
	none := func(text string) string { return text[:strings.LastIndexByte(text, '.')+1] }
	faults := []jwtFault{
		{"header: null", "null", c, nil},
		{"header: array", "[" + h + "]", c, nil},
		{"header: string", `"HS256"`, c, nil},
		{"header: empty object", "{}", c, nil},
		{"header: no JSON", "HS256", c, nil},
		{"header: two values", h + "{}", c, nil},
		{"header: byte order mark", "\ufeff" + h, c, nil},
		{"header: duplicate alg", header.and(`"alg":"HS256"`).String(), c, nil},
		{"header: duplicate alg, other", header.and(`"alg":"none"`).String(), c, nil},
		{"header: duplicate name, escaped", header.and(`"\u0061lg":"HS256"`).String(), c, nil},
		{"header: duplicate unknown name", header.and(`"x":1`, `"x":1`).String(), c, nil},
		{"header: nested duplicate", header.and(`"x":{"y":1,"y":1}`).String(), c, nil},
		{"header: invalid UTF-8", header.and("\"x\":\"\xff\"").String(), c, nil},
		{"alg: absent", header.without("alg").String(), c, nil},
		{"alg: null", header.with(`"alg":null`).String(), c, nil},
		{"alg: array", header.with(`"alg":["HS256"]`).String(), c, nil},
		{"alg: number", header.with(`"alg":256`).String(), c, nil},
		{"alg: empty", header.with(`"alg":""`).String(), c, nil},
		{"alg: none", header.with(`"alg":"none"`).String(), c, nil},
		{"alg: none without a signature", header.with(`"alg":"none"`).String(), c, none},
		{"alg: None without a signature", header.with(`"alg":"None"`).String(), c, none},
		{"alg: NONE without a signature", header.with(`"alg":"NONE"`).String(), c, none},
		{"alg: other case", header.with(`"alg":"hs256"`).String(), c, nil},
		{"alg: other name's case", header.without("alg").and(`"ALG":"HS256"`).String(), c, nil},
		{"alg: unknown", header.with(`"alg":"HS1"`).String(), c, nil},
		{"alg: not configured", header.with(`"alg":"HS384"`).String(), c, nil},
		{"alg: another family", header.with(`"alg":"RS256"`).String(), c, nil},
		{"crit", header.and(`"crit":["exp"]`).String(), c, nil},
		{"crit: empty", header.and(`"crit":[]`).String(), c, nil},
		{"crit: null", header.and(`"crit":null`).String(), c, nil},
		{"b64: false", header.and(`"b64":false`).String(), c, nil},
		{"b64: true", header.and(`"b64":true`).String(), c, nil},
		{"zip", header.and(`"zip":"DEF"`).String(), c, nil},
		{"typ: dpop+jwt", header.with(`"typ":"dpop+jwt"`).String(), c, nil},
		{"typ: logout+jwt", header.with(`"typ":"logout+jwt"`).String(), c, nil},
		{"typ: JWE", header.with(`"typ":"JWE"`).String(), c, nil},
		{"typ: empty", header.with(`"typ":""`).String(), c, nil},
		{"typ: null", header.with(`"typ":null`).String(), c, nil},
		{"typ: number", header.with(`"typ":1`).String(), c, nil},
		{"kid: number", header.and(`"kid":1`).String(), c, nil},
		{"kid: null", header.and(`"kid":null`).String(), c, nil},
		{"kid: array", header.and(`"kid":["a"]`).String(), c, nil},
		{"kid: object", header.and(`"kid":{}`).String(), c, nil},
		{"payload: null", h, "null", nil},
		{"payload: array", h, "[" + c + "]", nil},
		{"payload: string", h, `"user_1"`, nil},
		{"payload: number", h, "1", nil},
		{"payload: empty object", h, "{}", nil},
		{"payload: no JSON", h, "user_1", nil},
		{"payload: two values", h, c + c, nil},
		{"payload: trailing comma", h, c[:len(c)-1] + ",}", nil},
		{"payload: nested too deep", h, claims.and(`"x":` + strings.Repeat("[", 2000)).String(), nil},
		{"payload: invalid UTF-8 in a value", h, claims.with("\"sub\":\"user\xff\"").String(), nil},
		{"payload: invalid UTF-8 in a name", h, claims.and("\"x\xc0\xaf\":1").String(), nil},
		{"payload: number beyond a float", h, claims.and(`"x":1e400`).String(), nil},
		{"duplicate: exp", h, claims.and(`"exp":` + jwtExp).String(), nil},
		{"duplicate: aud", h, claims.and(`"aud":"other"`).String(), nil},
		{"duplicate: aud, escaped", h, claims.and(`"\u0061ud":"api"`).String(), nil},
		{"duplicate: unknown name", h, claims.and(`"x":null`, `"x":null`).String(), nil},
		{"duplicate: nested", h, claims.and(`"x":{"y":{"z":1,"z":2}}`).String(), nil},
		{"duplicate: nested in an array", h, claims.and(`"x":[1,[{"z":1,"\u007a":2}]]`).String(), nil},
		{"duplicate: empty name", h, claims.and(`"":1`, `"":1`).String(), nil},
		{"duplicate: quotes and colons in names", h, claims.and(`"\"::\\":1`, `"\"::\\":1`).String(), nil},
		{"duplicate: lone surrogates", h, claims.and(`"\ud800":1`, `"\udc00":1`).String(), nil},
		{"exp: absent", h, claims.without("exp").String(), nil},
		{"exp: as EXP", h, claims.without("exp").and(`"EXP":` + jwtExp).String(), nil},
		{"exp: string", h, claims.with(`"exp":"` + jwtExp + `"`).String(), nil},
		{"exp: null", h, claims.with(`"exp":null`).String(), nil},
		{"exp: true", h, claims.with(`"exp":true`).String(), nil},
		{"exp: array", h, claims.with(`"exp":[` + jwtExp + `]`).String(), nil},
		{"exp: 1e300", h, claims.with(`"exp":1e300`).String(), nil},
		{"exp: -1e300", h, claims.with(`"exp":-1e300`).String(), nil},
		{"exp: beyond int64", h, claims.with(`"exp":9223372036854775808`).String(), nil},
		{"exp: year 10000", h, claims.with(`"exp":253402300800`).String(), nil},
		{"exp: NaN", h, claims.with(`"exp":NaN`).String(), nil},
		{"iss: absent", h, claims.without("iss").String(), nil},
		{"iss: other", h, claims.with(`"iss":"https://other.example"`).String(), nil},
		{"iss: other case", h, claims.with(`"iss":"HTTPS://issuer.example"`).String(), nil},
		{"iss: slash", h, claims.with(`"iss":"` + jwtIssuer + `/"`).String(), nil},
		{"iss: empty", h, claims.with(`"iss":""`).String(), nil},
		{"iss: null", h, claims.with(`"iss":null`).String(), nil},
		{"iss: array", h, claims.with(`"iss":["` + jwtIssuer + `"]`).String(), nil},
		{"iss: as ISS", h, claims.without("iss").and(`"ISS":"` + jwtIssuer + `"`).String(), nil},
		{"aud: absent", h, claims.without("aud").String(), nil},
		{"aud: other", h, claims.with(`"aud":"other"`).String(), nil},
		{"aud: prefix", h, claims.with(`"aud":"ap"`).String(), nil},
		{"aud: empty", h, claims.with(`"aud":""`).String(), nil},
		{"aud: null", h, claims.with(`"aud":null`).String(), nil},
		{"aud: number", h, claims.with(`"aud":1`).String(), nil},
		{"aud: object", h, claims.with(`"aud":{"api":true}`).String(), nil},
		{"aud: empty array", h, claims.with(`"aud":[]`).String(), nil},
		{"aud: others", h, claims.with(`"aud":["other","another"]`).String(), nil},
		{"aud: one is no string", h, claims.with(`"aud":["api",1]`).String(), nil},
		{"aud: nested array", h, claims.with(`"aud":[["api"]]`).String(), nil},
		{"aud: as AUD", h, claims.without("aud").and(`"AUD":"api"`).String(), nil},
		{"sub: absent", h, claims.without("sub").String(), nil},
		{"sub: empty", h, claims.with(`"sub":""`).String(), nil},
		{"sub: null", h, claims.with(`"sub":null`).String(), nil},
		{"sub: number", h, claims.with(`"sub":1`).String(), nil},
		{"nbf: future", h, claims.with(`"nbf":946684801`).String(), nil},
		{"nbf: string", h, claims.with(`"nbf":"946684800"`).String(), nil},
		{"nbf: null", h, claims.with(`"nbf":null`).String(), nil},
		{"nbf: 1e300", h, claims.with(`"nbf":1e300`).String(), nil},
		{"iat: future", h, claims.with(`"iat":946684801`).String(), nil},
		{"iat: string", h, claims.with(`"iat":"946684800"`).String(), nil},
		{"iat: null", h, claims.with(`"iat":null`).String(), nil},
		{"scope: array", h, claims.with(`"scope":["tokens:read"]`).String(), nil},
		{"scope: null", h, claims.with(`"scope":null`).String(), nil},
		{"scope: two spaces", h, claims.with(`"scope":"tokens:read  tokens:write"`).String(), nil},
		{"scope: quote", h, claims.with(`"scope":"tokens\""`).String(), nil},
		{"cnf", h, claims.and(`"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`).String(), nil},
		{"cnf: null", h, claims.and(`"cnf":null`).String(), nil},
		{"cnf: certificate", h, claims.and(`"cnf":{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`).String(), nil},
		{"jwk of an attacker", header.with(`"alg":"EdDSA"`).and(`"jwk":` + jwk).String(), c, nil},
	}
	edits := []jwtFault{
		{name: "text: two segments", edit: func(s string) string { return s[:strings.LastIndexByte(s, '.')] }},
		{name: "text: one segment", edit: func(s string) string { return strings.ReplaceAll(s, ".", "") }},
		{name: "text: four segments", edit: func(s string) string { return s + ".AAAA" }},
		{name: "text: four segments, last empty", edit: func(s string) string { return s + "." }},
		{name: "text: four segments, first empty", edit: func(s string) string { return "." + s }},
		{name: "text: five segments, as a JWE", edit: func(s string) string { return s + ".AAAA.AAAA" }},
		{name: "text: empty header", edit: func(s string) string { return s[strings.IndexByte(s, '.'):] }},
		{name: "text: empty payload", edit: func(s string) string {
			return s[:strings.IndexByte(s, '.')+1] + s[strings.LastIndexByte(s, '.'):]
		}},
		{name: "text: empty signature", edit: none},
		{name: "text: only dots", edit: func(string) string { return ".." }},
		{name: "text: padded signature", edit: func(s string) string { return s + "=" }},
		{name: "text: trailing garbage", edit: func(s string) string { return s + "AAAA" }},
		{name: "text: trailing tilde, as an SD-JWT", edit: func(s string) string { return s + "~" }},
		{name: "text: truncated signature", edit: func(s string) string { return s[:len(s)-4] }},
		{name: "text: not strict base64url", edit: jwtRespelled},
		{name: "text: plus and slash", edit: func(s string) string {
			return s[:strings.LastIndexByte(s, '.')+1] + "+/+/" + s[strings.LastIndexByte(s, '.')+5:]
		}},
		{name: "signature: a bit flipped", edit: func(s string) string {
			i := strings.LastIndexByte(s, '.') + 1
			return s[:i] + string(jwtOther(s[i])) + s[i+1:]
		}},
		{name: "signature: of another header", edit: func(s string) string {
			return jwtSegment(`{"alg":"HS256"}`) + s[strings.IndexByte(s, '.'):]
		}},
		{name: "signature: of another payload", edit: func(s string) string {
			parts := strings.Split(s, ".")
			return parts[0] + "." + jwtSegment(claims.with(`"sub":"admin"`).String()) + "." + parts[2]
		}},
	}
	for i := range edits {
		edits[i].header, edits[i].payload = h, c
	}
	return append(faults, edits...)
}

func jwtOther(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

// jwtRespelled spells the last character of a 32-byte signature in another way
// that decodes to the same bytes where a decoder is not strict.
func jwtRespelled(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[i|1])
}

func TestJWTHostile(t *testing.T) {
	keys := jwtTestKeys()
	for _, row := range jwtFaults() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Cache = 10
				guard := jwtGuard(t, config)
				// The expired twin of a bad token is bad: it is not called expired.
				for _, payload := range []string{row.payload, strings.ReplaceAll(row.payload, jwtExp, jwtPast)} {
					text := jwtSigned(t, jwt.SigningMethodHS256, keys.secret, row.header, payload)
					if row.edit != nil {
						text = row.edit(text)
					}
					for range 2 { // the second might find the first in the cache
						assertJWTRefusal(t, jwtBad, jwtServe(guard, text), text)
					}
				}
			})
		})
	}
}

// TestJWTHarmless has what looks odd but is right, so that the rows of
// TestJWTHostile are refused for their fault and nothing else.
func TestJWTHarmless(t *testing.T) {
	header, claims := jwtHeader("HS256"), jwtClaims
	h, c := header.String(), claims.String()
	for _, row := range []struct{ name, header, payload, want string }{
		{"S0.1 a valid JWT", h, c, jwtGood},
		{"typ: absent", header.without("typ").String(), c, jwtGood},
		{"typ: jwt", header.with(`"typ":"jwt"`).String(), c, jwtGood},
		{"typ: at+jwt", header.with(`"typ":"at+jwt"`).String(), c, jwtGood},
		{"typ: application/at+JWT", header.with(`"typ":"application/at+JWT"`).String(), c, jwtGood},
		{"kid: empty", header.and(`"kid":""`).String(), c, jwtGood},
		{"kid: a path is a name", header.and(`"kid":"../../dev/null"`).String(), c, jwtGood},
		{"jku, x5u and x5c are not followed", header.and(
			`"jku":"https://evil.example/jwks"`, `"x5u":"https://evil.example/cert"`, `"x5c":["MIIB"]`, `"jwk":{}`).String(), c, jwtGood},
		{"EXP does not override exp", h, claims.and(`"EXP":1`, `"Exp":"x"`, `"AUD":"x"`, `"ISS":1`).String(), jwtGood},
		{"aud: array", h, claims.with(`"aud":["other","api"]`).String(), jwtGood},
		{"aud: escaped name", h, claims.without("aud").and(`"\u0061ud":"api"`).String(), jwtGood},
		{"exp: fraction", h, claims.with(`"exp":946684800.5`).String(), jwtGood},
		{"exp: exponent", h, claims.with(`"exp":9.466884e8`).String(), jwtGood},
		{"exp: end of 9999", h, claims.with(`"exp":253402300799`).String(), jwtGood},
		{"exp: negative", h, claims.with(`"exp":-1`).String(), jwtExpired},
		{"exp: negative, with a fraction", h, claims.with(`"exp":-1.5`).String(), jwtExpired},
		{"exp: zero", h, claims.with(`"exp":0`).String(), jwtExpired},
		{"exp: a second ago", h, claims.with(`"exp":946684799`).String(), jwtExpired},
		{"exp: the instant", h, claims.with(`"exp":946684800`).String(), jwtExpired},
		{"nbf: the instant", h, claims.with(`"nbf":946684800`).String(), jwtGood},
		{"nbf: negative", h, claims.with(`"nbf":-1`).String(), jwtGood},
		{"nbf and iat: absent", h, claims.without("nbf").without("iat").String(), jwtGood},
		{"scope: absent", h, claims.without("scope").String(), jwtGood},
		{"scope: empty", h, claims.with(`"scope":""`).String(), jwtGood},
		{"equal names in two objects", h, claims.and(`"x":[{"sub":1},{"sub":{"sub":":\"\\"}}]`).String(), jwtGood},
		{"colons and quotes in strings", h, claims.and(`"a:\":b":"c:\\"`, `"x":"{\"y\":1,\"y\":2}"`).String(), jwtGood},
		{"white space", h, " \n" + strings.ReplaceAll(c, ",", " ,\t\r\n ") + " ", jwtGood},
		{"expired", h, strings.ReplaceAll(c, jwtExp, jwtPast), jwtExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := jwtSigned(t, jwt.SigningMethodHS256, jwtTestKeys().secret, row.header, row.payload)
				w := jwtServe(jwtGuard(t, jwtConfig()), text)
				if row.want == jwtGood {
					assert.Equal(t, jwtGood, jwtAnswer(w))
					assert.Equal(t, "user_1", w.Body.String())
					return
				}
				assertJWTRefusal(t, row.want, w, text)
			})
		})
	}
}

func TestJWTInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strict, lax := jwtGuard(t, jwtConfig()), jwtConfig()
		lax.Leeway = 5 * time.Second
		tolerant := jwtGuard(t, lax)
		text := jwtMinted(t, jwtClaims.with(`"nbf":946684900`, `"iat":946684890`, `"exp":946685000`))
		at := func(second int64) {
			time.Sleep(time.Until(time.Unix(second, 0)))
		}
		for _, row := range []struct {
			name           string
			second         int64
			strict, leeway string
		}{
			{"before iat and nbf", 946684880, jwtBad, jwtBad},
			{"a second before nbf less leeway", 946684894, jwtBad, jwtBad},
			{"nbf less leeway", 946684895, jwtBad, jwtGood},
			{"a second before nbf", 946684899, jwtBad, jwtGood},
			{"nbf is inclusive", 946684900, jwtGood, jwtGood},
			{"a second before exp", 946684999, jwtGood, jwtGood},
			{"exp is exclusive", 946685000, jwtExpired, jwtGood},
			{"a second before exp and leeway", 946685004, jwtExpired, jwtGood},
			{"exp and leeway", 946685005, jwtExpired, jwtExpired},
		} {
			at(row.second)
			assert.Equal(t, row.strict, jwtAnswer(jwtServe(strict, text)), row.name)
			assert.Equal(t, row.leeway, jwtAnswer(jwtServe(tolerant, text)), row.name)
		}
	})
}

func TestJWTIssuedInTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := jwtGuard(t, jwtConfig())
		text := jwtMinted(t, jwtClaims.with(`"iat":946684802`))
		time.Sleep(time.Second)
		assert.Equal(t, jwtBad, jwtAnswer(jwtServe(guard, text)))
		time.Sleep(time.Second)
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
	})
}

// jwtPSS returns a method that signs with a salt of another length.
func jwtPSS(salt int) jwt.SigningMethod {
	method := *jwt.SigningMethodPS256
	method.Options = &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
	return &method
}

func jwtPublic(key crypto.Signer) any { return key.Public() }

func TestJWTAlgorithms(t *testing.T) {
	k := jwtTestKeys()
	der, err := x509.MarshalPKIXPublicKey(jwtPublic(k.rsa))
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ecDER, err := x509.MarshalPKIXPublicKey(jwtPublic(k.p256))
	require.NoError(t, err)
	ed := k.ed.Public().(ed25519.PublicKey)
	set := func(keys ...jwt.VerificationKey) any { return jwt.VerificationKeySet{Keys: keys} }
	foreign := *elliptic.P256().Params() // a curve of as many bits
	foreign.Name = "secp256k1"
	otherCurve := &ecdsa.PublicKey{Curve: &foreign, X: k.p256.X, Y: k.p256.Y} //nolint:staticcheck // a key that no parser makes
	for _, row := range []struct {
		name   string
		alg    string // configured, and in the header unless as says other
		as     string
		sign   any
		method jwt.SigningMethod // zero: that of the header
		verify any
		want   string
	}{
		{name: "HS256", alg: "HS256", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "HS384", alg: "HS384", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "HS512", alg: "HS512", sign: k.secret, verify: k.secret, want: jwtGood},
		{name: "RS256", alg: "RS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "RS384", alg: "RS384", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "RS512", alg: "RS512", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS256", alg: "PS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS384", alg: "PS384", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "PS512", alg: "PS512", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtGood},
		{name: "ES256", alg: "ES256", sign: k.p256, verify: jwtPublic(k.p256), want: jwtGood},
		{name: "ES384", alg: "ES384", sign: k.p384, verify: jwtPublic(k.p384), want: jwtGood},
		{name: "ES512", alg: "ES512", sign: k.p521, verify: jwtPublic(k.p521), want: jwtGood},
		{name: "EdDSA", alg: "EdDSA", sign: k.ed, verify: jwtPublic(k.ed), want: jwtGood},
		{name: "set: the second key", alg: "RS256", sign: k.rsa, verify: set(jwtPublic(k.strangers), jwtPublic(k.rsa)), want: jwtGood},
		{name: "set: keys of other types are passed over", alg: "ES256", sign: k.p256, verify: set(k.secret, nil, jwtPublic(k.p384), jwtPublic(k.p256)), want: jwtGood},
		{name: "set: none of them", alg: "RS256", sign: k.rsa, verify: set(jwtPublic(k.strangers)), want: jwtBad},
		{name: "set: empty", alg: "RS256", sign: k.rsa, verify: set(), want: jwtBad},
		{name: "set: a short secret among them", alg: "ES256", as: "ES256", sign: k.p256, verify: set([]byte{}), want: jwtBad},

		{name: "HS256 with an RSA key's PEM, at an RS256 door", alg: "RS256", as: "HS256", sign: text, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an RSA key's DER, at an RS256 door", alg: "RS256", as: "HS256", sign: der, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an EC key's DER, at an ES256 door", alg: "ES256", as: "HS256", sign: ecDER, verify: jwtPublic(k.p256), want: jwtBad},
		{name: "HS256 with an Ed25519 key, at an EdDSA door", alg: "EdDSA", as: "HS256", sign: []byte(ed), verify: ed, want: jwtBad},
		{name: "HS256 with an RSA modulus, which Keyfunc returns", alg: "HS256", sign: k.rsa.N.Bytes(), verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "HS256 with an Ed25519 key, which Keyfunc returns", alg: "HS256", sign: []byte(ed), verify: ed, want: jwtBad},
		{name: "RS256 claims to be PS256", alg: "PS256", method: jwt.SigningMethodRS256, sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 at an RS256 door", alg: "RS256", as: "PS256", sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 with a salt of 20 bytes", alg: "PS256", method: jwtPSS(20), sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "PS256 with the longest salt", alg: "PS256", method: jwtPSS(rsa.PSSSaltLengthAuto), sign: k.rsa, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "ES256 with a P-384 key", alg: "ES256", as: "ES256", method: jwt.SigningMethodES384, sign: k.p384, verify: jwtPublic(k.p384), want: jwtBad},
		{name: "ES256 with another curve of 256 bits", alg: "ES256", sign: k.p256, verify: otherCurve, want: jwtBad},
		{name: "RSA of 1024 bits", alg: "RS256", sign: k.weak, verify: jwtPublic(k.weak), want: jwtBad},
		{name: "another HMAC secret", alg: "HS256", sign: k.anotherSecret, verify: k.secret, want: jwtBad},
		{name: "another RSA key", alg: "RS256", sign: k.strangers, verify: jwtPublic(k.rsa), want: jwtBad},
		{name: "another EC key", alg: "ES256", sign: k.strangersP256, verify: jwtPublic(k.p256), want: jwtBad},
		{name: "another Ed25519 key", alg: "EdDSA", sign: k.attacker, verify: jwtPublic(k.ed), want: jwtBad},
		{name: "key: nil", alg: "RS256", sign: k.rsa, want: jwtBad},
		{name: "key: nil RSA pointer", alg: "RS256", sign: k.rsa, verify: (*rsa.PublicKey)(nil), want: jwtBad},
		{name: "key: empty RSA key", alg: "RS256", sign: k.rsa, verify: &rsa.PublicKey{}, want: jwtBad},
		{name: "key: RSA key without an exponent", alg: "RS256", sign: k.rsa, verify: &rsa.PublicKey{N: k.rsa.N}, want: jwtBad},
		{name: "key: nil EC pointer", alg: "ES256", sign: k.p256, verify: (*ecdsa.PublicKey)(nil), want: jwtBad},
		{name: "key: empty EC key", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{}, want: jwtBad},
		{name: "key: EC key without a point", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{Curve: elliptic.P256()}, want: jwtBad},
		{name: "key: EC point off the curve", alg: "ES256", sign: k.p256, verify: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, want: jwtBad}, //nolint:staticcheck // as above
		{name: "key: short Ed25519 key", alg: "EdDSA", sign: k.ed, verify: ed[:31], want: jwtBad},
		{name: "key: a private key", alg: "RS256", sign: k.rsa, verify: k.rsa, want: jwtBad},
		{name: "key: a secret as a string", alg: "HS256", sign: k.secret, verify: string(k.secret), want: jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Algorithms, config.Keyfunc, config.Cache = []string{row.alg}, jwtKeyfunc(row.verify), 10
				alg := row.alg
				if row.as != "" {
					alg = row.as
				}
				method := row.method
				if method == nil {
					method = jwt.GetSigningMethod(alg)
				}
				token := jwtSigned(t, method, row.sign, jwtHeader(alg).String(), jwtClaims.String())
				guard := jwtGuard(t, config)
				for range 2 {
					w := jwtServe(guard, token)
					if row.want == jwtGood {
						assert.Equal(t, jwtGood, jwtAnswer(w))
						continue
					}
					assertJWTRefusal(t, row.want, w, token)
				}
			})
		})
	}
}

// A secret that New could not see is judged when it verifies.
func TestJWTShortSecret(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32} {
		synctest.Test(t, func(t *testing.T) {
			secret := make([]byte, n)
			config := jwtConfig()
			config.Keyfunc = jwtKeyfunc(secret)
			_, err := bearer.New(bearer.Config{JWT: config})
			set := jwtConfig()
			set.Keyfunc = jwtKeyfunc(jwt.VerificationKeySet{Keys: []jwt.VerificationKey{jwtTestKeys().secret, secret}})
			_, setErr := bearer.New(bearer.Config{JWT: set})
			config.Keyfunc = func(t *jwt.Token) (any, error) {
				if t.Header["kid"] == nil {
					return nil, bearer.ErrKeyNotFound
				}
				return secret, nil
			}
			guard := jwtGuard(t, config)
			text := jwtSigned(t, jwt.SigningMethodHS256, secret, jwtHeader("HS256").and(`"kid":"a"`).String(), jwtClaims.String())
			if n == 32 {
				assert.NoError(t, err)
				assert.NoError(t, setErr)
				assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, text)))
				return
			}
			assert.ErrorContains(t, err, fmt.Sprintf("JWT.Keyfunc: a secret of %d bytes is too short: at least 32", n))
			assert.ErrorContains(t, setErr, "is too short")
			assertJWTRefusal(t, jwtBad, jwtServe(guard, text), text)
		})
	}
}

func TestJWTConfig(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*bearer.JWT)
		want   string // "": no error
	}{
		{"good", func(*bearer.JWT) {}, ""},
		{"no issuer", func(j *bearer.JWT) { j.Issuer = "" }, "JWT.Issuer: required"},
		{"no audience", func(j *bearer.JWT) { j.Audience = "" }, "JWT.Audience: required"},
		{"no algorithm", func(j *bearer.JWT) { j.Algorithms = nil }, "JWT.Algorithms: required"},
		{"none", func(j *bearer.JWT) { j.Algorithms = []string{"none"} }, `JWT.Algorithms: "none" is not supported`},
		{"other case", func(j *bearer.JWT) { j.Algorithms = []string{"hs256"} }, `JWT.Algorithms: "hs256" is not supported`},
		{"none among others", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "none"} }, `"none" is not supported`},
		{"two families", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "RS256"} }, "HS256 and RS256 are of two families"},
		{"one family", func(j *bearer.JWT) { j.Algorithms = []string{"HS256", "HS384", "HS512"} }, ""},
		{"RS and PS are one family", func(j *bearer.JWT) { j.Algorithms = []string{"RS256", "PS512"} }, ""},
		{"leeway", func(j *bearer.JWT) { j.Leeway = -1 }, "JWT.Leeway: negative"},
		{"cache", func(j *bearer.JWT) { j.Cache = -1 }, "JWT.Cache: negative"},
		{"no Keyfunc", func(j *bearer.JWT) { j.Keyfunc = nil }, "JWT.Keyfunc: required"},
		{"a Keyfunc that wants a kid", func(j *bearer.JWT) {
			j.Keyfunc = func(t *jwt.Token) (any, error) { return t.Header["kid"].(string), nil }
		}, ""},
		{"a Keyfunc that is out of order", func(j *bearer.JWT) {
			j.Keyfunc = func(*jwt.Token) (any, error) { return []byte{}, errors.New("offline") }
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := jwtConfig()
			row.change(config)
			_, err := bearer.New(bearer.Config{JWT: config})
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, row.want)
		})
	}
	_, err := bearer.New(bearer.Config{JWT: &bearer.JWT{}})
	for _, field := range []string{"Issuer", "Audience", "Algorithms", "Keyfunc"} {
		assert.ErrorContains(t, err, "bearer: Config.JWT: ", "every fault is named")
		assert.ErrorContains(t, err, "JWT."+field+": required")
	}
}

func TestJWTTypes(t *testing.T) {
	for _, row := range []struct {
		name  string
		types []string
		typ   string
		want  string
	}{
		{"configured", []string{"session+jwt"}, `"typ":"session+jwt"`, jwtGood},
		{"without case and prefix", []string{"application/Session+JWT"}, `"typ":"SESSION+jwt"`, jwtGood},
		{"the defaults are replaced", []string{"session+jwt"}, `"typ":"JWT"`, jwtBad},
		{"absent is not configured", []string{"session+jwt"}, `"x":1`, jwtBad},
		{"absent is configured", []string{""}, `"x":1`, jwtGood},
		{"empty is not absent", []string{""}, `"typ":""`, jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Types = row.types
				header := jwtHeader("HS256").without("typ").and(row.typ).String()
				text := jwtSigned(t, jwt.SigningMethodHS256, jwtTestKeys().secret, header, jwtClaims.String())
				assert.Equal(t, row.want, jwtAnswer(jwtServe(jwtGuard(t, config), text)))
			})
		})
	}
}

func TestJWTKeyfunc(t *testing.T) {
	good := jwtTestKeys().secret
	for _, row := range []struct {
		name    string
		keyfunc jwt.Keyfunc
		want    string
	}{
		{"finds by kid", func(t *jwt.Token) (any, error) {
			if t.Header["kid"] == "../../etc/passwd" {
				return good, nil
			}
			return nil, errors.New("not asked with the kid")
		}, jwtGood},
		{"unknown kid", func(*jwt.Token) (any, error) { return nil, bearer.ErrKeyNotFound }, jwtBad},
		{"unknown kid, wrapped", func(*jwt.Token) (any, error) { return good, fmt.Errorf("kid: %w", bearer.ErrKeyNotFound) }, jwtBad},
		{"jwt.ErrTokenUnverifiable", func(*jwt.Token) (any, error) { return nil, fmt.Errorf("kid: %w", jwt.ErrTokenUnverifiable) }, jwtBad},
		{"jwt.ErrTokenMalformed", func(*jwt.Token) (any, error) { return nil, jwt.ErrTokenMalformed }, jwtBad},
		{"jwt.ErrTokenSignatureInvalid", func(*jwt.Token) (any, error) { return nil, jwt.ErrTokenSignatureInvalid }, jwtBad},
		{"jwt.ErrInvalidKey", func(*jwt.Token) (any, error) { return nil, jwt.ErrInvalidKey }, jwtBad},
		{"jwt.ErrInvalidKeyType", func(*jwt.Token) (any, error) { return nil, jwt.ErrInvalidKeyType }, jwtBad},
		{"no key and no error", func(*jwt.Token) (any, error) { return nil, nil }, jwtBad},
		{"outage", func(*jwt.Token) (any, error) { return nil, errors.New("connection refused") }, jwtNoKeys},
		{"outage with a key", func(*jwt.Token) (any, error) { return good, context.DeadlineExceeded }, jwtNoKeys},
		{"panic", func(*jwt.Token) (any, error) { panic("nil map") }, jwtNoKeys},
		{"panic with an error", func(*jwt.Token) (any, error) { panic(bearer.ErrKeyNotFound) }, jwtNoKeys},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Keyfunc, config.Cache = row.keyfunc, 10
				header := jwtHeader("HS256").and(`"kid":"../../etc/passwd"`).String()
				text := jwtSigned(t, jwt.SigningMethodHS256, good, header, jwtClaims.String())
				w := jwtServe(jwtGuard(t, config), text)
				assert.Equal(t, row.want, jwtAnswer(w))
				for _, leak := range []string{"connection refused", "nil map", "not found", "passwd"} {
					assert.NotContains(t, w.Body.String(), leak)
				}
			})
		})
	}
}

func TestJWTRevoked(t *testing.T) {
	type call func(context.Context, *bearer.Principal) (bool, error)
	for _, row := range []struct {
		name    string
		revoked call
		claims  jwtMembers
		want    string
	}{
		{"not revoked", func(context.Context, *bearer.Principal) (bool, error) { return false, nil }, jwtClaims, jwtGood},
		{"revoked by its jti", func(_ context.Context, p *bearer.Principal) (bool, error) { return p.Claims["jti"] == "token_1", nil }, jwtClaims, jwtRevoked},
		{"another jti is revoked", func(_ context.Context, p *bearer.Principal) (bool, error) { return p.Claims["jti"] == "token_2", nil }, jwtClaims, jwtGood},
		{"outage", func(context.Context, *bearer.Principal) (bool, error) { return false, errors.New("offline") }, jwtClaims, jwtNoStore},
		{"revoked and outage", func(context.Context, *bearer.Principal) (bool, error) { return true, errors.New("offline") }, jwtClaims, jwtNoStore},
		{"panic", func(context.Context, *bearer.Principal) (bool, error) { panic("offline") }, jwtClaims, jwtNoStore},
		{"revoked and expired", func(context.Context, *bearer.Principal) (bool, error) { return true, nil }, jwtClaims.with(`"exp":` + jwtPast), jwtRevoked},
		{"expired", func(context.Context, *bearer.Principal) (bool, error) { return false, nil }, jwtClaims.with(`"exp":` + jwtPast), jwtExpired},
		{"not asked about bad tokens", func(context.Context, *bearer.Principal) (bool, error) { panic("asked") }, jwtClaims.with(`"aud":"other"`), jwtBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Revoked, config.Cache = row.revoked, 10
				guard := jwtGuard(t, config)
				for range 2 {
					w := jwtServe(guard, jwtMinted(t, row.claims))
					assert.Equal(t, row.want, jwtAnswer(w))
					assert.NotContains(t, w.Body.String(), "offline")
				}
			})
		})
	}
}

func TestJWTRevokedSeesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		config := jwtConfig()
		var seen any
		config.Revoked = func(ctx context.Context, _ *bearer.Principal) (bool, error) {
			seen = ctx.Value(key{})
			return false, nil
		}
		r := jwtRequest(jwtMinted(t, jwtClaims))
		_, err := jwtGuard(t, config).Check(r.WithContext(context.WithValue(t.Context(), key{}, "request")))
		require.NoError(t, err)
		assert.Equal(t, "request", seen)
	})
}

func TestJWTDoors(t *testing.T) {
	keyText, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live})
	keyDoor, tokenDoor := bearer.Config{Keys: store}, bearer.Config{JWT: jwtConfig()}
	both := bearer.Config{Keys: store, JWT: jwtConfig()}
	live, secret := tokenDoor, tokenDoor
	live.Environment, secret.SecretOnly = bearer.Live, true
	const (
		wrongType   = "401 unauthorized wrong_credential_type"
		mismatch    = "403 forbidden environment_mismatch"
		needsSecret = "403 forbidden secret_key_required"
		noKey       = "401 unauthorized invalid_api_key"
	)
	claims := jwtClaims
	for _, row := range []struct {
		name   string
		config bearer.Config
		claims jwtMembers
		text   string // instead of a token
		want   string
	}{
		{"S4.4 a key at a door for JWTs", tokenDoor, nil, keyText, wrongType},
		{"S4.4 a JWT at a door for keys", keyDoor, claims, "", wrongType},
		{"a bad JWT at a door for keys", keyDoor, nil, "a.b.c", wrongType},
		{"a bad key at a door for JWTs", tokenDoor, nil, "sk_live_", wrongType},
		{"a key at a door for both", both, nil, keyText, jwtGood},
		{"a JWT at a door for both", both, claims, "", jwtGood},
		{"S0.2 neither, at a door for JWTs", tokenDoor, nil, "a1b2c3", jwtBad},
		{"S0.2 neither, at a door for both", both, nil, "a1b2c3", noKey},
		{"a key prefix and two dots", both, nil, "sk_live_a.b.c", noKey},
		{"environment: the door's", live, claims.and(`"env":"live"`), "", jwtGood},
		{"environment: another", live, claims.and(`"env":"test"`), "", mismatch},
		{"environment: none", live, claims, "", mismatch},
		{"environment: unknown", live, claims.and(`"env":"LIVE"`), "", mismatch},
		{"environment: not a string", live, claims.and(`"env":["live"]`), "", mismatch},
		{"environment: an object", live, claims.and(`"env":{}`), "", mismatch},
		{"environment: any at a door for any", tokenDoor, claims.and(`"env":{}`), "", jwtGood},
		{"read-only at a door for secret keys", secret, claims.and(`"read_only":true`), "", needsSecret},
		{"not read-only at a door for secret keys", secret, claims.and(`"read_only":false`), "", jwtGood},
		{"read_only: null is not false", secret, claims.and(`"read_only":null`), "", needsSecret},
		{"read_only: object is not false", secret, claims.and(`"read_only":{}`), "", needsSecret},
		{"read_only: 0 is not false", secret, claims.and(`"read_only":0`), "", needsSecret},
		{"expired and of another environment", live, claims.with(`"exp":` + jwtPast), "", jwtExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard, err := bearer.New(row.config)
				require.NoError(t, err)
				text := row.text
				if text == "" {
					text = jwtMinted(t, row.claims)
				}
				assert.Equal(t, row.want, jwtAnswer(jwtServe(guard, text)))
			})
		})
	}
}

func TestJWTPrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := jwtGuard(t, jwtConfig())
		claims := jwtClaims.with(`"scope":"tokens:read tokens:write"`).and(`"env":"test"`)
		p, err := guard.Check(jwtRequest(jwtMinted(t, claims)), "tokens:read", "tokens:write")
		require.NoError(t, err)
		assert.Equal(t, &bearer.Principal{
			ID: "user_1", Owner: "user_1", Kind: bearer.Token, Environment: bearer.Test, Scopes: "tokens:read tokens:write",
			Claims: map[string]any{
				"iss": jwtIssuer, "aud": jwtAudience, "sub": "user_1", "exp": 946688400.0, "nbf": 946684800.0, "iat": 946684800.0,
				"scope": "tokens:read tokens:write", "jti": "token_1", "env": "test",
			},
		}, p)
		_, err = guard.Check(jwtRequest(jwtMinted(t, claims)), "wallets:read")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))

		readOnly := jwtRequest(jwtMinted(t, claims.with(`"scope":"* tokens:write"`).and(`"read_only":true`)))
		p, err = guard.Check(readOnly, "tokens:read")
		require.NoError(t, err)
		assert.True(t, p.ReadOnly)
		assert.Equal(t, bearer.Scopes("*"), p.Scopes)
		_, err = guard.Check(readOnly, "tokens:write")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
		readOnly.Method = http.MethodPost
		_, err = guard.Check(readOnly)
		assert.ErrorContains(t, err, "secret_key_required")

		_, err = guard.Check(jwtRequest(jwtMinted(t, jwtClaims.without("scope"))), "tokens:read")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err), "no scopes are none")
	})
}

func TestJWTLengths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := jwtGuard(t, jwtConfig())
		long := jwtMinted(t, jwtClaims.and(`"x":"`+strings.Repeat("a", 5000)+`"`))
		require.Less(t, len(long), 8<<10)
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, long)))
		longer := jwtMinted(t, jwtClaims.and(`"x":"`+strings.Repeat("a", 8000)+`"`))
		assert.Equal(t, "400 invalid_request malformed_credentials", jwtAnswer(jwtServe(guard, longer)))
	})
}
