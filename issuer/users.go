package issuer

import (
	"context"
	"errors"

	"github.com/blockauth/bearer"
)

// Users are the application's own users.
type Users interface {
	// VerifyPassword returns the user with the email and the password. The email
	// is in one form: trimmed, NFC, lower case. If it is unknown or the password
	// wrong, it must return an error wrapping [ErrInvalidCredentials], and take as
	// long for both. If the password is wrong, it may return the user too, whom the
	// event login.failed then names; without, there is no event. Any other error is
	// an outage (503); a [bearer.Error] that is 503 or 429 is answered as it is.
	VerifyPassword(ctx context.Context, email, password string) (User, error)

	// FindUser returns the user with the ID. It is asked at each refresh: an error
	// wrapping [ErrNotFound], or another Version than at the login, ends the
	// session; any other error is an outage (503).
	FindUser(ctx context.Context, id string) (User, error)
}

// A Registrar registers users.
type Registrar interface {
	// Register makes a user. The email is in the form of VerifyPassword. If it is
	// taken, it must return an error wrapping [ErrExists]. A [bearer.Error] is
	// answered as it is: that of a password which is too common, say. Any other
	// error is an outage (503).
	Register(ctx context.Context, email, password string) (User, error)
}

// A User is who logs in.
type User struct {
	ID          string             // Required
	Owner       string             // whose keys the user manages: a tenant, say; zero: ID
	Email       string             // for the application
	Version     string             // changes with the password, the scopes, the owner …: see Users.FindUser
	Scopes      bearer.Scopes      // zero: none
	Environment bearer.Environment // zero: any
}

// ErrInvalidCredentials is wrapped by the error of a Users that does not know an
// email, or finds the password wrong.
var ErrInvalidCredentials = errors.New("issuer: invalid credentials")
