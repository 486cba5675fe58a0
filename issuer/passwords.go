package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/blockauth/bearer"
)

// Passwords are [Users] and a [Registrar] over argon2id hashes, for applications
// that have no users of their own. Make them with NewPasswords. Passwords have 8
// characters or more, and up to 1 KiB. So many are hashed at a time as half of the
// processors, and a few more wait: if there are more, they are refused (503).
//
// Registration tells that an email is taken, and does not prove that it is the
// user's. Where either matters, leave Config.Registrar nil: mail a link with a
// secret to whatever address is asked for, give the same answer for all, and call
// Register, then [Issuer.StartSession], when the link is opened.
type Passwords struct {
	// Scopes are those of users who register. Zero: FullAccess, over what they own.
	Scopes bearer.Scopes

	store PasswordStore
	gate  *gate
}

// NewPasswords returns Passwords over a store: a [MemoryStore], say.
func NewPasswords(store PasswordStore) *Passwords {
	return &Passwords{store: store, gate: newGate()}
}

// Format implements [fmt.Formatter]: a store holds hashes.
func (*Passwords) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "issuer.Passwords") }

// hashes returns the gate of the Passwords, also where they are embedded.
func (p *Passwords) hashes() *gate { return p.gate }

// problem says why the Passwords cannot work, or "".
func (p *Passwords) problem() string {
	if p.store == nil || isNil(p.store) {
		return "Passwords without a store: make them with NewPasswords"
	}
	if err := p.Scopes.Validate(); err != nil {
		return "Passwords.Scopes: " + err.Error()
	}
	return ""
}

// VerifyPassword implements [Users]. If the password of a known user is wrong, it
// returns the user too.
func (p *Passwords) VerifyPassword(ctx context.Context, email, password string) (User, error) {
	record, err := p.find(ctx, normalEmail(email))
	if err != nil {
		return User{}, err
	}
	hash := record.Hash
	if len(password) > maxPassword {
		hash = "" // nobody's: costs the same
	}
	isRight, err := p.gate.matches(ctx, password, hash)
	switch {
	case err != nil:
		return User{}, err
	case record.ID == "": // there is no such user: the hash was no one's
		return User{}, ErrInvalidCredentials
	case !isRight:
		return record.user(), ErrInvalidCredentials
	}
	return record.user(), nil
}

// find returns the user with an email, or the zero record, whose hash is no one's.
func (p *Passwords) find(ctx context.Context, email string) (PasswordUser, error) {
	if isEmail := validateEmail(email) == nil; !isEmail {
		return PasswordUser{}, nil
	}
	record, err := p.store.UserByEmail(ctx, email)
	switch {
	case errors.Is(err, ErrNotFound):
		return PasswordUser{}, nil
	case err != nil:
		return PasswordUser{}, refusalOf(err)
	case record.Email != email || !record.RemovedAt.IsZero():
		return PasswordUser{}, nil // of a store that compares otherwise
	}
	return record, nil
}

// FindUser implements [Users].
func (p *Passwords) FindUser(ctx context.Context, id string) (User, error) {
	record, err := p.get(ctx, id)
	if err != nil {
		return User{}, refusalOf(err)
	}
	return record.user(), nil
}

// get returns the record of a user who is not removed.
func (p *Passwords) get(ctx context.Context, id string) (PasswordUser, error) {
	if !isID(id) {
		return PasswordUser{}, ErrNotFound
	}
	record, err := p.store.UserByID(ctx, id)
	if err == nil && (record.ID != id || !record.RemovedAt.IsZero()) {
		return PasswordUser{}, ErrNotFound
	}
	return record, err
}

// Register implements [Registrar]. An email or a password that cannot be one is
// refused (400).
func (p *Passwords) Register(ctx context.Context, email, password string) (User, error) {
	email = normalEmail(email)
	if err := errors.Join(validateEmail(email), validatePassword(password)); err != nil {
		return User{}, err
	}
	if _, err := p.store.UserByEmail(ctx, email); err == nil {
		return User{}, refusalOf(ErrExists) // before the slow hash: that it is taken is told anyway
	} else if !errors.Is(err, ErrNotFound) {
		return User{}, refusalOf(err)
	}
	hash, err := p.gate.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	record := PasswordUser{
		ID: mint("us_"), Email: email, Hash: hash, Scopes: p.Scopes,
		CreatedAt: storeNow(), Version: 1,
	}
	if record.Scopes == "" {
		record.Scopes = bearer.FullAccess
	}
	if err := p.store.CreateUser(ctx, record); err != nil {
		return User{}, refusalOf(err)
	}
	return record.user(), nil
}

// SetPassword gives a user another password. Sessions from before end at their
// next refresh; [Issuer.EndSessions] ends them at once.
func (p *Passwords) SetPassword(ctx context.Context, id, password string) error {
	if err := validatePassword(password); err != nil {
		return err
	}
	if _, err := p.get(ctx, id); err != nil {
		return refusalOf(err) // before the slow hash
	}
	hash, err := p.gate.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = p.replace(ctx, id, func(u *PasswordUser) error {
		u.Hash = hash
		return nil
	})
	return err
}

// Update changes the Email, Owner, Scopes and Environment of a user, who is not
// replaced if change returns an error, and returns the user as stored. It may call
// change again after a conflict. Sessions from before end at their next refresh.
func (p *Passwords) Update(ctx context.Context, id string, change func(*User) error) (User, error) {
	record, err := p.replace(ctx, id, func(u *PasswordUser) error {
		user := u.user()
		if err := change(&user); err != nil {
			return err
		}
		user.Email = normalEmail(user.Email)
		if err := validateUser(user); err != nil {
			return err
		}
		u.Email, u.Owner, u.Scopes, u.Environment = user.Email, user.Owner, user.Scopes, user.Environment
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return record.user(), nil
}

// validateUser returns a refusal of what Update made of a user.
func validateUser(u User) error {
	switch {
	case u.Scopes.Validate() != nil:
		return invalid("scopes", "scopes must be a list of scopes, separated by single spaces.")
	case u.Owner != "" && !isID(u.Owner):
		return invalid("owner", "owner must be up to 255 bytes without control characters.")
	case u.Environment < 0 || u.Environment > bearer.Live:
		return invalid("environment", "environment must be test or live.")
	}
	return validateEmail(u.Email)
}

// Remove removes a user: no one logs in or refreshes any more, and the email can
// be registered again. Nothing but the ID is kept. [Issuer.EndSessions] ends the
// sessions at once, and [Issuer.RevokeKeys] the keys. A user who is removed
// already is [ErrNotFound].
func (p *Passwords) Remove(ctx context.Context, id string) error {
	_, err := p.replace(ctx, id, func(u *PasswordUser) error {
		*u = PasswordUser{
			ID: u.ID, Email: u.ID, CreatedAt: u.CreatedAt, Version: u.Version,
			RemovedAt: storeNow(),
		}
		return nil
	})
	return err
}

// replace changes the record of a user, and returns it as stored. A record that
// change leaves as it is, is not replaced.
func (p *Passwords) replace(
	ctx context.Context, id string, change func(*PasswordUser) error,
) (record PasswordUser, err error) {
	var refused error // by change: no error of the store's
	err = retry(ctx, func() error {
		if record, err = p.get(ctx, id); err != nil {
			return err
		}
		before := record
		refused = change(&record)
		if isKept := refused != nil || record == before; isKept {
			return nil
		}
		if err := p.store.ReplaceUser(ctx, record); err != nil {
			return err
		}
		record.Version++
		return nil
	})
	if refused != nil {
		return PasswordUser{}, refused
	}
	return record, err
}
