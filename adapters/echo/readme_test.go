package bearerecho_test

import (
	"log"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/labstack/echo/v5"
)

// docs/routers.md shows this application. It is compiled, not run: it never
// ends.
var _ = func(addr string, guard *bearer.Guard, show, wallets echo.HandlerFunc) {
	e := echo.New()
	v1 := e.Group("/v1", bearerecho.Handler(guard))
	v1.GET("/tokens/:id", show, bearerecho.Require(guard, "tokens:read"))
	v1.Any("/wallets", wallets, bearerecho.Resource(guard, "wallets"))
	log.Fatal(e.Start(addr))
}

// The README's table shows this line.
var _ = func(e *echo.Echo, guard *bearer.Guard, list echo.HandlerFunc) {
	e.GET("/v1/tokens", list, bearerecho.Require(guard, "tokens:read"))
}
