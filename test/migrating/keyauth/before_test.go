// Package keyauth has the guide from echo's KeyAuth.
package keyauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// A row of the application's table of keys.
type row struct {
	ID, SHA256, Owner string
	Revoked           bool
}

var errNoRow = errors.New("no row") // sql.ErrNoRows, say

// rows finds a row by the SHA-256 of a key in hexadecimal digits.
type rows interface {
	bySHA256(ctx context.Context, digits string) (row, error)
}

func before(table rows) http.Handler {
	app := echo.New()
	v1 := app.Group("/v1", middleware.KeyAuthWithConfig(middleware.KeyAuthConfig{
		KeyLookup: "header:X-API-Key",
		Validator: func(c *echo.Context, key string, _ middleware.ExtractorSource) (bool, error) {
			sum := sha256.Sum256([]byte(key))
			k, err := table.bySHA256(c.Request().Context(), hex.EncodeToString(sum[:]))
			if errors.Is(err, errNoRow) {
				return false, nil
			}
			c.Set("owner", k.Owner)
			return err == nil && !k.Revoked, err
		},
	}))
	v1.GET("/wallets", func(c *echo.Context) error {
		return c.String(http.StatusOK, "wallets of "+c.Get("owner").(string))
	})
	return app
}
