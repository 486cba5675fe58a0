// Package echo4 proves that echo v4 needs no adapter: echo.WrapMiddleware is one.
package echo4_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README's table shows this line.
var _ = func(e *echo.Echo, guard *bearer.Guard, list echo.HandlerFunc) {
	e.GET("/v1/tokens", list, echo.WrapMiddleware(guard.Require("tokens:read")))
}

func TestContract(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := echo.New()
		app.Any("/*", echo.WrapHandler(bearertest.Handler), echo.WrapMiddleware(g.Require(scopes...)))
		return app
	}))
}

func TestAnswers(t *testing.T) {
	route := "unknown"
	var keys bearertest.Keys
	guard, err := bearer.New(bearer.Config{
		Keys:    &keys,
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { route = bearer.Route(r) },
	})
	require.NoError(t, err)
	key := keys.Issue(bearer.Key{ID: "reader", Scopes: "tokens:read"})
	app := echo.New()
	var failed []error
	app.HTTPErrorHandler = func(err error, c echo.Context) {
		failed = append(failed, err)
		app.DefaultHTTPErrorHandler(err, c)
	}
	v1 := app.Group("/v1", echo.WrapMiddleware(guard.Handler))
	show := func(c echo.Context) error {
		return c.String(http.StatusOK, bearer.FromContext(c.Request().Context()).ID+" "+c.Param("id"))
	}
	v1.GET("/tokens/:id", show, echo.WrapMiddleware(guard.Require("tokens:read")))
	v1.GET("/wallets/:id", show, echo.WrapMiddleware(guard.Require("wallets:read")))
	broken := echo.NewHTTPError(http.StatusTeapot, "broken")
	v1.GET("/broken", func(echo.Context) error { return broken })

	tests := []struct {
		name, path, credential string
		status                 int
		body                   string // what the body holds
		failed                 []error
	}{
		{"accepted", "/v1/tokens/7", key, 200, "reader 7", nil},
		{"refused", "/v1/tokens/7", "", 401, "missing_credentials", nil},
		{"refused by the route", "/v1/wallets/7", key, 403, "scope_insufficient", nil},
		{"an error of the handler", "/v1/broken", key, 418, "broken", []error{broken}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failed = nil
			answer := httptest.NewRecorder()
			app.ServeHTTP(answer, bearertest.Request("GET", tt.path, tt.credential))
			assert.Equal(t, tt.status, answer.Code)
			assert.Contains(t, answer.Body.String(), tt.body)
			assert.Equal(t, tt.failed, failed)
			assert.Empty(t, route)
		})
	}
}
