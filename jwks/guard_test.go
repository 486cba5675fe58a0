package jwks_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/jwks"
)

// A guard answers as the package's document says.
func TestGuard(t *testing.T) {
	i := newIssuer(rsaJWK("k1"))
	keys, _ := newSource(t, i, jwks.Config{Issuer: issuerURL})
	j := keys.JWT("a", "b")
	assert.Equal(t, issuerURL, j.Issuer)
	assert.Equal(t, []string{"a", "b"}, j.Audiences)
	assert.Equal(t, []string{"RS256"}, j.Algorithms)
	down := newIssuer()
	down.setDown(true)
	noKeys, _ := newSource(t, down, jwks.Config{Issuer: issuerURL})
	for _, row := range []struct {
		name, kid string
		keys      *jwks.Source
		want      int
	}{
		{"a known key", "k1", keys, http.StatusOK},
		{"an unknown key", "k2", keys, http.StatusUnauthorized},
		{"no set", "k1", noKeys, http.StatusServiceUnavailable},
	} {
		g, err := bearer.New(bearer.Config{JWT: []bearer.JWT{row.keys.JWT("a")}})
		require.NoError(t, err)
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": issuerURL, "aud": "a", "sub": "alice", "exp": time.Now().Add(time.Minute).Unix(),
		})
		token.Header["kid"] = row.kid
		text, err := token.SignedString(rsaKey())
		require.NoError(t, err)
		w := httptest.NewRecorder()
		g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
			ServeHTTP(w, bearertest.Request(http.MethodGet, "/", text))
		assert.Equal(t, row.want, w.Code, row.name)
	}
}

// What a source that New has not made returns, no guard takes.
func TestJWTOfNoSource(t *testing.T) {
	for name, keys := range map[string]*jwks.Source{"nil": nil, "the zero value": new(jwks.Source)} {
		_, err := bearer.New(bearer.Config{JWT: []bearer.JWT{keys.JWT("a")}})
		require.ErrorContains(t, err, "Issuer", name)
		j := keys.JWT("a")
		j.Issuer = issuerURL
		g, err := bearer.New(bearer.Config{JWT: []bearer.JWT{j}})
		require.NoError(t, err, name)
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
			"iss": issuerURL, "aud": "a", "sub": "alice", "exp": time.Now().Add(time.Minute).Unix(),
		})
		text, err := token.SignedString(rsaKey())
		require.NoError(t, err)
		_, err = g.Check(bearertest.Request(http.MethodGet, "/", text))
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err), name)
	}
}

// Settings of a source are those of the JWT that it returns.
func TestJWT(t *testing.T) {
	for _, row := range []struct {
		name   string
		config jwks.Config
		want   bearer.JWT
	}{
		{"of an issuer", jwks.Config{Issuer: issuerURL}, bearer.JWT{Issuer: issuerURL, Algorithms: []string{"RS256"}}},
		{"of a URL alone", jwks.Config{URL: setURL}, bearer.JWT{Algorithms: []string{"RS256"}}},
		{"of both", jwks.Config{Issuer: "x", URL: setURL, Algorithms: []string{"ES256", "ES384"}}, bearer.JWT{Issuer: "x", Algorithms: []string{"ES256", "ES384"}}},
	} {
		keys, _ := newSource(t, newIssuer(rsaJWK("a")), row.config)
		j := keys.JWT("a")
		assert.Equal(t, row.want.Issuer, j.Issuer, row.name)
		assert.Equal(t, row.want.Algorithms, j.Algorithms, row.name)
		j.Algorithms[0], j.Audiences[0] = "HS256", "b"
		assert.Equal(t, row.want.Algorithms, keys.JWT("a").Algorithms, "%s: a copy", row.name)
	}
}
