// Package bearergin puts a [bearer.Guard] in front of the handlers of a gin
// application:
//
//	v1 := app.Group("/v1", bearergin.Handler(guard))
//	v1.GET("/tokens", bearergin.Require(guard, "tokens:read"), list)
//
// It translates and decides nothing: the answers are those of the guard under
// net/http. Refusals abort the chain. A handler finds the principal by
// [Principal]; functions of the guard's config find the route, such as
// "/v1/tokens/:id", by [bearer.Route].
package bearergin

import (
	"net/http"

	"github.com/blockauth/bearer"
	"github.com/gin-gonic/gin"
)

// Handler is [bearer.Guard.Handler] for an engine or a group: it lets a
// request through if its credential is good.
func Handler(g *bearer.Guard) gin.HandlerFunc {
	return adapt(g.Require())
}

// Require is [bearer.Guard.Require]: it lets a request through if its
// credential is good and holds all of the scopes.
func Require(g *bearer.Guard, scopes ...bearer.Scope) gin.HandlerFunc {
	return adapt(g.Require(scopes...))
}

// RequireAny is [bearer.Guard.RequireAny]: one of the scopes is enough. With
// none, it refuses everything.
func RequireAny(g *bearer.Guard, scopes ...bearer.Scope) gin.HandlerFunc {
	return adapt(g.RequireAny(scopes...))
}

// Resource is [bearer.Guard.Resource]: it requires name:read if the request
// reads, and name:write if it writes.
func Resource(g *bearer.Guard, name string) gin.HandlerFunc {
	return adapt(g.Resource(name))
}

// Principal returns who the request comes from, or nil if no guard let it
// through, or an optional one did without a credential.
func Principal(c *gin.Context) *bearer.Principal {
	return bearer.FromContext(c.Request.Context())
}

// adapt runs what follows in the chain as the guard's next handler.
func adapt(guarded func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if route := c.FullPath(); route != "" {
			c.Request.Pattern = route
		}
		n := next{c: c}
		// Deferred: if a part of the guard panics, and a recovery catches
		// that but does not abort, gin would go on to the handlers.
		defer n.abort()
		guarded(&n).ServeHTTP(c.Writer, c.Request)
		if !n.passed {
			// As net/http does: a refusal without a body is final too, where gin
			// would let a handler or a middleware still change its status.
			c.Writer.WriteHeaderNow()
		}
	}
}

// next is the rest of the chain of one request.
type next struct {
	c      *gin.Context
	passed bool
}

func (n *next) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	n.passed = true
	n.c.Request = r
	n.c.Next()
}

func (n *next) abort() {
	if !n.passed {
		n.c.Abort()
	}
}
