package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// FindClient implements [issuer.ClientStore].
func (s *Store) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	return issuer.Client{}, errNotBuilt
}

// CreateClient implements [issuer.ClientStore].
func (s *Store) CreateClient(ctx context.Context, client issuer.Client) error { return errNotBuilt }

// ReplaceClient implements [issuer.ClientStore].
func (s *Store) ReplaceClient(ctx context.Context, client issuer.Client) error { return errNotBuilt }

// ListClients implements [issuer.ClientStore].
func (s *Store) ListClients(ctx context.Context, query issuer.ClientQuery) ([]issuer.Client, error) {
	return nil, errNotBuilt
}
