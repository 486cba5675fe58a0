package bearerecho_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/blockauth/bearer/bearertest"
	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
)

func TestContract(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := newApp()
		app.Any("/*", echo.WrapHandler(bearertest.Handler), bearerecho.Require(g, scopes...))
		return app
	}))
}
