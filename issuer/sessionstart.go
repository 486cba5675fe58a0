package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/blockauth/bearer"
)

var (
	errNoTokens     = errors.New("issuer: Config.Tokens is nil")
	errNoSigningKey = errors.New("issuer: the signing key was replaced meanwhile")
	errBadUser      = errors.New("issuer: a User with no ID or another, no such environment, malformed scopes or texts")
)

// The reasons for which the issuer ends sessions.
const (
	reasonEnded       = "ended"        // who may see it ended it
	reasonLogout      = "logout"       // its holder did
	reasonReuse       = "reuse"        // a spent refresh token was used again
	reasonUserChanged = "user_changed" // the user is gone, or has another Version
	reasonTooMany     = "too_many"     // a newer session needed its place
)

// StartSession starts a session of a user whom the application has logged in
// itself: by SSO, a one-time password or a magic link. The label is what the list
// of sessions shows: up to 256 bytes of text.
func (i *Issuer) StartSession(ctx context.Context, user User, label string) (Grant, error) {
	if i.config.Tokens == nil {
		return Grant{}, outage(errNoTokens)
	}
	user, err := checkUser(user, user.ID)
	if err != nil {
		return Grant{}, err
	}
	if len(label) > maxLabel || !isStorable(label) {
		return Grant{}, invalid("label", "label must be up to 256 bytes of UTF-8 without NUL")
	}
	now := time.Now().Truncate(time.Second)
	s, token := i.newUserSession(user, label, now)
	g, err := i.grant(&s, now, i.userTerms(&s, user, now))
	if err != nil {
		return Grant{}, err
	}
	g.RefreshToken = token
	if err := i.openFresh(ctx, s); err != nil {
		return Grant{}, err
	}
	i.tell(ctx, Event{Type: "login.succeeded", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return g, nil
}

// newUserSession returns a session of a user, without an access token yet, and
// its first refresh token.
func (i *Issuer) newUserSession(user User, label string, now time.Time) (Session, string) {
	s := newFresh(userSubject+user.ID, now, time.Time{})
	token := refreshToken{session: s.ID, family: mint(""), step: mint("")}
	s.Label, s.Owner, s.CreatedBy, s.Environment = label, user.Owner, user.ID, user.Environment
	s.UserVersion = user.Version
	s.Refresh = Refresh{
		Family: secretHash(token.family),
		Step:   secretHash(token.step),
		EndsAt: now.Add(i.config.Tokens.RefreshFamilyTTL).Truncate(time.Second),
	}
	s.Refresh.ExpiresAt = i.refreshEnd(&s, now)
	return s, token.String()
}

// refreshEnd returns when a refresh token of the session that is made now expires:
// not after its family.
func (i *Issuer) refreshEnd(s *Session, now time.Time) time.Time {
	return earliest(now.Add(i.config.Tokens.RefreshTTL).Truncate(time.Second), s.Refresh.EndsAt)
}

// userTerms returns the terms of an access token of a user's session that is made
// now. It ends no later than its family. The session ends with the last of what
// it has handed out.
func (i *Issuer) userTerms(s *Session, user User, now time.Time) terms {
	end := earliest(now.Add(i.config.Tokens.LoginTTL).Truncate(time.Second), s.Refresh.EndsAt)
	s.ExpiresAt = s.Refresh.ExpiresAt
	if end.After(s.ExpiresAt) {
		s.ExpiresAt = end
	}
	return terms{Scopes: user.Scopes, ExpiresAt: end}
}

// maxLabel is the longest label of a session, in bytes.
const maxLabel = 256

// earliest returns the earliest of the times that are not zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// newFresh returns a session that nothing has opened yet: its ID is its name, so
// that each login is a session of its own.
func newFresh(subject string, now, expires time.Time) Session {
	id := sessionID(time.Now())
	return Session{ID: id, Name: id, Subject: subject, CreatedAt: now, ExpiresAt: expires, Version: 1}
}

// sessionID returns a new ID that is greater than those of earlier milliseconds.
// Sessions begin at whole seconds, and are listed by their IDs within one: so the
// oldest is the oldest, and a store appends. 17 of the digits are random.
func sessionID(now time.Time) string {
	id := []byte(mint("se_"))
	for at, ms := len("se_")+8, now.UnixMilli(); at >= len("se_"); at-- {
		id[at] = digits[ms&31]
		ms >>= 5
	}
	return string(id)
}

// openFresh stores a session of newFresh. If its subject has too many, the
// oldest ends to make room. Logins at the same time may each find the same
// oldest one, of which one login can end it: so each further attempt chooses
// among twice as many of the oldest.
func (i *Issuer) openFresh(ctx context.Context, s Session) error {
	for n := range attempts {
		opened, err := i.store.OpenSession(ctx, s, i.config.Tokens.MaxSessions)
		if err == nil && opened.ID != s.ID {
			return outage(errors.New("issuer: the store returned another session than it was given"))
		}
		if !errors.Is(err, ErrFull) {
			return refusalOf(err)
		}
		if err := i.makeRoom(ctx, s, 1<<min(n, 6)); err != nil {
			return err
		}
	}
	return outage(fmt.Errorf("no room for a session of %q: %w", s.Subject, ErrFull))
}

// makeRoom ends one of the oldest n sessions of the subject that a new session
// is for.
func (i *Issuer) makeRoom(ctx context.Context, s Session, n int) error {
	oldest, err := i.store.ListSessions(ctx, SessionQuery{Subject: s.Subject, LiveAt: s.CreatedAt, Oldest: true, Limit: n})
	if err != nil {
		return refusalOf(err)
	}
	if len(oldest) == 0 {
		return nil // they ended meanwhile
	}
	n = rand.IntN(len(oldest)) //nolint:gosec // it keeps logins apart, and no secret
	err = i.endIn(ctx, oldest[n], Event{Actor: s.Subject}, reasonTooMany)
	if isConflict(err) {
		return nil // it ended meanwhile, or was refreshed: look again
	}
	return refusalOf(err)
}

// openFor opens the session of newFresh that a client or a credential has asked
// for, and returns its token.
func (i *Issuer) openFor(ctx context.Context, client Client, s Session, scopes bearer.Scopes) (string, error) {
	s.Owner, s.CreatedBy, s.Environment = client.Owner, client.CreatedBy, client.Environment
	if err := i.issue(&s, s.CreatedAt, terms{Scopes: scopes, ExpiresAt: s.ExpiresAt}); err != nil {
		return "", err
	}
	token := i.signer.sign(s.KeyID, s.Payload)
	if token == "" {
		return "", outage(errors.New("issuer: the signing key is gone")) // replaced meanwhile
	}
	if err := i.openFresh(ctx, s); err != nil {
		return "", err
	}
	i.tell(ctx, Event{Type: "token.issued", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return token, nil
}
