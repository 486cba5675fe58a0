package ginjwt_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// shadow stands in front of the older middleware of a route, and decides nothing.
func shadow(guard *bearer.Guard, logger *slog.Logger, scopes ...bearer.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		_, judgement := guard.Check(c.Request, scopes...)
		c.Next()
		status := c.Writer.Status()
		admitted := status != http.StatusUnauthorized && status != http.StatusForbidden
		if admitted != (judgement == nil) {
			logger.WarnContext(c.Request.Context(), "the guard differs",
				"route", c.FullPath(), "admitted", admitted, "guard", fmt.Sprint(judgement))
		}
	}
}

func TestShadow(t *testing.T) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{oldTokens(secret)}})
	require.NoError(t, err)
	old, err := before(newUsers(t), secret, payload)
	require.NoError(t, err)
	var logged bytes.Buffer
	app := gin.New()
	app.GET("/v1/wallets", shadow(guard, slog.New(slog.NewTextHandler(&logged, nil)), "wallets:read"), func(c *gin.Context) {
		old.ServeHTTP(c.Writer, c.Request)
	})
	for _, row := range []struct {
		name, token string
		status      int
		logged      string
	}{
		{"both admit", signed(t, secret, jwt.SigningMethodHS256, claims(nil)), 200, ""},
		{"both refuse", "", 401, ""},
		{"only gin-jwt", signed(t, secret, jwt.SigningMethodHS256, claims(jwt.MapClaims{"aud": nil})), 200, "invalid_token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			logged.Reset()
			assert.Equal(t, row.status, sides.Serve(app, sides.Get("/v1/wallets", row.token)).Code)
			assert.Contains(t, logged.String(), row.logged)
			assert.Equal(t, row.logged == "", logged.Len() == 0)
		})
	}
}
