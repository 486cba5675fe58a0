package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

// BenchmarkOAuthToken measures a token for an OAuth client, from the request to
// the answer.
func benchmarkOAuthToken(b *testing.B, most int) {
	b.Helper()
	iss, err := issuer.New(issuer.Config{Tokens: &issuer.Tokens{
		Issuer:      "https://id.example",
		Audience:    "api",
		SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		MaxSessions: most,
	}})
	require.NoError(b, err)
	secret, _, err := iss.CreateClient(b.Context(), issuer.Operator("acme"), issuer.Client{ID: "app", Scopes: "read write"})
	require.NoError(b, err)
	h := iss.Route("POST /oauth/token")
	body := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {secret}, "scope": {"read"},
	}.Encode()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Body)
		}
	}
}

func BenchmarkOAuthToken(b *testing.B) {
	b.Run("few sessions", func(b *testing.B) { benchmarkOAuthToken(b, 0) })
	b.Run("many sessions", func(b *testing.B) { benchmarkOAuthToken(b, 1<<30) })
}
