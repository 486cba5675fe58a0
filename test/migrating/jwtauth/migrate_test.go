package jwtauth_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/jwtauth/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// token returns one that jwtauth makes, with other claims in place of some; a nil
// value removes one.
func token(t *testing.T, secret []byte, others map[string]any) string {
	t.Helper()
	all := map[string]any{
		"iss": "https://id.example", "aud": "https://api.example", "sub": "7", "tenant": "acme",
		"scope": "wallets:read", "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, others)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	_, text, err := jwtauth.New("HS256", secret, nil).Encode(all)
	require.NoError(t, err)
	return text
}

func TestAnswers(t *testing.T) {
	secret, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(secret)
	app, err := after(secret)
	require.NoError(t, err)
	good := token(t, secret, nil)
	get := func(others map[string]any) *http.Request { return sides.Get("/v1/wallets", token(t, secret, others)) }
	sides.Compare(t, "From go-chi/jwtauth", before(secret), app, []sides.Row{
		{Name: "a good token", Before: get(nil)},
		{Name: "`BEARER` in capitals", Before: sides.With(sides.Get("/v1/wallets", ""), "Authorization", "BEARER "+good)},
		{Name: "no credential", Before: sides.Get("/v1/wallets", "")},
		{Name: "no credential, where `Authenticator` was forgotten", Before: sides.Get("/v1/reports", "")},
		{Name: "a token in the cookie `jwt`", Before: sides.With(sides.Get("/v1/wallets", ""), "Cookie", "jwt="+good)},
		{Name: "a token of another key", Before: sides.Get("/v1/wallets", token(t, other, nil))},
		{Name: "an expired token", Before: get(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})},
		{Name: "a token that is not good yet (`nbf`)", Before: get(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()})},
		{Name: "a token whose `iat` is to come", Before: get(map[string]any{"iat": time.Now().Add(time.Minute).Unix()})},
		{Name: "a token without `exp`", Before: get(map[string]any{"exp": nil})},
		{Name: "a token without `iss`", Before: get(map[string]any{"iss": nil})},
		{Name: "a token for another `aud`", Before: get(map[string]any{"aud": "https://other.example"})},
		{Name: "a token without `sub`", Before: get(map[string]any{"sub": nil})},
		{Name: "a token without the scope", Before: get(map[string]any{"scope": nil})},
	})
}

func TestDifferences(t *testing.T) {
	weak := []byte("secret")
	assert.Equal(t, http.StatusOK, sides.Serve(before(weak), sides.Get("/v1/wallets", token(t, weak, nil))).Code)
	_, err := after(weak)
	assert.ErrorContains(t, err, "32")

	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	old := before(secret)
	app, err := after(secret)
	require.NoError(t, err)
	good := sides.Get("/v1/wallets", token(t, secret, nil))
	assert.Equal(t, "wallets of acme", sides.Serve(old, good).Body.String())
	assert.Equal(t, "wallets of acme", sides.Serve(app, good).Body.String())

	none := sides.Get("/v1/wallets", "")
	assert.Equal(t, "no token found\n", sides.Serve(old, none).Body.String())
	assert.Empty(t, sides.Serve(old, none).Header().Get("WWW-Authenticate"))
	assert.Equal(t, "application/json", sides.Serve(app, none).Header().Get("Content-Type"))
	assert.Equal(t, `Bearer realm="api"`, sides.Serve(app, none).Header().Get("WWW-Authenticate"))
}
