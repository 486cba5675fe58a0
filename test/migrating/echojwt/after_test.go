package echojwt_test

import (
	"net/http"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v5"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
)

func after(secret []byte) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example", // what the tokens have in iss
		Audiences:  []string{"https://api.example"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		OwnerClaim: "tenant",
		ScopeClaim: "roles",
	}}})
	if err != nil {
		return nil, err
	}
	app := echo.New()
	v1 := app.Group("/v1", bearerecho.Handler(guard))
	v1.GET("/wallets", func(c *echo.Context) error {
		return c.String(http.StatusOK, "wallets of "+bearerecho.Principal(c).Owner)
	})
	v1.POST("/wallets", func(c *echo.Context) error {
		return c.String(http.StatusOK, "a wallet of "+bearerecho.Principal(c).Owner)
	}, bearerecho.Require(guard, "wallets:write"))
	return app, nil
}
