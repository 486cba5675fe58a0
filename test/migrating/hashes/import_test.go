package hashes_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// importKeys imports the keys of an older table that are good into the issuer of a
// store, and returns how many were new. It may be called again, after an error or
// for what was added since.
func importKeys(ctx context.Context, db *sql.DB, iss *issuer.Issuer, store issuer.Store) (imported int, err error) {
	rows, err := db.QueryContext(ctx, `SELECT id, key_sha256, account_id, name, expires_at FROM api_keys
		WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		key := issuer.APIKey{Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "wallets:read"}
		var hash bearer.KeyHash
		var account string
		var expires sql.NullTime
		if err := rows.Scan(&key.ID, &hash, &account, &key.Name, &expires); err != nil {
			return imported, err
		}
		key.ExpiresAt = expires.Time
		_, err := store.KeyByHash(ctx, hash)
		if err == nil {
			continue // it was imported before
		}
		if errors.Is(err, bearer.ErrKeyNotFound) {
			_, err = iss.ImportKey(ctx, issuer.Operator(account), key, hash)
		}
		if err != nil {
			return imported, fmt.Errorf("key %s: %w", key.ID, err)
		}
		imported++
	}
	return imported, rows.Err()
}
