package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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

	// FindUser returns the user with the ID. It is asked at each refresh, and when
	// a user changes keys or sessions by a JWT: an error wrapping [ErrNotFound], or
	// another Version than at the login, ends the session; any other error is an
	// outage (503).
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

// checkUser returns a user as the application told of it, with what its zero
// fields stand for. One that cannot be, or has another ID than was asked for, is
// an outage of the application's part.
func checkUser(user User, id string) (User, error) {
	isBad := user.ID == "" || user.ID != id || !isStorable(user.ID+user.Owner+user.Version) || hasSubjectPrefix(user.ID) ||
		user.Environment != 0 && !isEnvironment(user.Environment)
	if isBad {
		return User{}, outage(errBadUser)
	}
	if err := user.Scopes.Validate(); err != nil {
		return User{}, outage(fmt.Errorf("%w: %w", errBadUser, err))
	}
	if user.Owner == "" {
		user.Owner = user.ID
	}
	return user, nil
}

const maxEmail = 254 // bytes: RFC 5321 section 4.5.3.1.3, without the angle brackets

// normalEmail returns the one form in which emails are compared: trimmed, NFC,
// lower case. Lower case is composed again, since some letters have none that is
// one character.
func normalEmail(text string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(text))))
}

// validateEmail returns a refusal of an email in its one form that cannot be one:
// one @ with something on both sides, and no character that does not show. What
// else an address may be, only a mail to it tells.
func validateEmail(email string) error {
	local, domain, _ := strings.Cut(email, "@")
	isHidden := func(c rune) bool { return c == ' ' || c == utf8.RuneError || !unicode.IsPrint(c) }
	switch {
	case local == "" || domain == "" || strings.Contains(domain, "@"):
		return invalid("email", "email must be an address, such as ada@example.com.")
	case len(email) > maxEmail:
		return invalid("email", "email must not be longer than 254 bytes.")
	case strings.ContainsFunc(email, isHidden):
		return invalid("email", "email must not have spaces or control characters.")
	}
	return nil
}

const (
	minPassword = 8       // characters
	maxPassword = 1 << 10 // bytes
)

// validatePassword returns a refusal of a new password that is too short or long.
func validatePassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return invalid("password", "password must be UTF-8.")
	case utf8.RuneCountInString(password) < minPassword:
		return invalid("password", "password must have at least 8 characters.")
	case len(password) > maxPassword:
		return invalid("password", "password must not be longer than 1024 bytes.")
	}
	return nil
}
