package issuer

import (
	"context"
	"errors"
	"net/http"

	"github.com/blockauth/bearer"
)

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
	if err := i.charge(r.Context(), registerQuota, 1); err != nil {
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
		taken := conflict("email is taken")
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
