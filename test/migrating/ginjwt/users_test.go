// Package ginjwt has the guide from gin-jwt.
package ginjwt_test

import (
	"context"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A user of the application.
type user struct {
	ID, Email, Role, Version string
	PasswordHash             []byte
}

// userTable is the application's table of users, by email.
type userTable map[string]*user

// check returns the user with the email and the password.
func (t userTable) check(email, password string) (*user, bool) {
	u, ok := t[strings.ToLower(email)]
	if !ok {
		return nil, false
	}
	return u, bcrypt.CompareHashAndPassword(u.PasswordHash, []byte(password)) == nil
}

// accounts are the same table for the issuer.
type accounts struct{ userTable }

// VerifyPassword implements issuer.Users. It takes as long for unknown emails.
func (a accounts) VerifyPassword(_ context.Context, email, password string) (issuer.User, error) {
	u, known := a.userTable[email]
	hash := unknownHash
	if known {
		hash = u.PasswordHash
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
		return issuer.User{}, issuer.ErrInvalidCredentials
	}
	return u.issued(), nil
}

// FindUser implements issuer.Users.
func (a accounts) FindUser(_ context.Context, id string) (issuer.User, error) {
	for _, u := range a.userTable {
		if u.ID == id {
			return u.issued(), nil
		}
	}
	return issuer.User{}, issuer.ErrNotFound
}

// issued returns the user as tokens name it: what Authorizer decided by the role
// are scopes now.
func (u *user) issued() issuer.User {
	scopes := bearer.Scopes("wallets:read")
	if u.Role == "admin" {
		scopes = "wallets:read wallets:write"
	}
	return issuer.User{ID: u.ID, Email: u.Email, Scopes: scopes, Version: u.Version + u.Role}
}

var unknownHash, _ = bcrypt.GenerateFromPassword([]byte("no one's password"), bcrypt.MinCost)
