package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// CreateUser implements [issuer.PasswordStore].
func (s *Store) CreateUser(ctx context.Context, user issuer.PasswordUser) error { return errNotBuilt }

// UserByID implements [issuer.PasswordStore].
func (s *Store) UserByID(ctx context.Context, id string) (issuer.PasswordUser, error) {
	return issuer.PasswordUser{}, errNotBuilt
}

// UserByEmail implements [issuer.PasswordStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (issuer.PasswordUser, error) {
	return issuer.PasswordUser{}, errNotBuilt
}

// ReplaceUser implements [issuer.PasswordStore].
func (s *Store) ReplaceUser(ctx context.Context, user issuer.PasswordUser) error { return errNotBuilt }
