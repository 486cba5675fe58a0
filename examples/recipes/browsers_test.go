package recipes_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCORS(t *testing.T) {
	var keys bearertest.Keys
	guard := newGuard(t, bearer.Config{Keys: &keys})
	app := recipes.CORS(guard.Handler(whoami))
	key := keys.Issue(bearer.Key{
		ID: "key_1", Kind: bearer.PublishableKey, AllowedOrigins: []string{"https://app.example"},
	})
	preflight := func(h http.Handler) *httptest.ResponseRecorder {
		r := bearertest.Request(http.MethodOptions, "/v1/prices", "")
		r.Header.Set("Origin", "https://app.example")
		r.Header.Set("Access-Control-Request-Method", "GET")
		r.Header.Set("Access-Control-Request-Headers", "authorization")
		return serve(h, r)
	}
	w := preflight(app)
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "Authorization", w.Header().Get("Access-Control-Allow-Headers"))
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, 401, preflight(guard.Handler(recipes.CORS(whoami))).Code, "behind the guard")
	assert.Equal(t, 401, serve(app, bearertest.Request(http.MethodOptions, "/v1/prices", "")).Code, "no preflight")

	for origin, status := range map[string]int{
		"https://app.example": 200, "https://evil.example": 403, "null": 403, "": 200,
	} {
		r := get("/v1/prices", key)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := serve(app, r)
		assert.Equal(t, status, w.Code, "origin %q", origin)
		assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"), "the script sees the refusal")
	}
}

func TestVisitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys bearertest.Keys
		guard := newGuard(t, bearer.Config{
			Keys: &keys, Policies: []bearer.Policy{recipes.Visitors(bearer.RemoteIP), {}},
		})
		page := keys.Issue(bearer.Key{ID: "key_1", Kind: bearer.PublishableKey})
		secret := keys.Issue(bearer.Key{ID: "key_2"})
		for _, row := range []struct {
			name, key, from string
			want            string // of RateLimit
		}{
			{"a visitor", page, "192.0.2.1:1", `"visitors";r=4;t=1, "default";r=99;t=1`},
			{"again, from another port", page, "192.0.2.1:2", `"visitors";r=3;t=1, "default";r=98;t=1`},
			{"the same where IPv6 maps it", page, "[::ffff:192.0.2.1]:1", `"visitors";r=2;t=1, "default";r=97;t=1`},
			{"another visitor", page, "192.0.2.2:1", `"visitors";r=4;t=1, "default";r=96;t=1`},
			{"over IPv6", page, "[2001:db8::1]:1", `"visitors";r=4;t=1, "default";r=95;t=1`},
			{"of the same /64", page, "[2001:db8::2]:1", `"visitors";r=3;t=1, "default";r=94;t=1`},
			{"of another", page, "[2001:db8:0:1::1]:1", `"visitors";r=4;t=1, "default";r=93;t=1`},
			{"a secret key", secret, "192.0.2.1:1", `"default";r=99;t=1`},
		} {
			r := get("/v1/prices", row.key)
			r.RemoteAddr = row.from
			assert.Equal(t, row.want, serve(guard.Handler(whoami), r).Header().Get("RateLimit"), row.name)
		}
	})
}

func TestLendCookie(t *testing.T) {
	var keys bearertest.Keys
	var tokens bearertest.Tokens
	api := newGuard(t, bearer.Config{Keys: &keys, JWT: []bearer.JWT{tokens.JWT()}})
	events := newGuard(t, bearer.Config{JWT: []bearer.JWT{tokens.JWT()}, Credential: recipes.CookieToken})
	mux := http.NewServeMux()
	mux.Handle("POST /v1/events/session", api.Handler(http.HandlerFunc(recipes.LendCookie)))
	mux.Handle("/v1/events", events.Handler(whoami))
	mux.Handle("GET /v1/tokens", api.Handler(whoami))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	browser := server.Client()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser.Jar = jar
	do := func(method, path, credential string) *http.Response {
		r, err := http.NewRequest(method, server.URL+path, nil)
		require.NoError(t, err)
		if credential != "" {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		answer, err := browser.Do(r)
		require.NoError(t, err)
		answer.Body.Close()
		return answer
	}
	key, token := keys.Issue(bearer.Key{ID: "key_1"}), tokens.Token("alice", "")
	assert.Equal(t, 401, do("GET", "/v1/events", "").StatusCode, "no cookie yet")
	assert.Equal(t, 403, do("POST", "/v1/events/session", key).StatusCode, "a key")
	answer := do("POST", "/v1/events/session", token)
	require.Equal(t, 204, answer.StatusCode)
	cookie := answer.Cookies()[0]
	assert.True(t, cookie.HttpOnly && cookie.Secure && cookie.SameSite == http.SameSiteStrictMode)
	assert.Equal(t, 200, do("GET", "/v1/events", "").StatusCode)
	assert.Equal(t, 401, do("POST", "/v1/events", "").StatusCode, "a cookie only reads")
	assert.Equal(t, 401, do("GET", "/v1/tokens", "").StatusCode, "another route")
	assert.Equal(t, 400, do("GET", "/v1/events", token).StatusCode, "both")
}
