package auth0_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// A tenant is an issuer with one key.
type tenant struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	mux := http.NewServeMux()
	s := &tenant{httptest.NewServer(mux), key}
	t.Cleanup(s.Close)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": s.URL + "/", "jwks_uri": s.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	return s
}

// token returns one of the tenant, with other claims in place of some; a nil value
// removes one.
func (s *tenant) token(t *testing.T, kid string, others jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": s.URL + "/", "aud": "https://api.example", "sub": "auth0|7", "scope": "openid wallets:read",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, others)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = kid
	text, err := token.SignedString(s.key)
	require.NoError(t, err)
	return text
}

func TestAnswers(t *testing.T) {
	issuer := newTenant(t)
	old, err := before(issuer.URL + "/")
	require.NoError(t, err)
	app, err := after(t.Context(), issuer.URL+"/")
	require.NoError(t, err)
	get := func(others jwt.MapClaims) *http.Request {
		return sides.Get("/v1/wallets", issuer.token(t, "1", others))
	}
	sides.Compare(t, "From auth0/go-jwt-middleware", old, app, []sides.Row{
		{Name: "a good token", Before: get(nil)},
		{Name: "no credential", Before: sides.Get("/v1/wallets", "")},
		{Name: "another scheme", Before: sides.With(sides.Get("/v1/wallets", ""), "Authorization", "Basic YTpi")},
		{Name: "`Bearer` with nothing behind it", Before: sides.With(sides.Get("/v1/wallets", ""), "Authorization", "Bearer")},
		{Name: "what is no JWT", Before: sides.Get("/v1/wallets", "abc")},
		{Name: "an expired token", Before: get(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})},
		{Name: "a token for another `aud`", Before: get(jwt.MapClaims{"aud": "https://other.example"})},
		{Name: "a token of another `iss`", Before: get(jwt.MapClaims{"iss": "https://other.example/"})},
		{Name: "a `kid` that the issuer does not have", Before: sides.Get("/v1/wallets", issuer.token(t, "2", nil))},
		{Name: "a token without `exp`", Before: get(jwt.MapClaims{"exp": nil})},
		{Name: "a token without `sub`", Before: get(jwt.MapClaims{"sub": nil})},
		{Name: "a token whose `iat` is to come", Before: get(jwt.MapClaims{"iat": time.Now().Add(time.Minute).Unix()})},
		{Name: "a token without the scope", Before: get(jwt.MapClaims{"scope": "openid"})},
	})
	for name, h := range map[string]http.Handler{"before": old, "after": app} {
		assert.Equal(t, "wallets of auth0|7", sides.Serve(h, get(nil)).Body.String(), name)
	}
}

// What an issuer that is down does to a process that has just started.
func TestOutage(t *testing.T) {
	issuer := newTenant(t)
	good := sides.Get("/v1/wallets", issuer.token(t, "1", nil))
	issuer.Close()
	old, err := before(issuer.URL + "/")
	require.NoError(t, err)
	app, err := after(t.Context(), issuer.URL+"/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, sides.Serve(old, good).Code)
	w := sides.Serve(app, good)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}
