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
package bearerchi

import (
	"cmp"
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

// Resource is [bearer.Guard.Resource]: it requires name:read where the request
// reads, and name:write where it writes.
func Resource(g *bearer.Guard, name string) func(http.Handler) http.Handler {
	return adapt(g.Resource(name))
}

// adapt tells the guard the route.
func adapt(guarded func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		h := guarded(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if route := routeOf(r); route != "" {
				r.Pattern = route
			}
			h.ServeHTTP(w, r)
		})
	}
}

// routeOf returns the route that chi has matched or, behind a Use, where it has
// matched a part of it or nothing yet, the one that it will.
func routeOf(r *http.Request) string {
	c := chi.RouteContext(r.Context())
	route := c.RoutePattern()
	if c == nil || c.Routes == nil || route != "" && !strings.HasSuffix(route, "*") {
		return route
	}
	method, path := cmp.Or(c.RouteMethod, r.Method), cmp.Or(r.URL.RawPath, r.URL.Path)
	if route == "" {
		path = cmp.Or(c.RoutePath, path) // as StripSlashes and CleanPath rewrite it
	}
	return cmp.Or(c.Routes.Find(chi.NewRouteContext(), method, path), route)
}
