package ginjwt_test

import (
	"fmt"
	"net/http"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v3"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
)

func before(users userTable, secret []byte, payload func(any) jwt.MapClaims) (http.Handler, error) {
	auth, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		Key:         secret,
		Timeout:     time.Hour,
		SendCookie:  true,
		TokenLookup: "header:Authorization,cookie:jwt",
		IdentityKey: "id",
		Authenticator: func(c *gin.Context) (any, error) {
			var login struct{ Email, Password string }
			if c.ShouldBindJSON(&login) != nil || login.Email == "" {
				return nil, ginjwt.ErrMissingLoginValues
			}
			u, ok := users.check(login.Email, login.Password)
			if !ok {
				return nil, ginjwt.ErrFailedAuthentication
			}
			return u, nil
		},
		PayloadFunc: payload,
		Authorizer: func(c *gin.Context, _ any) bool {
			return c.Request.Method == http.MethodGet || ginjwt.ExtractClaims(c)["role"] == "admin"
		},
	})
	if err != nil {
		return nil, err
	}
	app := gin.New()
	app.POST("/login", auth.LoginHandler)
	app.POST("/refresh", auth.RefreshHandler)
	app.POST("/logout", auth.LogoutHandler)
	v1 := app.Group("/v1", auth.MiddlewareFunc())
	wallets := func(c *gin.Context) { c.String(http.StatusOK, fmt.Sprint("wallets of ", c.MustGet("id"))) }
	v1.GET("/wallets", wallets)
	v1.POST("/wallets", wallets)
	return app, nil
}

func payload(data any) jwt.MapClaims {
	u := data.(*user)
	return jwt.MapClaims{"id": u.ID, "role": u.Role}
}

// namedPayload is step 1.
func namedPayload(data any) jwt.MapClaims {
	u := data.(*user)
	return jwt.MapClaims{
		"id": u.ID, "role": u.Role,
		"iss": "acme-gin", "aud": "acme-api", "sub": u.ID,
	}
}
