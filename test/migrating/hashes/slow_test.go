package hashes_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/firstuse"
)

// newGuard returns a guard for the keys of an issuer, and for older ones such as
// old_7f3a_secret, whose rows have a bcrypt hash and are found by 7f3a. What it
// guards stands in firstuse.WithText("old_", ...).
func newGuard(db *sql.DB, iss *issuer.Issuer) (*bearer.Guard, error) {
	config := iss.KeyConfig()
	slots := make(chan struct{}, 2) // so many are hashed at once
	config.Keys = firstuse.Store{
		KeyStore: config.Keys, Format: config.Format,
		Import: func(ctx context.Context, text string, hash bearer.KeyHash) error {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return ctx.Err()
			}
			return importOld(ctx, db, iss, text, hash)
		},
	}
	config.FailureLimit = bearer.PerMinute(10) // a guess costs a slow hash
	return bearer.New(config)
}

func importOld(ctx context.Context, db *sql.DB, iss *issuer.Issuer, text string, hash bearer.KeyHash) error {
	if len(text) > 72 {
		return bearer.ErrKeyNotFound // bcrypt does not look at the rest
	}
	public, _, _ := strings.Cut(strings.TrimPrefix(text, "old_"), "_")
	var account, slow string
	err := db.QueryRowContext(ctx, `SELECT account_id, key_bcrypt FROM api_keys WHERE id = $1 AND revoked_at IS NULL`,
		public).Scan(&account, &slow)
	if errors.Is(err, sql.ErrNoRows) {
		return bearer.ErrKeyNotFound
	}
	if err != nil {
		return err
	}
	if err := bcrypt.CompareHashAndPassword([]byte(slow), []byte(text)); err != nil {
		return fmt.Errorf("%w: %w", bearer.ErrKeyNotFound, err)
	}
	_, err = iss.ImportKey(ctx, issuer.Operator(account), issuer.APIKey{
		ID: public, Name: "key " + public, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "wallets:read",
	}, hash)
	return err
}

// newServer returns a handler for both kinds of keys.
func newServer(guard *bearer.Guard, wallets http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", guard.Require("wallets:read")(wallets))
	return firstuse.WithText("old_", mux)
}
