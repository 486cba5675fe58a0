package command_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secret = "0123456789abcdef0123456789abcdef" // of a test

// claims returns those of a good token, with changes; nil removes one.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://id.example", "aud": "api", "sub": "user_1",
		"exp": time.Now().Add(12*time.Minute + 30*time.Second).Unix(), "iat": time.Now().Unix(),
	}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func sign(tb testing.TB, method jwt.SigningMethod, key any, c jwt.MapClaims, header map[string]any) string {
	tb.Helper()
	token := jwt.NewWithClaims(method, c)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	require.NoError(tb, err)
	return text
}

func hmacToken(tb testing.TB, changes jwt.MapClaims) string {
	tb.Helper()
	return sign(tb, jwt.SigningMethodHS256, []byte(secret), claims(changes), nil)
}

// setOf returns a JWK Set with the keys.
func setOf(tb testing.TB, rsaKey *rsa.PrivateKey, edKey ed25519.PrivateKey) string {
	tb.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	public, _ := edKey.Public().(ed25519.PublicKey)
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{
		{"kty": "RSA", "kid": "r", "use": "sig", "n": encode(rsaKey.N.Bytes()), "e": encode(big.NewInt(int64(rsaKey.E)).Bytes())},
		{"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": encode(public)},
	}})
	require.NoError(tb, err)
	return string(set)
}

func TestTokenInspectVerifiesNothing(t *testing.T) {
	for _, in := range []string{
		hmacToken(t, nil), "  " + hmacToken(t, nil) + "\r\n", "Bearer " + hmacToken(t, nil),
		"Authorization: bearer " + hmacToken(t, nil) + "\n",
	} {
		r := run(t, in, "token", "inspect")
		assert.Zero(t, r.code, r.err)
		assert.True(t, strings.HasPrefix(r.out, "NOT VERIFIED: anyone could have written this token"), r.out)
		assert.Contains(t, r.out, "(expires in 12 min)")
	}
	r := run(t, hmacToken(t, nil), "token", "inspect", "-json")
	assert.Equal(t, "not verified", r.lines(t)[0]["verdict"])
	r = run(t, "", "token", "inspect", "-file", file(t, hmacToken(t, nil)))
	assert.Zero(t, r.code)
}

func TestTokenInspectWarns(t *testing.T) {
	now := time.Now().Unix()
	none := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil)
	header := func(name string, value any) string {
		return sign(t, jwt.SigningMethodHS256, []byte(secret), claims(nil), map[string]any{name: value})
	}
	tests := []struct{ name, in, want string }{
		{"alg none", none, "alg is none: it is not signed"},
		{"HMAC", hmacToken(t, nil), "HS256: who can verify it can make one"},
		{"no exp", hmacToken(t, jwt.MapClaims{"exp": nil}), "there is no exp"},
		{"no iss", hmacToken(t, jwt.MapClaims{"iss": nil}), "there is no iss"},
		{"no aud", hmacToken(t, jwt.MapClaims{"aud": nil}), "there is no aud"},
		{"no sub", hmacToken(t, jwt.MapClaims{"sub": nil}), "there is no sub"},
		{"expired", hmacToken(t, jwt.MapClaims{"exp": now - 86400*3}), "it has expired"},
		{"expired, in words", hmacToken(t, jwt.MapClaims{"exp": now - 86400*3}), "(expired 3 days ago)"},
		{"not good yet", hmacToken(t, jwt.MapClaims{"nbf": now + 7300}), "it is not good yet"},
		{"not good yet, in words", hmacToken(t, jwt.MapClaims{"nbf": now + 7300}), "(good in 2 h)"},
		{"from the future", hmacToken(t, jwt.MapClaims{"iat": now + 600}), "iat is in the future"},
		{"a long life", hmacToken(t, jwt.MapClaims{"exp": now + 86400*400}), "it lives for 400 days"},
		{"exp as a text", hmacToken(t, jwt.MapClaims{"exp": "soon"}), "exp is no number of seconds"},
		{"exp beyond all years", hmacToken(t, jwt.MapClaims{"exp": 1e300}), "exp is no number of seconds"},
		{"a key in the header", header("jwk", map[string]any{}), "the header has jwk"},
		{"a URL in the header", header("jku", "https://evil.example"), "the header has jku"},
		{"crit", header("crit", []string{"b64"}), "the header has crit"},
		{"typ", header("typ", "dpop+jwt"), `typ is "dpop+jwt"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.in, "token", "inspect")
			assert.Zero(t, r.code)
			assert.Contains(t, r.out, tt.want)
		})
	}
	r := run(t, hmacToken(t, jwt.MapClaims{"name": "\x1b[2J", "\u202e": "x"}), "token", "inspect")
	assert.NotContains(t, r.out, "\x1b")
	assert.NotContains(t, r.out, "\u202e")
}

func TestTokenInspectRefusesWhatIsNone(t *testing.T) {
	e := base64.RawURLEncoding.EncodeToString
	tests := []struct{ name, in, want string }{
		{"nothing", "", "does not have three parts"},
		{"a word", "hunter2", "does not have three parts"},
		{"encrypted", "a.b.c.d.e", "is encrypted"},
		{"no base64", "hunter2!.e30.x", "the header are not in base64url"},
		{"no JSON", e([]byte("hunter2")) + ".e30.x", "the header are no object"},
		{"no object", e([]byte("null")) + ".e30.x", "the header are no object"},
		{"two objects", e([]byte("{}{}")) + ".e30.x", "something stands behind"},
		{"no claims", "e30." + e([]byte("[]")) + ".x", "the claims are no object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.in, "token", "inspect")
			assert.Equal(t, 1, r.code)
			assert.Contains(t, r.err, tt.want)
			assert.NotContains(t, r.err, "hunter2")
		})
	}
	assert.Equal(t, 3, run(t, strings.Repeat("x", 70_000), "token", "inspect").code)
}

func TestTokenInspectVerifies(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	set := setOf(t, rsaKey, edKey)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/broken" {
			http.Error(w, "broken", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(set))
	}))
	defer server.Close()
	rs := func(key *rsa.PrivateKey, kid string, changes jwt.MapClaims) string {
		return sign(t, jwt.SigningMethodRS256, key, claims(changes), map[string]any{"kid": kid})
	}
	ed := sign(t, jwt.SigningMethodEdDSA, edKey, claims(nil), map[string]any{"kid": "e"})
	confused := sign(t, jwt.SigningMethodHS256, rsaKey.N.Bytes(), claims(nil), map[string]any{"kid": "r"})
	none := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil)
	fromFile, fromURL := []string{"-jwks", file(t, set)}, []string{"-jwks", server.URL}
	bySecret := []string{"-secret-file", file(t, secret+"\n")}
	tests := []struct {
		name, in string
		args     []string
		code     int
		verdict  string
	}{
		{"RSA, from a file", rs(rsaKey, "r", nil), fromFile, 0, "good"},
		{"RSA, from a URL", rs(rsaKey, "r", nil), fromURL, 0, "good"},
		{"Ed25519", ed, fromFile, 0, "good"},
		{"HMAC", hmacToken(t, nil), bySecret, 0, "good"},
		{"issuer and audience", hmacToken(t, jwt.MapClaims{"aud": []string{"x", "api"}}),
			append(bySecret, "-issuer", "https://id.example", "-audience", "api"), 0, "good"},
		{"another issuer", hmacToken(t, nil), append(bySecret, "-issuer", "https://other.example"), 1, "refused"},
		{"another audience", hmacToken(t, nil), append(bySecret, "-audience", "other"), 1, "refused"},
		{"another key", rs(other, "r", nil), fromFile, 1, "refused"},
		{"an unknown key", rs(rsaKey, "x", nil), fromFile, 1, "refused"},
		{"expired", rs(rsaKey, "r", jwt.MapClaims{"exp": time.Now().Unix() - 1}), fromFile, 1, "refused"},
		{"expired within the leeway", rs(rsaKey, "r", jwt.MapClaims{"exp": time.Now().Unix() - 1}), append(fromFile, "-leeway", "1m"), 0, "good"},
		{"no issuer", hmacToken(t, jwt.MapClaims{"iss": nil}), bySecret, 1, "refused"},
		{"no audience", hmacToken(t, jwt.MapClaims{"aud": nil}), bySecret, 1, "refused"},
		{"no subject", hmacToken(t, jwt.MapClaims{"sub": nil}), bySecret, 1, "refused"},
		{"none", none, fromFile, 1, "refused"},
		{"none, with a secret", none, bySecret, 1, "refused"},
		{"a public key as a secret", confused, fromFile, 1, "refused"},
		{"RSA with a secret", rs(rsaKey, "r", nil), bySecret, 1, "refused"},
		{"a changed claim", tampered(rs(rsaKey, "r", nil)), fromFile, 1, "refused"},
		{"a set that is none", rs(rsaKey, "r", nil), []string{"-jwks", file(t, "{}")}, 3, "unavailable"},
		{"a server that fails", rs(rsaKey, "r", nil), []string{"-jwks", server.URL + "/broken"}, 3, "unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.in, append([]string{"token", "inspect", "-json", "-timeout", "2s"}, tt.args...)...)
			assert.Equal(t, tt.code, r.code, r.err)
			lines := r.lines(t)
			require.Len(t, lines, 1)
			assert.Equal(t, tt.verdict, lines[0]["verdict"], r.out)
			text := run(t, tt.in, append([]string{"token", "inspect", "-timeout", "2s"}, tt.args...)...)
			want := map[string]string{"good": "VERIFIED:", "refused": "REFUSED (", "unavailable": "NOT VERIFIED:"}[tt.verdict]
			assert.True(t, strings.HasPrefix(text.out, want), text.out)
		})
	}
	assert.NotZero(t, asked)
	r := run(t, hmacToken(t, nil), append([]string{"token", "inspect"}, bySecret...)...)
	assert.Contains(t, r.out, "iss was not checked")
	assert.Contains(t, r.out, "aud was not checked")
}

// tampered returns a token whose claims have changed behind its signature.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	data, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(data), "user_1", "root", 1)))
	return strings.Join(parts, ".")
}

func TestTokenInspectUsage(t *testing.T) {
	path := file(t, secret)
	tests := []struct {
		name string
		args []string
		code int
	}{
		{"both", []string{"-jwks", path, "-secret-file", path}, 2},
		{"an issuer alone", []string{"-issuer", "x"}, 2},
		{"a negative leeway", []string{"-secret-file", path, "-leeway", "-1s"}, 2},
		{"no time", []string{"-secret-file", path, "-timeout", "0s"}, 2},
		{"a short secret", []string{"-secret-file", file(t, "short")}, 2},
		{"a missing secret", []string{"-secret-file", "/does/not/exist"}, 3},
		{"a missing set", []string{"-jwks", "/does/not/exist"}, 3},
		{"plain http", []string{"-jwks", "http://id.example/"}, 2},
		{"an issuer with white space", []string{"-secret-file", path, "-issuer", "a b"}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, hmacToken(t, nil), append([]string{"token", "inspect"}, tt.args...)...)
			assert.Equal(t, tt.code, r.code, r.err)
			assert.NotContains(t, r.err, "short\n")
		})
	}
}
