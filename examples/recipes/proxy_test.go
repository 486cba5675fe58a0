package recipes_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProxy(t *testing.T) {
	var keys bearertest.Keys
	guard := newGuard(t, bearer.Config{Keys: &keys, Limit: bearer.PerSecond(7)})
	var got http.Header
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("RateLimit", `"upstream";r=1;t=1`)
		w.Header().Set("RateLimit-Policy", `"upstream";q=2;w=1`)
	}))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	server := httptest.NewServer(guard.Handler(recipes.Proxy(target)))
	defer server.Close()

	r, err := http.NewRequest(http.MethodGet, server.URL+"/v1/tokens", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+keys.Issue(bearer.Key{ID: "key_1", Owner: "acme"}))
	r.Header.Set("Acme-Owner", "another")
	r.Header.Set("Connection", "Acme-Owner") // to have it removed on the way
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, 200, answer.StatusCode)
	assert.Equal(t, []string{"acme"}, got["Acme-Owner"])
	assert.NotContains(t, got, "Authorization")
	assert.Len(t, answer.Header["Ratelimit"], 1)
	assert.Equal(t, []string{`"default";q=7;w=1`}, answer.Header["Ratelimit-Policy"])
}
