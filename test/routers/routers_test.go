package routers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

const prefix = "/platform/v2"

// A mount is a way in which an application serves an issuer.
type mount struct {
	name    string
	prefix  string
	isWhole bool // it answers unknown paths and methods too
	serve   func(*issuer.Issuer) http.Handler
}

// mounts are those that the documents show, with four routers.
var mounts = []mount{
	{"net/http, Routes", "", false, func(iss *issuer.Issuer) http.Handler {
		mux := http.NewServeMux()
		for pattern, h := range iss.Routes() {
			mux.Handle(pattern, h)
		}
		return mux
	}},
	{"net/http, Routes below a prefix", prefix, false, func(iss *issuer.Issuer) http.Handler {
		mux := http.NewServeMux()
		for pattern, h := range iss.Routes() {
			method, path, _ := strings.Cut(pattern, " ")
			mux.Handle(method+" "+prefix+path, h)
		}
		return mux
	}},
	{"net/http, Handler", "", true, func(iss *issuer.Issuer) http.Handler { return iss.Handler() }},
	{"net/http, Handler below a prefix", prefix, true, func(iss *issuer.Issuer) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(prefix+"/", http.StripPrefix(prefix, iss.Handler()))
		return mux
	}},
	{"chi, Routes below a prefix", prefix, false, func(iss *issuer.Issuer) http.Handler {
		r := chi.NewRouter()
		r.Route(prefix, func(r chi.Router) {
			for pattern, h := range iss.Routes() {
				method, path, _ := strings.Cut(pattern, " ")
				r.Method(method, path, h)
			}
		})
		return r
	}},
	{"chi, Handler below a prefix", prefix, true, func(iss *issuer.Issuer) http.Handler {
		r := chi.NewRouter()
		r.Mount(prefix, http.StripPrefix(prefix, iss.Handler()))
		return r
	}},
	{"gin, Routes below a prefix", prefix, false, func(iss *issuer.Issuer) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		group := r.Group(prefix)
		for pattern, h := range iss.Routes() {
			method, path, _ := strings.Cut(pattern, " ")
			group.Handle(method, colons(path), gin.WrapH(h))
		}
		return r
	}},
	{"gin, Handler below a prefix", prefix, true, func(iss *issuer.Issuer) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		r.Any(prefix+"/*path", gin.WrapH(http.StripPrefix(prefix, iss.Handler())))
		return r
	}},
	{"echo, Routes below a prefix", prefix, false, func(iss *issuer.Issuer) http.Handler {
		e := echo.New()
		group := e.Group(prefix)
		for pattern, h := range iss.Routes() {
			method, path, _ := strings.Cut(pattern, " ")
			group.Add(method, colons(path), echo.WrapHandler(h))
		}
		return e
	}},
	{"gin, behind a wildcard of the same name", prefix, false, func(iss *issuer.Issuer) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		for pattern, h := range iss.Routes() {
			method, path, _ := strings.Cut(pattern, " ")
			r.Handle(method, prefix+colons(path), gin.WrapH(h))
		}
		mux := http.NewServeMux()
		mux.Handle("/{id}/", r)
		return mux
	}},
	{"echo, Handler below a prefix", prefix, true, func(iss *issuer.Issuer) http.Handler {
		e := echo.New()
		e.Any(prefix+"/*", echo.WrapHandler(http.StripPrefix(prefix, iss.Handler())))
		return e
	}},
}

// colons returns a path whose wildcards are those of gin and echo.
func colons(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// A visit is a request, and what is asked of its answer.
type visit struct {
	name, method, path, body string
	want                     int
}

// S0.3, S4.13: the calls work under each router, below any prefix, with what
// stands in their paths.
func TestRouters(t *testing.T) {
	for _, m := range mounts {
		t.Run(m.name, func(t *testing.T) {
			users := new(issuertest.Users)
			users.Add(issuer.User{ID: "ada", Email: "ada@example.com", Scopes: "*"}, "correct horse")
			tokens := issuer.Tokens{
				Issuer: "https://api.example", Audience: "https://api.example",
				SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
			}
			iss, err := issuer.New(issuer.Config{Tokens: &tokens, Users: users})
			require.NoError(t, err)
			h := m.serve(iss)
			token := ""
			send := func(method, path, body string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), method, m.prefix+path, strings.NewReader(body))
				if body != "" {
					r.Header.Set("Content-Type", "application/json")
				}
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				return rec
			}
			g, err := iss.StartSession(t.Context(), issuer.User{ID: "ada", Scopes: "*"}, "")
			require.NoError(t, err)
			other, err := iss.StartSession(t.Context(), issuer.User{ID: "ada", Scopes: "*"}, "")
			require.NoError(t, err)
			token = g.AccessToken

			rec := send(http.MethodPost, "/v1/api_keys", `{"name":"n","type":"secret"}`)
			require.Equal(t, http.StatusCreated, rec.Code, rec.Body)
			id := member(t, rec, "id")
			rec = send(http.MethodPost, "/v1/api_keys/"+id+"/rotate", "")
			require.Equal(t, http.StatusOK, rec.Code, rec.Body)
			assert.Equal(t, id, member(t, rec, "id"))
			secrets, _ := decoded(t, rec)["secrets"].([]any)
			require.Len(t, secrets, 2)
			old, _ := secrets[0].(map[string]any)["id"].(string)

			escaped := "%61" + id[1:]
			for _, v := range []visit{
				{"a key", http.MethodGet, "/v1/api_keys/" + id, "", http.StatusOK},
				{"a key, escaped", http.MethodGet, "/v1/api_keys/" + escaped, "", http.StatusOK},
				{"another key", http.MethodGet, "/v1/api_keys/ak_none", "", http.StatusNotFound},
				{"keys", http.MethodGet, "/v1/api_keys?limit=1", "", http.StatusOK},
				{"change", http.MethodPatch, "/v1/api_keys/" + id, `{"name":"m"}`, http.StatusOK},
				{"another's secret", http.MethodDelete, "/v1/api_keys/ak_none/secrets/" + old, "", http.StatusNotFound},
				{"an old secret", http.MethodDelete, "/v1/api_keys/" + id + "/secrets/" + old, "", http.StatusNoContent},
				{"revocation", http.MethodDelete, "/v1/api_keys/" + id + "?reason=over", "", http.StatusOK},
				{"sessions", http.MethodGet, "/auth/sessions", "", http.StatusOK},
				{"another's session", http.MethodDelete, "/auth/sessions/se_none", "", http.StatusNotFound},
				{"a session", http.MethodDelete, "/auth/sessions/" + other.SessionID, "", http.StatusNoContent},
				{"login", http.MethodPost, "/auth/login", `{"email":"ada@example.com","password":"correct horse"}`, http.StatusOK},
				{"key set", http.MethodGet, "/.well-known/jwks.json", "", http.StatusOK},
			} {
				rec := send(v.method, v.path, v.body)
				assert.Equal(t, v.want, rec.Code, "%s: %s", v.name, rec.Body)
				if v.want == http.StatusNotFound {
					assert.Equal(t, "not_found", refusal(t, rec, "code"), v.name)
				}
			}
			if m.isWhole {
				testUnknown(t, send)
			}
		})
	}
}

// testUnknown tests what is answered to unknown paths and to other methods.
func testUnknown(t *testing.T, send func(method, path, body string) *httptest.ResponseRecorder) {
	t.Helper()
	for _, row := range []struct {
		name, method, path string
		want               int
		allow, code        string
	}{
		{"unknown path", http.MethodGet, "/nowhere", http.StatusNotFound, "", "not_found"},
		{"below a path", http.MethodPost, "/auth/login/", http.StatusNotFound, "", "not_found"},
		{"another method", http.MethodGet, "/auth/login", http.StatusMethodNotAllowed, "POST", "method_not_allowed"},
		{"OPTIONS", http.MethodOptions, "/auth/login", http.StatusMethodNotAllowed, "POST", "method_not_allowed"},
		{"one of two", http.MethodPut, "/v1/api_keys", http.StatusMethodNotAllowed, "GET, HEAD, POST", "method_not_allowed"},
		{"with a name", http.MethodPost, "/v1/api_keys/x", http.StatusMethodNotAllowed, "DELETE, GET, HEAD, PATCH", "method_not_allowed"},
		{"with two", http.MethodGet, "/v1/api_keys/x/secrets/y", http.StatusMethodNotAllowed, "DELETE", "method_not_allowed"},
		{"of OAuth", http.MethodGet, "/oauth/token", http.StatusMethodNotAllowed, "POST", ""},
	} {
		rec := send(row.method, row.path, "")
		assert.Equal(t, row.want, rec.Code, row.name)
		assert.Equal(t, row.allow, rec.Header().Get("Allow"), row.name)
		assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"), row.name)
		assert.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"), row.name)
		assert.Equal(t, "application/json", rec.Header().Get("Content-Type"), row.name)
		if row.code != "" {
			assert.Equal(t, row.code, refusal(t, rec, "code"), row.name)
		} else {
			assert.Equal(t, "invalid_request", member(t, rec, "error"), row.name)
		}
	}
}

// decoded returns the members of an answer.
func decoded(t *testing.T, rec *httptest.ResponseRecorder) (members map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &members), rec.Body)
	return members
}

// member returns a member of an answer that is a text.
func member(t *testing.T, rec *httptest.ResponseRecorder, name string) string {
	t.Helper()
	text, _ := decoded(t, rec)[name].(string)
	return text
}

// refusal returns a member of the refusal in an answer.
func refusal(t *testing.T, rec *httptest.ResponseRecorder, name string) string {
	t.Helper()
	e, _ := decoded(t, rec)["error"].(map[string]any)
	text, _ := e[name].(string)
	return text
}
