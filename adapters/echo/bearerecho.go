// Package bearerecho puts a [bearer.Guard] in front of the handlers of an
// application of echo v5:
//
//	v1 := app.Group("/v1", bearerecho.Handler(guard))
//	v1.GET("/tokens", list, bearerecho.Require(guard, "tokens:read"))
//
// It translates and decides nothing: the answers are those of the guard under
// net/http. A refusal is a complete answer, which ends the chain without an
// error. A handler finds the principal by [Principal]; functions of the guard's
// config find the route, such as "/v1/tokens/:id", by [bearer.Route].
//
// An application of echo v4 needs no adapter; only the route is not known to
// the guard there:
//
//	v1.GET("/tokens", list, echo.WrapMiddleware(guard.Require("tokens:read")))
package bearerecho

import (
	"net/http"

	"github.com/blockauth/bearer"
	"github.com/labstack/echo/v5"
)

// Handler is [bearer.Guard.Handler] for an application or a group: it lets a
// request through if its credential is good.
func Handler(g *bearer.Guard) echo.MiddlewareFunc {
	return adapt(g.Require())
}

// Require is [bearer.Guard.Require]: it lets a request through if its
// credential is good and holds all of the scopes.
func Require(g *bearer.Guard, scopes ...bearer.Scope) echo.MiddlewareFunc {
	return adapt(g.Require(scopes...))
}

// RequireAny is [bearer.Guard.RequireAny]: one of the scopes is enough. With
// none, it refuses everything.
func RequireAny(g *bearer.Guard, scopes ...bearer.Scope) echo.MiddlewareFunc {
	return adapt(g.RequireAny(scopes...))
}

// Resource is [bearer.Guard.Resource]: it requires name:read if the request
// reads, and name:write if it writes.
func Resource(g *bearer.Guard, name string) echo.MiddlewareFunc {
	return adapt(g.Resource(name))
}

// Principal returns who the request comes from, or nil if no guard let it
// through, or an optional one did without a credential.
func Principal(c *echo.Context) *bearer.Principal {
	return bearer.FromContext(c.Request().Context())
}

// adapt runs what follows in the chain as the guard's next handler.
func adapt(guarded func(http.Handler) http.Handler) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			setRoute(c, c.Request())
			n := rest{c: c, next: next}
			guarded(&n).ServeHTTP(c.Response(), c.Request())
			return n.err
		}
	}
}

// rest is the rest of the chain of one request, and its error.
type rest struct {
	c    *echo.Context
	next echo.HandlerFunc
	err  error
}

func (n *rest) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	n.c.SetRequest(r)
	defer setRoute(n.c, r) // behind Pre, echo has found it only now
	n.err = n.next(n.c)
}

func setRoute(c *echo.Context, r *http.Request) {
	if route := c.Path(); route != "" {
		r.Pattern = route
	}
}
