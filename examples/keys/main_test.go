package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README's two requests.
func TestReadme(t *testing.T) {
	mux, err := newMux()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/api_keys",
		strings.NewReader(`{"name":"ci","type":"secret","scopes":["tokens:read"]}`))
	r.Header.Set("Content-Type", "application/json")
	mux.ServeHTTP(w, r)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	var created struct{ Key string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &created))

	for _, row := range []struct {
		name, credential string
		status           int
		body             string
	}{
		{"with the key", "Bearer " + created.Key, 200, "the tokens of acme\n"},
		{"without", "", 401, "missing_credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
			if row.credential != "" {
				r.Header.Set("Authorization", row.credential)
			}
			mux.ServeHTTP(w, r)
			assert.Equal(t, row.status, w.Code)
			assert.Contains(t, w.Body.String(), row.body)
		})
	}
}

// The page shows the key that a request made.
func TestPage(t *testing.T) {
	mux, err := newMux()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/settings/keys", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "No keys yet")
}
