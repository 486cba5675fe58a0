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
	reasonRevoked     = "revoked"      // its client revoked the token (RFC 7009)
)

// StartSession starts a session of a user whom the application has logged in
// itself: by SSO, a one-time password or a magic link. The user is as
// Users.FindUser returns it, if there are Users: with another Version, the first
// refresh ends the session. The label is what the list of sessions shows: up to
// 256 bytes of text.
func (i *Issuer) StartSession(ctx context.Context, user User, label string) (Grant, error) {
	if i.config.Tokens == nil {
		return Grant{}, outage(errNoTokens)
	}
	user, err := checkUser(user, user.ID)
	if err != nil {
		return Grant{}, err
	}
	if len(label) > maxLabel || !isStorable(label) {
		return Grant{}, invalid("label", "label must be up to 256 bytes of UTF-8 without NUL.")
	}
	now := time.Now().Truncate(time.Second)
	s, token := i.newUserSession(user, label, now)
	g, err := i.newGrant(&s, now, i.userTerms(&s, user, now))
	if err != nil {
		return Grant{}, err
	}
	g.RefreshToken = token
	if err := i.openSession(ctx, s); err != nil {
		return Grant{}, err
	}
	i.tell(ctx, Event{Type: "login.succeeded", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return g, nil
}

// newUserSession returns a session of a user, without an access token yet, and
// its first refresh token.
func (i *Issuer) newUserSession(user User, label string, now time.Time) (Session, string) {
	s := newSession(userSubject+user.ID, now, time.Time{})
	token := refreshToken{session: s.ID, family: mint(""), step: mint("")}
	s.Label, s.Owner, s.CreatedBy, s.Environment = label, user.Owner, user.ID, user.Environment
	s.UserVersion = user.Version
	s.Refresh = Refresh{
		Family: hashSecret(token.family),
		Step:   hashSecret(token.step),
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

// newSession returns a session of a user, a client or a credential, which is
// not stored yet. Its ID is its name: each login is a session of its own.
func newSession(subject string, now, expires time.Time) Session {
	id := sessionID(time.Now())
	return Session{ID: id, Name: id, Subject: subject, CreatedAt: now, ExpiresAt: expires, Version: 1}
}

// sessionID returns a new ID that is greater than those of earlier
// milliseconds: its first 9 digits, of 5 bits each, count the milliseconds
// since 1970, and the other 17 are random. CreatedAt has whole seconds, and
// sessions of one second are listed by their IDs: by the order in which they
// began.
func sessionID(now time.Time) string {
	id := []byte(mint(sessionPrefix))
	for at, ms := len(sessionPrefix)+8, now.UnixMilli(); at >= len(sessionPrefix); at-- {
		id[at] = digits[ms&31]
		ms >>= 5
	}
	return string(id)
}

// openSession stores a session of newSession. If its subject has too many, the
// oldest ends to make room. Of logins at the
// same time that choose the same session, one can end it and the others try
// again: so each attempt chooses at random among twice as many of the oldest.
func (i *Issuer) openSession(ctx context.Context, s Session) error {
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
	oldest, err := i.findSessions(ctx, SessionQuery{Subject: s.Subject, LiveAt: s.CreatedAt, Oldest: true, Limit: n})
	if err != nil {
		return err
	}
	if len(oldest) == 0 {
		return nil // they ended meanwhile
	}
	n = rand.IntN(len(oldest)) //nolint:gosec // it keeps logins apart, and no secret
	err = i.endSession(ctx, oldest[n], Event{Actor: s.Subject}, reasonTooMany)
	if isConflict(err) {
		return nil // it ended meanwhile, or was refreshed: look again
	}
	return refusalOf(err)
}

// startClientSession stores a session of newSession that a client or a
// credential has asked for, and returns its token.
func (i *Issuer) startClientSession(
	ctx context.Context, client Client, s Session, scopes bearer.Scopes,
) (token string, err error) {
	s.Owner, s.CreatedBy, s.Environment = client.Owner, client.CreatedBy, client.Environment
	g, err := i.newGrant(&s, s.CreatedAt, terms{Scopes: scopes, ExpiresAt: s.ExpiresAt})
	if err != nil {
		return "", err
	}
	if err := i.openSession(ctx, s); err != nil {
		return "", err
	}
	i.tell(ctx, Event{Type: "token.issued", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
	return g.AccessToken, nil
}
