package issuer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// postFrom is post from another address.
func (w *clientWorld) postFrom(address, path, body string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.RemoteAddr = address + ":1234"
	for _, field := range append(fields, isForm) {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.routes.ServeHTTP(rec, r)
	return rec
}

// Failures at /oauth are limited, by client and address: who guesses locks out
// no one else, and successes cost nothing.
func TestOAuthFailureLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
		other, _ := w.client(issuer.Client{ID: "other", Scopes: "read"})
		right, wrong := basicField("app", secret), basicField("app", "guess")
		for range 30 {
			assert.Equal(t, http.StatusOK, w.post("/oauth/token", clientGrant, right).Code)
		}
		for n := range 10 {
			path := []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"}[n%3]
			assert.Equal(t, http.StatusUnauthorized, w.post(path, clientGrant, wrong).Code)
		}
		for _, field := range []string{wrong, right} {
			rec := w.post("/oauth/token", clientGrant, field)
			assert.Equal(t, http.StatusTooManyRequests, rec.Code)
			assert.Equal(t, "6", rec.Header().Get("Retry-After"))
			assert.Equal(t, "temporarily_unavailable", decoded(t, rec)["error"])
			assert.Empty(t, rec.Header().Get("WWW-Authenticate"))
		}
		assert.Equal(t, http.StatusOK, w.post("/oauth/token", clientGrant, basicField("other", other)).Code)
		assert.Equal(t, http.StatusOK, w.postFrom("198.51.100.7", "/oauth/token", clientGrant, right).Code)
		time.Sleep(6 * time.Second)
		assert.Equal(t, http.StatusOK, w.post("/oauth/token", clientGrant, right).Code)
	})
}

// Exchanges of a credential are limited before the slow hash, right or wrong.
func TestCredentialTokenLimit(t *testing.T) {
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	for range 10 {
		assert.Equal(t, http.StatusUnauthorized, w.exchange(c.ID, "guess").Code)
	}
	rec := w.exchange(strings.ToUpper(c.ID), secret)
	assert.Equal(t, http.StatusTooManyRequests, rec.Code)
	assert.NotEmpty(t, rec.Header().Get("Retry-After"))
}

// A Limiter that fails is an outage.
func TestClientLimiterDown(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Limiter = brokenLimiter{} })
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	pairSecret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	rec := w.post("/oauth/token", clientGrant, basicField("app", secret))
	assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
	assert.Equal(t, "temporarily_unavailable", decoded(t, rec)["error"])
	assert.Equal(t, "1", rec.Header().Get("Retry-After"))
	assert.Equal(t, http.StatusServiceUnavailable, w.exchange(c.ID, pairSecret).Code)
}

type brokenLimiter struct{}

func (brokenLimiter) Take(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{}, errors.New("connection refused")
}
