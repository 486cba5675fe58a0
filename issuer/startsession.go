package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
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

// checkUser returns a user as the application told of it, with what its zero
// fields stand for. One that cannot be, or has another ID than was asked for, is
// an outage of the application's part.
func checkUser(user User, id string) (User, error) {
	isBad := user.ID == "" || user.ID != id || !isStorable(user.ID+user.Owner+user.Version) ||
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

// maxLabel is the longest label of a session, in bytes.
const maxLabel = 256

// isStorable reports whether every database can store a text as it is.
func isStorable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// earliest returns the earliest of the times that are not zero.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
