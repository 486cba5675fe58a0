package bearergin_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/bearertest"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

func TestContract(t *testing.T) {
	err := bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := gin.New()
		app.Any("/*path", bearergin.Require(g, scopes...), gin.WrapH(bearertest.Handler))
		return app
	})
	assert.NoError(t, err)
}

// requireScopes is an adapter of one's own: docs/testing.md shows it.
func requireScopes(g *bearer.Guard, scopes ...bearer.Scope) gin.HandlerFunc {
	guarded := g.Require(scopes...)
	return func(c *gin.Context) {
		ok := false
		defer func() {
			if !ok { // also where a part of the guard panics
				c.Abort()
			}
		}()
		guarded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ok = true
			c.Request = r
		})).ServeHTTP(c.Writer, c.Request)
	}
}

func TestRequireScopes(t *testing.T) {
	err := bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		gin.SetMode(gin.TestMode)
		app := gin.New()
		app.Any("/*path", requireScopes(g, scopes...), gin.WrapH(bearertest.Handler))
		return app
	})
	assert.NoError(t, err)
}
