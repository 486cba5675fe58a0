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

	"github.com/blockauth/bearer"
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

// jwtFaults returns tokens that must be refused for what their header, claims or
// text say. Their signatures are good unless the name says otherwise.
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
		{"jti: null", h, claims.with(`"jti":null`).String(), nil},
		{"jti: number", h, claims.with(`"jti":1`).String(), nil},
		{"jti: array", h, claims.with(`"jti":["token_1"]`).String(), nil},
		{"jti: object", h, claims.with(`"jti":{}`).String(), nil},
		{"sid: null", h, claims.and(`"sid":null`).String(), nil},
		{"sid: number", h, claims.and(`"sid":0`).String(), nil},
		{"sid: false", h, claims.and(`"sid":false`).String(), nil},
		{"half a pair: sub", h, claims.with(`"sub":"user_\ud800"`).String(), nil},
		{"half a pair: sub, the other half", h, claims.with(`"sub":"user_\uDFFF"`).String(), nil},
		{"half a pair: sub, halves in the wrong order", h, claims.with(`"sub":"\ude00\ud83d"`).String(), nil},
		{"half a pair: sub, and a letter", h, claims.with(`"sub":"\ud83d\u0041"`).String(), nil},
		{"half a pair: iss", h, claims.with(`"iss":"` + jwtIssuer + `\ud800"`).String(), nil},
		{"half a pair: aud", h, claims.with(`"aud":"api\ud800"`).String(), nil},
		{"half a pair: among aud", h, claims.with(`"aud":["api","\udc00"]`).String(), nil},
		{"half a pair: jti", h, claims.with(`"jti":"\ud800"`).String(), nil},
		{"half a pair: sid", h, claims.and(`"sid":"\ud800x"`).String(), nil},
		{"half a pair: a name", h, claims.and(`"x\ud800":1`).String(), nil},
		{"half a pair: a name within", h, claims.and(`"x":[{"\udc00":1}]`).String(), nil},
		{"half a pair: kid", header.and(`"kid":"\ud800"`).String(), c, nil},
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

func TestJWTFaults(t *testing.T) {
	keys := jwtTestKeys()
	for _, row := range jwtFaults() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := jwtConfig()
				config.Cache = 10
				guard := jwtGuard(t, config)
				// If it is expired too, it is bad all the same, and not called expired.
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

// Tokens next to those of TestJWTFaults that are right: those are refused for
// their fault and nothing else.
func TestJWTOddButValid(t *testing.T) {
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
			`"jku":"https://other.example/jwks"`, `"x5u":"https://other.example/cert"`, `"x5c":["MIIB"]`, `"jwk":{}`).String(), c, jwtGood},
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
		{"iat: in the future", h, claims.with(`"iat":946684801`).String(), jwtGood},
		{"iat: in the far future", h, claims.with(`"iat":253402300800`).String(), jwtGood},
		{"iat: after exp", h, claims.with(`"iat":946688401`).String(), jwtGood},
		{"iat: a string", h, claims.with(`"iat":"now"`).String(), jwtGood},
		{"iat: null", h, claims.with(`"iat":null`).String(), jwtGood},
		{"jti: absent", h, claims.without("jti").String(), jwtGood},
		{"jti: empty", h, claims.with(`"jti":""`).String(), jwtGood},
		{"a surrogate pair in another claim", h, claims.and(`"name":"\ud83d\ude00"`).String(), jwtGood},
		{"half a pair in another claim", h, claims.and(`"name":"\ud83d"`, `"x":["\udc00"]`).String(), jwtGood},
		{"half a pair that is escaped text", h, claims.with(`"jti":"\\ud800"`).String(), jwtGood},
		{"a replacement character is one", h, claims.with(`"jti":"\ufffd"`).and(`"sid":"�"`).String(), jwtGood},
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

// A token cannot bring the key that verifies it, nor say where that is.
func TestJWTBringsNoKey(t *testing.T) {
	var fetched atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer server.Close()
	keys := jwtTestKeys()
	public := base64.RawURLEncoding.EncodeToString(keys.otherEd.Public().(ed25519.PublicKey))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, keys.otherEd.Public(), keys.otherEd)
	require.NoError(t, err)
	config := jwtConfig()
	config.Algorithms = []string{"EdDSA"}
	config.Keyfunc = jwtKeyfunc(jwtPublic(keys.ed))
	guard := jwtGuard(t, config)
	claims := jwtClaims.with(`"exp":` + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)).String()
	for _, member := range []string{
		`"jwk":{"kty":"OKP","crv":"Ed25519","x":"` + public + `"}`,
		`"x5c":["` + base64.StdEncoding.EncodeToString(der) + `"]`,
		`"jku":"` + server.URL + `"`,
		`"x5u":"` + server.URL + `"`,
		`"kid":"` + server.URL + `"`,
	} {
		header := jwtHeader("EdDSA").and(member).String()
		forged := jwtSigned(t, jwt.SigningMethodEdDSA, keys.otherEd, header, claims)
		assertJWTRefusal(t, jwtBad, jwtServe(guard, forged), forged)
		good := jwtSigned(t, jwt.SigningMethodEdDSA, keys.ed, header, claims)
		assert.Equal(t, jwtGood, jwtAnswer(jwtServe(guard, good)), member)
	}
	assert.Zero(t, fetched.Load())
}

func TestJWTInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strict, lax := jwtGuard(t, jwtConfig()), jwtConfig()
		lax.Leeway = 5 * time.Second
		tolerant := jwtGuard(t, lax)
		text := jwtMinted(t, jwtClaims.with(`"nbf":946684900`, `"exp":946685000`))
		at := func(second int64) {
			time.Sleep(time.Until(time.Unix(second, 0)))
		}
		for _, row := range []struct {
			name           string
			second         int64
			strict, leeway string
		}{
			{"before nbf", 946684880, jwtBad, jwtBad},
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

// The cause, which is for logs, says what is wrong with a token.
func TestJWTCauses(t *testing.T) {
	h := jwtHeader("HS256")
	for _, row := range []struct {
		name           string
		header, claims jwtMembers
		want           string
	}{
		{"typ", h.with(`"typ":"dpop+jwt"`), jwtClaims, "the header has a typ that is not one of Types"},
		{"alg", h.with(`"alg":"HS384"`), jwtClaims, "the header has an alg that is not one of Algorithms"},
		{"kid", h.and(`"kid":1`), jwtClaims, "the header has a kid that is not a string"},
		{"crit", h.and(`"crit":["exp"]`), jwtClaims, "the header has crit"},
		{"no exp", h, jwtClaims.without("exp"), "claim exp is missing"},
		{"exp in quotes", h, jwtClaims.with(`"exp":"1"`), "claim exp is malformed"},
		{"no sub", h, jwtClaims.without("sub"), "claim sub is missing"},
		{"jti", h, jwtClaims.with(`"jti":1`), "claim jti is malformed"},
		{"sid", h, jwtClaims.and(`"sid":1`), "claim sid is malformed"},
		{"half a pair", h, jwtClaims.with(`"sub":"\ud800"`), "claim sub has half a surrogate pair"},
		{"half a pair in a name", h, jwtClaims.and(`"\ud800":1`), "the header, or a name in the claims, has half a surrogate pair"},
		{"bound", h, jwtClaims.and(`"cnf":{}`), "claim cnf binds the token to a key of its sender"},
		{"issuer", h, jwtClaims.with(`"iss":"https://issuer.example/"`), `claim iss is not "https://issuer.example"`},
		{"audience", h, jwtClaims.with(`"aud":"web"`), `claim aud holds none of ["api"]`},
		{"early", h, jwtClaims.with(`"nbf":946684801`), "claim nbf is in the future"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := jwtSigned(t, jwt.SigningMethodHS256, jwtTestKeys().secret, row.header.String(), row.claims.String())
				_, err := jwtGuard(t, jwtConfig()).Check(request(http.MethodGet, "/", text))
				assert.EqualError(t, err, "bearer: unauthorized: invalid_token: "+row.want)
			})
		})
	}
}

// The cause of a refusal names the claim that is at fault.
func TestJWTCauseNamesTheClaim(t *testing.T) {
	a := newAuthority()
	guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}})
	for claim, value := range map[string]any{
		"iss": 1, "aud": true, "exp": nil, "nbf": "soon", "sub": "", "jti": 1, "sid": []string{"a"}, "cnf": 1,
	} {
		_, err := guard.Check(request(http.MethodGet, "/", a.token(t, map[string]any{claim: value})))
		assert.ErrorContains(t, err, "claim "+claim)
	}
}

func TestJWTPrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard := jwtGuard(t, jwtConfig())
		claims := jwtClaims.with(`"scope":"tokens:read tokens:write"`).and(`"env":"test"`)
		p, err := guard.Check(request(http.MethodGet, "/v1/tokens", jwtMinted(t, claims)), "tokens:read", "tokens:write")
		require.NoError(t, err)
		assert.Equal(t, &bearer.Principal{
			ID: "user_1", Owner: "user_1", Kind: bearer.Token, Environment: bearer.Test, Scopes: "tokens:read tokens:write",
			Issuer: jwtIssuer,
			Claims: map[string]any{
				"iss": jwtIssuer, "aud": jwtAudience, "sub": "user_1", "exp": 946688400.0, "nbf": 946684800.0, "iat": 946684800.0,
				"scope": "tokens:read tokens:write", "jti": "token_1", "env": "test",
			},
		}, p)
		_, err = guard.Check(request(http.MethodGet, "/v1/tokens", jwtMinted(t, claims)), "wallets:read")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))

		readOnly := request(http.MethodGet, "/v1/tokens", jwtMinted(t, claims.with(`"scope":"* tokens:write"`).and(`"read_only":true`)))
		p, err = guard.Check(readOnly, "tokens:read")
		require.NoError(t, err)
		assert.True(t, p.ReadOnly)
		assert.Equal(t, bearer.Scopes("*"), p.Scopes)
		_, err = guard.Check(readOnly, "tokens:write")
		assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
		readOnly.Method = http.MethodPost
		_, err = guard.Check(readOnly)
		assert.ErrorContains(t, err, "secret_key_required")

		_, err = guard.Check(request(http.MethodGet, "/v1/tokens", jwtMinted(t, jwtClaims.without("scope"))), "tokens:read")
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
		assert.Equal(t, "400 invalid_request credential_too_long", jwtAnswer(jwtServe(guard, longer)))
	})
}
