package bearer_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// A token does not bring the key that verifies it, nor say where that is.
func TestJWTBringsNoKey(t *testing.T) {
	var fetched atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer evil.Close()
	keys := jwtTestKeys()
	public := base64.RawURLEncoding.EncodeToString(keys.attacker.Public().(ed25519.PublicKey))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, keys.attacker.Public(), keys.attacker)
	require.NoError(t, err)
	config := jwtConfig()
	config.Algorithms = []string{"EdDSA"}
	config.Keyfunc = jwtKeyfunc(jwtPublic(keys.ed))
	guard := jwtGuard(t, config)
	claims := jwtClaims.with(`"exp":` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)).String()
	for _, member := range []string{
		`"jwk":{"kty":"OKP","crv":"Ed25519","x":"` + public + `"}`,
		`"x5c":["` + base64.StdEncoding.EncodeToString(der) + `"]`,
		`"jku":"` + evil.URL + `"`,
		`"x5u":"` + evil.URL + `"`,
		`"kid":"` + evil.URL + `"`,
	} {
		header := jwtHeader("EdDSA").and(member).String()
		forged := jwtSigned(t, jwt.SigningMethodEdDSA, keys.attacker, header, claims)
		assertJWTRefusal(t, jwtBad, jwtServe(guard, forged), forged)
		good := jwtSigned(t, jwt.SigningMethodEdDSA, keys.ed, header, claims)
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, good)), member)
	}
	assert.Zero(t, fetched.Load())
}
