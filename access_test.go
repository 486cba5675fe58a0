package bearer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
)

// A server passes methods on as they are, in any case.
var (
	readMethods  = []string{"GET", "HEAD", "OPTIONS"}
	writeMethods = []string{
		"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "QUERY",
		"get", "Get", "head", "options", "GET ", "",
	}
	overrides = []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}
)

func withMethod(method, path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Method, r.URL = method, &url.URL{Path: path}
	return r
}

func TestMethodAccess(t *testing.T) {
	for _, method := range readMethods {
		assert.Equal(t, bearer.Read, bearer.MethodAccess(withMethod(method, "/")), "%q", method)
		for _, name := range overrides {
			for _, value := range []string{"DELETE", "GET", ""} {
				r := withMethod(method, "/")
				r.Header.Set(name, value)
				assert.Equal(t, bearer.Write, bearer.MethodAccess(r), "%s with %s: %s", method, name, value)
			}
		}
	}
	for _, method := range writeMethods {
		assert.Equal(t, bearer.Write, bearer.MethodAccess(withMethod(method, "/")), "%q", method)
	}
}

func TestReadRoutes(t *testing.T) {
	access := bearer.ReadRoutes("POST /v1/search", "POST /v1/reports/", "PUT /v1/{kind}/preview", "POST api.example/rpc")
	for _, row := range []struct {
		name   string
		method string
		path   string
		want   bearer.Access
	}{
		{"a pattern", "POST", "/v1/search", bearer.Read},
		{"another method", "PUT", "/v1/search", bearer.Write},
		{"the method in lower case", "post", "/v1/search", bearer.Write},
		{"another path", "POST", "/v1/tokens", bearer.Write},
		{"a longer path", "POST", "/v1/search/x", bearer.Write},
		{"a subtree", "POST", "/v1/reports/7", bearer.Read},
		{"a wildcard", "PUT", "/v1/nfts/preview", bearer.Read},
		{"reading is reading", "GET", "/v1/tokens", bearer.Read},
		{"reading at a pattern", "GET", "/v1/search", bearer.Read},
		{"another host", "POST", "/rpc", bearer.Write},
		{"redirect to a subtree", "POST", "/v1/reports", bearer.Write},
		{"redirect of a double slash", "POST", "/v1//search", bearer.Write},
		{"redirect of dots", "POST", "/v1/tokens/../search", bearer.Write},
		{"redirect of a dot", "POST", "/v1/./search", bearer.Write},
		{"CONNECT", "CONNECT", "/v1/search", bearer.Write},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, access(withMethod(row.method, row.path)))
			for _, name := range overrides {
				r := withMethod(row.method, row.path)
				r.Header.Set(name, "DELETE")
				assert.Equal(t, bearer.Write, access(r), "with %s", name)
			}
		})
	}
	r := withMethod("POST", "/rpc")
	r.Host = "api.example"
	assert.Equal(t, bearer.Read, access(r), "the host of the pattern")
	assert.Equal(t, bearer.Write, bearer.ReadRoutes()(withMethod("POST", "/v1/search")), "no patterns")
}

// A router that decodes the path sees another route than ServeMux does.
func TestReadRoutesOfEncodedPaths(t *testing.T) {
	access := bearer.ReadRoutes("POST /v1/search/{index}", "POST /v2/{index}/find", "/v1/all/")
	tests := []struct {
		name, method, target string
		want                 bearer.Access
	}{
		{"plain", "POST", "/v1/search/products", bearer.Read},
		{"encoded slash", "POST", "/v1/search/products%2Fdocuments", bearer.Write},
		{"encoded letter", "POST", "/v2/products/f%69nd", bearer.Write},
		{"GET with an encoded slash", "GET", "/v1/search/a%2Fb", bearer.Read},
		{"CONNECT is not cleaned", "CONNECT", "/v1/all/../keys", bearer.Write},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, tc.target, nil)
			r.Method = tc.method
			assert.Equal(t, tc.want, access(r))
		})
	}
}

func TestReadRoutesPanicsAtStartUp(t *testing.T) {
	for _, row := range []struct {
		name     string
		patterns []string
	}{
		{"empty", []string{""}},
		{"no path", []string{"POST"}},
		{"open wildcard", []string{"/v1/{id"}},
		{"twice", []string{"POST /v1/search", "POST /v1/search"}},
		{"conflict", []string{"/v1/{a}/x", "/v1/x/{b}"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Panics(t, func() { bearer.ReadRoutes(row.patterns...) })
		})
	}
}

func TestAccessString(t *testing.T) {
	assert.Equal(t, "read", bearer.Read.String())
	assert.Equal(t, "write", bearer.Write.String())
	assert.Equal(t, "Access(0)", bearer.Access(0).String())
}

func TestRoute(t *testing.T) {
	var route string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tokens/{id}", func(_ http.ResponseWriter, r *http.Request) { route = bearer.Route(r) })
	serve(mux, request(http.MethodGet, "/v1/tokens/7", ""))
	assert.Equal(t, "GET /v1/tokens/{id}", route)
	assert.Empty(t, bearer.Route(request(http.MethodGet, "/v1/tokens/7", "")), "in front of the router")
}

// S4.1, S4.2: every kind and environment of key with every method.
func TestKeyKindsAndMethods(t *testing.T) {
	for _, env := range []bearer.Environment{bearer.Test, bearer.Live} {
		for _, kind := range []bearer.Kind{bearer.SecretKey, bearer.PublishableKey} {
			for _, scopes := range []bearer.Scopes{bearer.FullAccess, "tokens:read tokens:write", "tokens:*", ""} {
				text, key := newKey(kind, env, scoped(scopes))
				h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
				for _, method := range append(readMethods, writeMethods...) {
					want := "passed"
					if kind == bearer.PublishableKey && bearer.MethodAccess(withMethod(method, "/")) == bearer.Write {
						want = "403 secret_key_required"
					}
					r := request(http.MethodGet, "/v1/tokens", text)
					r.Method = method
					assert.Equal(t, want, verdict(serve(h, r)), "%v %v with %q: %q", kind, env, scopes, method)
				}
			}
		}
	}
}

func TestPublishableKeyNeverWrites(t *testing.T) {
	text, key := newKey(bearer.PublishableKey, bearer.Live, scoped("tokens:read tokens:write *"))
	a := newAuthority()
	token := a.token(t, map[string]any{"scope": "tokens:read tokens:write *", "read_only": true})
	config := bearer.Config{Keys: bearer.NewMemoryStore(key), JWT: []bearer.JWT{a.config()}}
	guard := newGuard(t, config)
	config.Access = func(*http.Request) bearer.Access { return 0 }
	zero := newGuard(t, config)
	config.Access = bearer.ReadRoutes("POST /v1/search")
	search := newGuard(t, config)
	config.Access = func(*http.Request) bearer.Access { return bearer.Read }
	reads := newGuard(t, config)
	override := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, "DELETE") }
	}
	for _, row := range []struct {
		name   string
		h      http.Handler
		method string
		path   string
		change func(*http.Request)
		want   string
	}{
		{"S4.2 read", guard.Require("tokens:read")(pass), "GET", "/v1/tokens", nil, "passed"},
		{"S4.2 write", guard.Require("tokens:read")(pass), "POST", "/v1/tokens", nil, "403 secret_key_required"},
		{"S4.2 a write scope on a read", guard.Require("tokens:write")(pass), "GET", "/v1/tokens", nil, "403 scope_insufficient"},
		{"S4.2 one of them is held", guard.RequireAny("tokens:write", "tokens:read")(pass), "GET", "/v1/tokens", nil, "passed"},
		{"S4.2 none of them is held", guard.RequireAny("tokens:write", "nfts:write")(pass), "GET", "/v1/tokens", nil, "403 scope_insufficient"},
		{"S4.2 resource, read", guard.Resource("tokens")(pass), "GET", "/v1/tokens", nil, "passed"},
		{"S4.2 resource, write", guard.Resource("tokens")(pass), "PATCH", "/v1/tokens", nil, "403 secret_key_required"},
		{"access before scopes", guard.Require("tokens:write")(pass), "POST", "/v1/tokens", nil, "403 secret_key_required"},
		{"override", guard.Handler(pass), "GET", "/v1/tokens", func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "GET") }, "403 secret_key_required"},
		{"zero access is a write", zero.Handler(pass), "GET", "/v1/tokens", nil, "403 secret_key_required"},
		{"a route that reads", search.Handler(pass), "POST", "/v1/search", nil, "passed"},
		{"a route that reads, overridden", search.Handler(pass), "POST", "/v1/search", func(r *http.Request) { r.Header.Set("X-Method-Override", "") }, "403 secret_key_required"},
		{"a route that redirects", search.Handler(pass), "POST", "/v1//search", nil, "403 secret_key_required"},
		{"an Access of the application's", reads.Handler(pass), "GET", "/v1/tokens", nil, "passed"},
		{"X-HTTP-Method-Override, whatever Access says", reads.Handler(pass), "GET", "/v1/tokens", override("X-HTTP-Method-Override"), "403 secret_key_required"},
		{"X-HTTP-Method, whatever Access says", reads.Handler(pass), "GET", "/v1/tokens", override("X-HTTP-Method"), "403 secret_key_required"},
		{"X-Method-Override, whatever Access says", reads.Resource("tokens")(pass), "GET", "/v1/tokens", override("X-Method-Override"), "403 secret_key_required"},
		{"a resource route that reads", search.Resource("tokens")(pass), "POST", "/v1/search", nil, "passed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for kind, credential := range map[string]string{"key": text, "read-only JWT": token} {
				r := request(row.method, row.path, credential)
				if row.change != nil {
					row.change(r)
				}
				assert.Equal(t, row.want, verdict(serve(row.h, r)), kind)
			}
		})
	}
}

// S4.3: what a guard demands, and what a key is.
func TestGuardEnvironmentAndKind(t *testing.T) {
	for _, demanded := range []bearer.Environment{0, bearer.Test, bearer.Live} {
		for _, secretOnly := range []bool{false, true} {
			for _, env := range []bearer.Environment{bearer.Test, bearer.Live} {
				for _, kind := range []bearer.Kind{bearer.SecretKey, bearer.PublishableKey} {
					text, key := newKey(kind, env)
					h := newGuard(t, bearer.Config{
						Keys: bearer.NewMemoryStore(key), Environment: demanded, SecretOnly: secretOnly,
					}).Handler(pass)
					want := "passed"
					switch {
					case secretOnly && kind == bearer.PublishableKey:
						want = "403 secret_key_required"
					case demanded != 0 && demanded != env:
						want = "403 environment_mismatch"
					}
					assert.Equal(t, want, verdict(get(h, text)), "%v %v at %v, secret only: %t", env, kind, demanded, secretOnly)
				}
			}
		}
	}
}

func TestGuardEnvironmentOfTokens(t *testing.T) {
	a := newAuthority()
	for _, row := range []struct {
		name     string
		demanded bearer.Environment
		env      any
		want     string
	}{
		{"S4.3 any, none", 0, nil, "passed"},
		{"S4.3 any, test", 0, "test", "passed"},
		{"S4.3 live, live", bearer.Live, "live", "passed"},
		{"S4.3 live, test", bearer.Live, "test", "403 environment_mismatch"},
		{"S4.3 live, none", bearer.Live, nil, "403 environment_mismatch"},
		{"S4.3 live, another spelling", bearer.Live, "LIVE", "403 environment_mismatch"},
		{"S4.3 test, a number", bearer.Test, 1, "403 environment_mismatch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			claims := map[string]any{}
			if row.env != nil {
				claims["env"] = row.env
			}
			h := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}, Environment: row.demanded}).Handler(pass)
			assert.Equal(t, row.want, verdict(get(h, a.token(t, claims))))
		})
	}
}

func TestSecretOnlyTokens(t *testing.T) {
	a := newAuthority()
	h := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}, SecretOnly: true}).Handler(pass)
	assert.Equal(t, "passed", verdict(get(h, a.token(t, nil))))
	assert.Equal(t, "passed", verdict(get(h, a.token(t, map[string]any{"read_only": false}))))
	assert.Equal(t, "403 secret_key_required", verdict(get(h, a.token(t, map[string]any{"read_only": true}))))
	assert.Equal(t, "403 secret_key_required", verdict(get(h, a.token(t, map[string]any{"read_only": "no"}))))
}

// A request without a URL, which only a program can make, writes.
func TestReadRoutesWithoutURL(t *testing.T) {
	access := bearer.ReadRoutes("GET /", "POST /v1/search")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		assert.Equal(t, bearer.Write, access(&http.Request{Method: method}), method)
	}
}

func TestReadRoutesPanics(t *testing.T) {
	for _, patterns := range [][]string{{"POST v1"}, {""}, {"/a/{x}", "/a/{y}"}} {
		assert.Panics(t, func() { bearer.ReadRoutes(patterns...) }, "%q", patterns)
	}
	defer func() { assert.Contains(t, recover(), "bearer: ReadRoutes: ") }()
	bearer.ReadRoutes("POST v1")
}
