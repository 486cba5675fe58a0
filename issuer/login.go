package issuer

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
)

// serveLogin serves POST /auth/login: by an API key, or by email and password.
// Members that it does not know are ignored.
func (i *Issuer) serveLogin(w http.ResponseWriter, r *http.Request) error {
	o, err := readObject(w, r)
	if err != nil {
		return err
	}
	byKey, byPassword := o.has("api_key"), o.has("email") || o.has("password")
	switch {
	case byKey && byPassword:
		return invalid("api_key", "A login has an api_key, or email and password, not both.")
	case byPassword && i.config.Users == nil:
		return invalid("email", "Logins need an api_key.")
	case byPassword:
		return i.servePasswordLogin(w, r, o)
	default:
		return i.serveKeyLogin(w, r, o)
	}
}

// servePasswordLogin serves a login by email and password.
func (i *Issuer) servePasswordLogin(w http.ResponseWriter, r *http.Request, o object) error {
	email, err := o.text("email")
	if err != nil {
		return err
	}
	password, err := o.text("password")
	if err != nil {
		return err
	}
	user, err := i.verifyPassword(r.Context(), normalEmail(email), password)
	if err != nil {
		return err
	}
	g, err := i.StartSession(r.Context(), user, browserOf(r))
	if err != nil {
		return err
	}
	g.Write(w)
	return nil
}

// verifyPassword returns the user with the email and the password. The attempt is
// charged before the slow hash, and not given back. The address's bucket comes
// first, so that one address can name no more accounts' buckets than that allows.
func (i *Issuer) verifyPassword(ctx context.Context, email, password string) (User, error) {
	if err := i.charge(ctx, addressQuota); err != nil {
		return User{}, err
	}
	if err := i.charge(ctx, loginQuota, email); err != nil {
		return User{}, err
	}
	user, err := ask(ctx, func(ctx context.Context) (User, error) {
		return i.config.Users.VerifyPassword(ctx, email, password)
	})
	if err == nil {
		return user, nil
	}
	if !errors.Is(err, ErrInvalidCredentials) {
		return User{}, unavailable(err)
	}
	if user.ID != "" { // an unknown email may be a password: it is in no event
		owner := cmp.Or(user.Owner, user.ID)
		i.tell(ctx, Event{Type: "login.failed", Actor: userSubject + user.ID, Target: user.ID, Owner: owner})
	}
	return User{}, refuse(bearer.CodeInvalidCredentials).WithCause(ErrInvalidCredentials)
}

// unavailable says that the application's Users are out of order. If they say so
// themselves, or that there is too much to do, it is what they say.
func unavailable(err error) error {
	var e *bearer.Error
	if errors.As(err, &e) && (e.Code == bearer.CodeServiceUnavailable || e.Code == bearer.CodeRateLimitExceeded) {
		return e
	}
	return outage(err)
}

// browserOf returns the label of the session of a user who logs in by password:
// what of the User-Agent field is printable ASCII, up to the length of a label, so
// that people know their sessions apart.
func browserOf(r *http.Request) string {
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, r.UserAgent())
	return text[:min(len(text), maxLabel)]
}

// serveRegister serves POST /auth/register: a new user is logged in. Members that
// it does not know are ignored. The attempt is charged before the slow hash, and
// not given back.
func (i *Issuer) serveRegister(w http.ResponseWriter, r *http.Request) error {
	o, err := readObject(w, r)
	if err != nil {
		return err
	}
	email, password, err := credentialsOf(o)
	if err != nil {
		return err
	}
	if err := i.charge(r.Context(), registerQuota); err != nil {
		return err
	}
	user, err := ask(r.Context(), func(ctx context.Context) (User, error) {
		return i.config.Registrar.Register(ctx, email, password)
	})
	if err != nil {
		return registrationRefused(err)
	}
	g, err := i.StartSession(r.Context(), user, browserOf(r))
	if err != nil {
		return err
	}
	return g.answer(w, http.StatusCreated)
}

// registrationRefused turns the error of a Registrar into a refusal.
func registrationRefused(err error) error {
	var e *bearer.Error
	switch {
	case errors.Is(err, ErrExists):
		taken := conflict("email is taken.")
		taken.Param = "email"
		return taken
	case errors.As(err, &e):
		return e
	default:
		return outage(err)
	}
}

// credentialsOf returns the email, in its one form, and the password of who
// registers, within the bounds of the wire contract, whatever the Registrar's are.
func credentialsOf(o object) (email, password string, err error) {
	if email, err = o.text("email"); err != nil {
		return "", "", err
	}
	if password, err = o.text("password"); err != nil {
		return "", "", err
	}
	email = normalEmail(email)
	if err := validateEmail(email); err != nil {
		return "", "", err
	}
	return email, password, validatePassword(password)
}
