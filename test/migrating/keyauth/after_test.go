package keyauth_test

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
)

// keys is the same table for a guard.
type keys struct{ rows }

func (s keys) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	k, err := s.bySHA256(ctx, hash.String())
	if errors.Is(err, errNoRow) {
		return nil, bearer.ErrKeyNotFound
	}
	if err != nil {
		return nil, err
	}
	stored, err := bearer.ParseKeyHash(k.SHA256) // of the row: the guard compares it
	if err != nil {
		return nil, err
	}
	key := bearer.Key{
		ID: k.ID, Hash: stored, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: k.Owner, Scopes: bearer.FullAccess,
	}
	if k.Revoked {
		key.RevokedAt = time.Unix(0, 0) // the table does not say when
	}
	return &key, nil
}

func after(table rows) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{
		Keys:       bearer.CachedStore(keys{table}, bearer.CacheConfig{}),
		Format:     bearer.KeyFormat{Foreign: true}, // the keys that are out there have another form
		Credential: bearer.HeaderCredential("X-API-Key"),
	})
	if err != nil {
		return nil, err
	}
	app := echo.New()
	v1 := app.Group("/v1", bearerecho.Handler(guard))
	v1.GET("/wallets", func(c *echo.Context) error {
		return c.String(http.StatusOK, "wallets of "+bearerecho.Principal(c).Owner)
	})
	return app, nil
}
