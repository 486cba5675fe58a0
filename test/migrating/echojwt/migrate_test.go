package echojwt_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// token returns one of a reader of acme, with other claims in place of some; a
// nil value removes one.
func token(t *testing.T, secret []byte, others jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": "https://id.example", "aud": "https://api.example", "sub": "7", "tenant": "acme",
		"roles": []string{"wallets:read"}, "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, others)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString(secret)
	require.NoError(t, err)
	return text
}

func TestAnswers(t *testing.T) {
	secret, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(secret)
	app, err := after(secret)
	require.NoError(t, err)
	get := func(others jwt.MapClaims) *http.Request { return sides.Get("/v1/wallets", token(t, secret, others)) }
	good := token(t, secret, nil)
	write := func(others jwt.MapClaims) *http.Request {
		return sides.With(sides.Post("/v1/wallets", ""), "Authorization", "Bearer "+token(t, secret, others))
	}
	sides.Compare(t, "From echo-jwt", before(secret), app, []sides.Row{
		{Name: "a good token", Before: get(nil)},
		{Name: "no credential", Before: sides.Get("/v1/wallets", "")},
		{Name: "a token in a cookie", Before: sides.With(sides.Get("/v1/wallets", ""), "Cookie", "token="+good)},
		{Name: "two `Authorization` fields, the second good", Before: sides.With(sides.Get("/v1/wallets", "a.b.c"), "Authorization", "Bearer "+good)},
		{Name: "a token of another key", Before: sides.Get("/v1/wallets", token(t, other, nil))},
		{Name: "an expired token", Before: get(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()})},
		{Name: "a token without `exp`", Before: get(jwt.MapClaims{"exp": nil})},
		{Name: "a token of another `iss`", Before: get(jwt.MapClaims{"iss": "https://other.example"})},
		{Name: "a token for another `aud`", Before: get(jwt.MapClaims{"aud": "https://other.example"})},
		{Name: "a token without `aud`", Before: get(jwt.MapClaims{"aud": nil})},
		{Name: "a token without `sub`", Before: get(jwt.MapClaims{"sub": nil})},
		{Name: "a token without `tenant`", Before: get(jwt.MapClaims{"tenant": nil})},
		{Name: "a reader writes", Before: write(nil)},
		{Name: "a writer writes", Before: write(jwt.MapClaims{"roles": []string{"wallets:write"}})},
	})
}

// The rest of what the guide says, and what all guides say of limits.
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
	bad := sides.Get("/v1/wallets", "")
	assert.Empty(t, sides.Serve(old, bad).Header().Get("WWW-Authenticate"))
	assert.Equal(t, `Bearer realm="api"`, sides.Serve(app, bad).Header().Get("WWW-Authenticate"))

	refused := 0
	for range 300 { // at once: more than the 100 that a bucket holds
		r := sides.Get("/v1/wallets", token(t, secret, nil))
		assert.Equal(t, "wallets of acme", sides.Serve(old, r).Body.String())
		if sides.Serve(app, r).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	assert.Positive(t, refused)
}
