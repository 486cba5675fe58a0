// Package echojwt has the guide from echo-jwt.
package echojwt_test

import (
	"net/http"
	"slices"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v5"
	"github.com/labstack/echo/v5"
)

type claims struct {
	jwt.RegisteredClaims
	Tenant string   `json:"tenant"`
	Roles  []string `json:"roles"`
}

func before(secret []byte) http.Handler {
	app := echo.New()
	v1 := app.Group("/v1", echojwt.WithConfig(echojwt.Config{
		SigningKey:    secret,
		NewClaimsFunc: func(*echo.Context) jwt.Claims { return new(claims) },
		TokenLookup:   "header:Authorization:Bearer ,cookie:token",
	}))
	v1.GET("/wallets", func(c *echo.Context) error {
		of := c.Get("user").(*jwt.Token).Claims.(*claims)
		return c.String(http.StatusOK, "wallets of "+of.Tenant)
	})
	v1.POST("/wallets", func(c *echo.Context) error {
		of := c.Get("user").(*jwt.Token).Claims.(*claims)
		if !slices.Contains(of.Roles, "wallets:write") {
			return echo.ErrForbidden
		}
		return c.String(http.StatusOK, "a wallet of "+of.Tenant)
	})
	return app
}
