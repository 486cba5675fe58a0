package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A Route stands under any path whose last elements are its own, and asks for its
// method itself.
func TestRoute(t *testing.T) {
	iss, err := issuer.New(issuer.Config{Tokens: tokens(), Users: someUsers("ada")})
	require.NoError(t, err)
	g, err := iss.StartSession(t.Context(), issuer.User{ID: "ada"}, "")
	require.NoError(t, err)
	for _, row := range []struct {
		name, route, at, method, path, body string
		want                                int
		allow                               string
	}{
		{"another path", "POST /auth/login", "/signin", http.MethodPost, "/signin", mailAndPassword("ada@example.com", "correct horse"), http.StatusOK, ""},
		{"another method", "POST /auth/login", "/signin", http.MethodGet, "/signin", "", http.StatusMethodNotAllowed, "POST"},
		{"HEAD of a GET", "GET /auth/me", "/me", http.MethodHead, "/me", "", http.StatusOK, ""},
		{"another method of a GET", "GET /auth/me", "/me", http.MethodDelete, "/me", "", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"a wildcard of the same name", "DELETE /auth/sessions/{id}", "/my/{id}", http.MethodDelete, "/my/se_none", "", http.StatusNotFound, ""},
		{"a wildcard of another name", "DELETE /auth/sessions/{id}", "/my/{session}", http.MethodDelete, "/my/" + g.SessionID, "", http.StatusNoContent, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle(row.at, iss.Route(row.route))
			r := httptest.NewRequestWithContext(t.Context(), row.method, row.path, strings.NewReader(row.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+g.AccessToken)
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, r)
			assert.Equal(t, row.want, rec.Code, rec.Body)
			assert.Equal(t, row.allow, rec.Header().Get("Allow"))
		})
	}
}

// What is not configured does not exist.
func TestRoutesOfWhatIsConfigured(t *testing.T) {
	keys := []string{
		"GET /api/v1/users/me", "POST /v1/api_keys", "GET /v1/api_keys", "GET /v1/api_keys/{id}",
		"PATCH /v1/api_keys/{id}", "DELETE /v1/api_keys/{id}", "POST /v1/api_keys/{id}/rotate",
		"DELETE /v1/api_keys/{id}/secrets/{secret}",
	}
	caller := func(*http.Request) (issuer.Caller, error) { return issuer.Operator("acme"), nil }
	for _, row := range []struct {
		name          string
		config        issuer.Config
		has, hasNot   []string
		numberOfCalls int
	}{
		{"nothing", issuer.Config{}, keys[:1], keys[1:], 1},
		{"keys", issuer.Config{Caller: caller}, keys, []string{"POST /auth/login"}, 8},
		{
			"tokens", issuer.Config{Tokens: tokens()},
			append([]string{"POST /auth/login", "POST /oauth/token", "GET /.well-known/jwks.json"}, keys...),
			[]string{"POST /auth/register"}, 23,
		},
		{
			"all", issuer.Config{Tokens: tokens(), Registrar: usersFunc(noUser)},
			[]string{"POST /auth/register"}, []string{"GET /auth/register", "/auth/login", ""}, 24,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			iss, err := issuer.New(row.config)
			require.NoError(t, err)
			var patterns []string
			for pattern, h := range iss.Routes() {
				assert.NotNil(t, h)
				patterns = append(patterns, pattern)
			}
			assert.Len(t, patterns, row.numberOfCalls)
			for _, pattern := range row.has {
				assert.Contains(t, patterns, pattern)
				assert.NotNil(t, iss.Route(pattern))
			}
			for _, pattern := range row.hasNot {
				assert.NotContains(t, patterns, pattern)
				assert.Panics(t, func() { iss.Route(pattern) }, pattern)
			}
		})
	}
}

// Whatever an ErrorHandler writes, the fields of a refusal are set before.
func TestErrorHandlerGetsTheFields(t *testing.T) {
	iss, err := issuer.New(issuer.Config{
		Tokens: tokens(),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			w.WriteHeader(e.StatusCode())
		},
	})
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	iss.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/auth/me", nil))
	assert.Equal(t, http.StatusUnauthorized, rec.Code)
	assert.NotEmpty(t, rec.Header().Get("WWW-Authenticate"))
	assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	assert.Equal(t, "no-cache", rec.Header().Get("Pragma"))
}

// An unknown path is refused in the form of all others, and a HEAD gets what a GET
// does.
func TestUnknownPath(t *testing.T) {
	iss, err := issuer.New(issuer.Config{Tokens: tokens()})
	require.NoError(t, err)
	for _, path := range []string{"/", "/auth", "/auth/login/", "/v1/api_keys/a/b"} {
		rec := httptest.NewRecorder()
		iss.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		assert.Equal(t, http.StatusNotFound, rec.Code, path)
		assert.Equal(t, "not_found", refusal(t, rec, "code"))
		assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		assert.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
		assert.Empty(t, rec.Header().Get("Allow"))
	}
}
