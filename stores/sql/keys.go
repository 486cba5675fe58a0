package bearersql

import (
	"context"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// KeyByHash implements [issuer.KeyStore].
func (s *Store) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	return issuer.APIKey{}, errNotBuilt
}

// CreateKey implements [issuer.KeyStore].
func (s *Store) CreateKey(ctx context.Context, key issuer.APIKey) error { return errNotBuilt }

// GetKey implements [issuer.KeyStore].
func (s *Store) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	return issuer.APIKey{}, errNotBuilt
}

// ListKeys implements [issuer.KeyStore].
func (s *Store) ListKeys(ctx context.Context, query issuer.KeyQuery) ([]issuer.APIKey, error) {
	return nil, errNotBuilt
}

// ReplaceKey implements [issuer.KeyStore].
func (s *Store) ReplaceKey(ctx context.Context, key issuer.APIKey) error { return errNotBuilt }

// TouchKeys implements [issuer.KeyStore].
func (s *Store) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	return errNotBuilt
}
