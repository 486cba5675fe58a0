package bearertest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
)

// requiring requires other scopes than it is given.
func requiring(change func([]bearer.Scope) []bearer.Scope) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		return g.Require(change(slices.Clone(scopes))...)(next)
	}
}

// splitting joins the scopes, and splits them again.
func splitting(separator string) adapter {
	return requiring(func(scopes []bearer.Scope) []bearer.Scope {
		var split []bearer.Scope
		for _, scope := range scopes {
			for part := range strings.SplitSeq(string(scope), separator) {
				split = append(split, bearer.Scope(part))
			}
		}
		return slices.DeleteFunc(split, func(scope bearer.Scope) bool { return scope == "" })
	})
}

// scopedIf requires the scopes for some requests, and of others a good
// credential.
func scopedIf(such func(*http.Request) bool) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		scoped, open := g.Require(scopes...)(next), g.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if such(r) {
				scoped.ServeHTTP(w, r)
				return
			}
			open.ServeHTTP(w, r)
		})
	}
}

// scopedFor requires the scopes of one kind of credential.
func scopedFor(such func(*bearer.Principal) bool) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		scoped := g.Require(scopes...)(next)
		return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p := bearer.FromContext(r.Context()); p == nil || such(p) {
				scoped.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}
}

func TestAdaptersThatRequireOtherScopes(t *testing.T) {
	t.Parallel()
	const exactly = "the guard requires exactly the scopes that wrap was given"
	most := func(n int) adapter {
		return requiring(func(scopes []bearer.Scope) []bearer.Scope { return scopes[:min(n, len(scopes))] })
	}
	assertBrokenAdapters(t, []adapterTest{
		{"requires three scopes", most(3), "a route that requires 4 scopes"},
		{"requires eight scopes", most(8), "a route that requires 9 scopes"},
		{"requires sixteen scopes", most(16), "a route that requires 17 scopes"},
		{"requires the last of the scopes", requiring(func(scopes []bearer.Scope) []bearer.Scope {
			return scopes[max(0, len(scopes)-4):]
		}), "a route that requires 5 scopes"},
		{"folds the scopes", requiring(func(scopes []bearer.Scope) []bearer.Scope {
			for i, scope := range scopes {
				scopes[i] = bearer.Scope(strings.ToLower(string(scope)))
			}
			return scopes
		}), exactly},
		{"sorts the scopes", requiring(func(scopes []bearer.Scope) []bearer.Scope {
			slices.Sort(scopes)
			return scopes
		}), "Www-Authenticate: got "},
		{"requires no wildcards", requiring(func(scopes []bearer.Scope) []bearer.Scope {
			return slices.DeleteFunc(scopes, func(scope bearer.Scope) bool { return strings.HasSuffix(string(scope), "*") })
		}), exactly},
		{"splits the scopes at commas", splitting(","), exactly},
		{"takes read for Resource", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if len(scopes) == 1 {
				if name, ok := strings.CutSuffix(string(scopes[0]), ":read"); ok {
					return g.Resource(name)(next)
				}
			}
			return g.Require(scopes...)(next)
		}, "a route that requires a scope, for POST /v1/things as reader"},
		{"requires scopes of keys", scopedFor(func(p *bearer.Principal) bool { return p.Kind != bearer.Token }), " as token"},
		{"requires scopes of secret keys", scopedFor(func(p *bearer.Principal) bool { return p.Kind != bearer.PublishableKey }),
			" as publishable reader"},
		{"requires no scopes of OPTIONS", scopedIf(func(r *http.Request) bool { return r.Method != http.MethodOptions }), "for OPTIONS /"},
		{"requires no scopes of files", scopedIf(func(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/static") }),
			"GET /static"},
		{"requires no scopes of WebSockets", scopedIf(func(r *http.Request) bool { return r.Header.Get("Upgrade") == "" }), exactly},
		{"requires no scopes of what is internal", scopedIf(func(r *http.Request) bool { return r.Header.Get("X-Internal") == "" }),
			"X-Internal: "},
	})
}
