package issuer

import (
	"context"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// Passwords are [Users] and a [Registrar] over argon2id hashes, for applications
// that have no users of their own.
type Passwords struct {
	// Scopes are those of users who register. Zero: FullAccess, over what they own.
	Scopes bearer.Scopes

	gate *gate
}

func (p *Passwords) hashes() *gate { return p.gate }

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

// A PasswordUser is the record of a user of [Passwords].
type PasswordUser struct {
	ID          string
	Owner       string // see User.Owner
	Email       string // in one form: trimmed, NFC, lower case
	Hash        string // argon2id of the password; zero: none, nobody logs in
	Scopes      bearer.Scopes
	Environment bearer.Environment
	CreatedAt   time.Time
	Version     int64 // counts replacements; becomes User.Version
}

// NewPasswords returns Passwords over a store: a [MemoryStore], say.
func NewPasswords(store PasswordStore) *Passwords { return &Passwords{gate: newGate()} }

// normalEmail returns the one form in which emails are compared: trimmed, NFC,
// lower case.
func normalEmail(text string) string { return text }

func (i *Issuer) serveRegister(w http.ResponseWriter, r *http.Request) error { return errTodo }

var _ = context.Background
