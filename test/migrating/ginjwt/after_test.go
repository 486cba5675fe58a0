package ginjwt_test

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/issuer"
)

func after(users userTable, secret []byte, keys ...issuer.SigningKey) (http.Handler, error) {
	iss, err := issuer.New(issuer.Config{
		Tokens: &issuer.Tokens{Issuer: "https://api.example", Audience: "https://api.example", SigningKeys: keys},
		Users:  accounts{users}, // VerifyPassword and FindUser, over the same table
	})
	if err != nil {
		return nil, err
	}
	config := iss.TokenConfig()
	config.JWT = append(config.JWT, oldTokens(secret)) // until the last of them has expired
	guard, err := bearer.New(config)
	if err != nil {
		return nil, err
	}
	app := gin.New()
	app.POST("/login", gin.WrapH(iss.Route("POST /auth/login")))
	app.POST("/refresh", gin.WrapH(iss.Route("POST /auth/refresh")))
	app.POST("/logout", gin.WrapH(iss.Route("POST /auth/logout")))
	v1 := app.Group("/v1", bearergin.Handler(guard))
	wallets := func(c *gin.Context) { c.String(http.StatusOK, fmt.Sprint("wallets of ", bearergin.Principal(c).Owner)) }
	v1.GET("/wallets", bearergin.Require(guard, "wallets:read"), wallets)
	v1.POST("/wallets", bearergin.Require(guard, "wallets:write"), wallets)
	return app, nil
}

func oldTokens(secret []byte) bearer.JWT {
	return bearer.JWT{
		Issuer:     "acme-gin", // what PayloadFunc sets since step 1
		Audiences:  []string{"acme-api"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		Scopes: func(claims map[string]any) (bearer.Scopes, error) {
			if claims["role"] == "admin" {
				return "wallets:read wallets:write", nil
			}
			return "wallets:read", nil
		},
	}
}
