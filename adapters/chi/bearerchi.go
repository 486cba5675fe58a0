// Package bearerchi puts a [bearer.Guard] in front of the handlers of a chi
// application:
//
//	app.Route("/v1", func(v1 chi.Router) {
//		v1.Use(bearerchi.Handler(guard))
//		v1.With(bearerchi.Require(guard, "tokens:read")).Get("/tokens", list)
//	})
//
// It translates and decides nothing: chi's middlewares are those of net/http,
// and so are the answers. A handler finds the principal by
// [bearer.FromContext]; functions of the guard's config find the route, such
// as "/v1/tokens/{id}", by [bearer.Route].
//
// Of the route they find what chi has matched by then: behind With and Group
// all of it, behind the Use of a subrouter the part that led there, "/v1/*",
// and behind the Use of the outermost router nothing. The adapter does not
// know what chi will match later: set no Access that trusts a route there.
package bearerchi

import (
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/go-chi/chi/v5"
)

// Handler is [bearer.Guard.Handler] for a router: it lets a request through if
// its credential is good.
func Handler(g *bearer.Guard) func(http.Handler) http.Handler {
	return adapt(g.Require())
}

// Require is [bearer.Guard.Require]: it lets a request through if its
// credential is good and holds all of the scopes.
func Require(g *bearer.Guard, scopes ...bearer.Scope) func(http.Handler) http.Handler {
	return adapt(g.Require(scopes...))
}

// RequireAny is [bearer.Guard.RequireAny]: one of the scopes is enough. With
// none, it refuses everything.
func RequireAny(g *bearer.Guard, scopes ...bearer.Scope) func(http.Handler) http.Handler {
	return adapt(g.RequireAny(scopes...))
}

// Resource is [bearer.Guard.Resource]: it requires name:read if the request
// reads, and name:write if it writes.
func Resource(g *bearer.Guard, name string) func(http.Handler) http.Handler {
	return adapt(g.Resource(name))
}

// adapt tells the guard the route: before the handlers as far as chi has found
// it, which is "" or ends in "*" behind Use, and after them the whole of it. A chi
// that routes sets it itself, but not on a request that was made with the context
// of another.
func adapt(guarded func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		h := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer setRoute(r)
			next.ServeHTTP(w, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			setRoute(r)
			h.ServeHTTP(w, r)
		})
	}
}

func setRoute(r *http.Request) {
	if r.Pattern == "" || strings.HasSuffix(r.Pattern, "*") {
		r.Pattern = chi.RouteContext(r.Context()).RoutePattern()
	}
}
