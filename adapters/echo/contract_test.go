package bearerecho_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/blockauth/bearer/bearertest"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
	"github.com/stretchr/testify/assert"
)

func TestContract(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := newApp()
		app.Any("/*", echo.WrapHandler(bearertest.Handler), bearerecho.Require(g, scopes...))
		return app
	}))
}

// The same in front of an application's own handler, behind echo's recovery.
func TestContractOfAnApplication(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := newApp()
		app.Use(middleware.Recover())
		app.GET("/", func(c *echo.Context) error {
			return c.String(http.StatusOK, bearerecho.Principal(c).ID)
		}, bearerecho.Require(g, scopes...))
		return app
	}))
}
