package handwritten_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
)

// A keyTable is the same table as a bearer.KeyStore.
type keyTable struct{ db *sql.DB }

func (t keyTable) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	k := bearer.Key{Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "wallets:read"}
	var canWrite bool
	var revoked sql.NullTime
	err := t.db.QueryRowContext(ctx,
		`SELECT id, key_sha256, account_id, can_write, revoked_at FROM api_keys WHERE key_sha256 = $1`,
		hash.String()).Scan(&k.ID, &k.Hash, &k.Owner, &canWrite, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bearer.ErrKeyNotFound
	}
	if canWrite {
		k.Scopes = "wallets:read wallets:write"
	}
	k.RevokedAt = revoked.Time
	return &k, err
}

func after(db *sql.DB) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{
		Keys:   bearer.CachedStore(keyTable{db}, bearer.CacheConfig{}),
		Format: bearer.KeyFormat{Foreign: true}, // the keys that are out there have another form
		Policies: []bearer.Policy{{
			Name:   "account",
			Limit:  func(*http.Request, *bearer.Principal) bearer.Limit { return bearer.PerMinute(100) },
			Bucket: func(_ *http.Request, p *bearer.Principal) string { return p.Owner },
		}},
		LegacyRateHeaders: true, // X-RateLimit-Limit, -Remaining and -Reset
	})
	if err != nil {
		return nil, err
	}
	app := chi.NewRouter()
	app.Use(bearerchi.Handler(guard))
	app.With(bearerchi.Require(guard, "wallets:read")).Get("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("wallets of " + bearer.FromContext(r.Context()).Owner))
	})
	app.With(bearerchi.Require(guard, "wallets:write")).Post("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("a wallet of " + bearer.FromContext(r.Context()).Owner))
	})
	return app, nil
}
