package issuer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/blockauth/bearer"
)

// A PasswordStore keeps what [Passwords] know of users. The rules of [Store] hold
// for it too.
type PasswordStore interface {
	// CreateUser stores a new user, or returns an error wrapping ErrExists if the
	// ID or the email is taken.
	CreateUser(ctx context.Context, user PasswordUser) error

	// UserByID returns the user with the ID, or an error wrapping ErrNotFound.
	UserByID(ctx context.Context, id string) (PasswordUser, error)

	// UserByEmail returns the user with the email, which is compared byte for
	// byte, or an error wrapping ErrNotFound.
	UserByEmail(ctx context.Context, email string) (PasswordUser, error)

	// ReplaceUser replaces the user with the ID of user if it has user.Version, and
	// stores user.Version+1; else ErrConflict. An email that is taken: ErrExists.
	// No such ID: ErrNotFound.
	ReplaceUser(ctx context.Context, user PasswordUser) error
}

// A PasswordUser is the record of a user of [Passwords]. It prints without its
// hash; its JSON is whole, for stores.
type PasswordUser struct {
	ID          string // "us_…"; unique, also among those that are removed
	Owner       string // see User.Owner
	Email       string // in one form: trimmed, NFC, lower case; the ID if it is removed
	Hash        string // argon2id of the password; zero: none, no one logs in
	Scopes      bearer.Scopes
	Environment bearer.Environment
	CreatedAt   time.Time
	RemovedAt   time.Time // zero: not; else nothing is left but ID, times and Version
	Version     int64     // counts replacements; becomes User.Version
}

// String returns what may be logged of u: not its hash.
func (u PasswordUser) String() string { return fmt.Sprintf("user %q", u.ID) }

// Format implements [fmt.Formatter], so that no verb shows the hash.
func (u PasswordUser) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, u.String()) }

// LogValue implements [slog.LogValuer].
func (u PasswordUser) LogValue() slog.Value { return slog.StringValue(u.String()) }

// user returns what the issuer is told of the user.
func (u PasswordUser) user() User {
	return User{
		ID: u.ID, Owner: u.Owner, Email: u.Email, Version: strconv.FormatInt(u.Version, 10),
		Scopes: u.Scopes, Environment: u.Environment,
	}
}
