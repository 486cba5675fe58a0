package adaptertest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// routeAnswers are the answers of the application of [Middlewares].
var routeAnswers = []struct {
	name, method, path, credential string
	status                         int
	body                           string // "" for a refusal
}{
	{"outside the group", "GET", "/open", "", 200, "open"},
	{"group without a credential", "GET", "/v1/tokens/7", "", 401, ""},
	{"group and route", "GET", "/v1/tokens/7", "reader", 200, "reader 7"},
	{"route wants more than the group", "POST", "/v1/tokens/7", "reader", 403, ""},
	{"all scopes", "POST", "/v1/tokens/7", "full", 200, "full 7"},
	{"a token", "GET", "/v1/tokens/7", "token", 403, ""},
	{"one of two scopes", "GET", "/v1/either/7", "reader", 200, "reader 7"},
	{"one of no scopes", "GET", "/v1/none/7", "full", 403, ""},
	{"resource read", "GET", "/v1/things/7", "reader", 200, "reader 7"},
	{"resource written by a reader", "POST", "/v1/things/7", "reader", 403, ""},
	{"resource written", "POST", "/v1/things/7", "full", 200, "full 7"},
	{"S4.2 publishable key reads", "GET", "/v1/things/7", "publishable", 200, "publishable 7"},
	{"S4.2 publishable key writes", "DELETE", "/v1/things/7", "publishable", 403, ""},
	{"nested group lacks the scope", "GET", "/v1/group/7", "reader", 403, ""},
	{"nested group", "GET", "/v1/group/7", "full", 200, "full 7"},
	{"other nested group lacks the scope", "GET", "/v1/admin/7", "reader", 403, ""},
	{"other nested group", "GET", "/v1/admin/7", "full", 200, "full 7"},
	{"route alone without a credential", "GET", "/alone/7", "", 401, ""},
	{"route alone", "GET", "/alone/7", "reader", 200, "reader 7"},
	{"no guard refuses", "GET", "/broken/7", "full", 503, ""},
}

// Middlewares tests guards of groups and of routes. The application answers
// with the principal's ID and the route's parameter, on
//
//	GET  /open             nothing required, answers "open"
//	     /v1               a group behind Handler
//	GET  /v1/tokens/{id}   tokens:read
//	POST /v1/tokens/{id}   tokens:read, tokens:write
//	GET  /v1/either/{id}   any of wallets:read and tokens:read
//	GET  /v1/none/{id}     any of no scopes
//	     /v1/things/{id}   the resource tokens
//	GET  /v1/group/{id}    in a group that requires admin:read
//	GET  /v1/admin/{id}    in another, made in another way
//	GET  /alone/{id}       tokens:read, without a group
//	GET  /broken/{id}      Handler of a nil guard
func Middlewares(t *testing.T, newApp func(*bearer.Guard) http.Handler) {
	t.Helper()
	var keys bearertest.Keys
	var tokens bearertest.Tokens
	g, err := bearer.New(bearer.Config{Keys: &keys, JWT: []bearer.JWT{tokens.JWT()}})
	if err != nil {
		t.Fatal(err)
	}
	app := newApp(g)
	credentials := map[string]string{
		"full":        keys.Issue(bearer.Key{ID: "full", Scopes: bearer.FullAccess}),
		"reader":      keys.Issue(bearer.Key{ID: "reader", Scopes: "tokens:read"}),
		"publishable": keys.Issue(bearer.Key{ID: "publishable", Kind: bearer.PublishableKey, Scopes: bearer.FullAccess}),
		"token":       tokens.Token("user_1", ""),
	}
	for _, c := range routeAnswers {
		t.Run(c.name, func(t *testing.T) {
			answer := Send(app, c.method, c.path, credentials[c.credential])
			equal(t, "status", c.status, answer.Code)
			if c.body != "" {
				equal(t, "body", c.body, answer.Body.String())
			} else {
				equal(t, "Cache-Control", "no-store", answer.Header().Get("Cache-Control"))
			}
		})
	}
}

// Expecting returns a function that tests the answer of an application: its
// status, and what its body holds. One of status 405 has the field Allow.
func Expecting(t *testing.T, allow string) func(
	name string, app http.Handler, method, path, credential string, status int, body string,
) {
	t.Helper()
	return func(name string, app http.Handler, method, path, credential string, status int, body string) {
		t.Run(name, func(t *testing.T) {
			answer := Send(app, method, path, credential)
			equal(t, "status", status, answer.Code)
			if got := answer.Body.String(); !strings.Contains(got, body) {
				t.Errorf("body: got %q, want one with %q", got, body)
			}
			if status == http.StatusMethodNotAllowed {
				equal(t, "Allow", allow, answer.Header().Get("Allow"))
			}
		})
	}
}

// Route tests what route the guard of an application sees at a path: when it
// decides, and when it observes.
func Route(t *testing.T, path, early, want string, newApp func(*bearer.Guard) http.Handler) {
	t.Helper()
	accessed, observed := "unknown", "unknown"
	g, key := NewGuard(t, bearer.Config{
		Access: func(r *http.Request) bearer.Access {
			accessed = bearer.Route(r)
			return bearer.Read
		},
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	Send(newApp(g), http.MethodGet, path, key)
	equal(t, "route in Access", early, accessed)
	equal(t, "route in Observe", want, observed)
}
