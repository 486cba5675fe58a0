package issuer

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// serveKeyLogin serves a login by an API key: the session of the key that has the
// session_id, or its default session, lives already or begins.
func (i *Issuer) serveKeyLogin(w http.ResponseWriter, r *http.Request, o object) error {
	text, err := o.text("api_key")
	if err != nil {
		return err
	}
	label, err := sessionLabel(o)
	if err != nil {
		return err
	}
	key, secret, err := i.checkKey(r, text)
	if err != nil {
		return err
	}
	g, err := i.keySession(r.Context(), key, secret, label)
	if err != nil {
		return err
	}
	g.Write(w)
	return nil
}

// sessionLabel returns the session_id of a login, or "" for the default session.
func sessionLabel(o object) (string, error) {
	label, isThere, err := o.optionalText("session_id")
	if err != nil {
		return "", err
	}
	if isThere && (label == "" || len(label) > maxLabel || !isStorable(label)) {
		return "", invalid("session_id", "session_id must be 1 to 256 bytes of UTF-8 without NUL.")
	}
	return label, nil
}

// checkKey returns the key, and its secret, whose text was sent in a body. It is
// judged as its guard would: where it comes from counts, and each failure counts
// against the client's address. A text that can stand in no Authorization field
// is no key; a random one is judged in its place, so that it fails like any other.
func (i *Issuer) checkKey(r *http.Request, text string) (APIKey, Secret, error) {
	if text == "" || len(text) > maxKeyText {
		return APIKey{}, Secret{}, invalid("api_key", "api_key must be an API key.")
	}
	if strings.ContainsFunc(text, isNotCredential) {
		text = mint("")
	}
	ctx, found := withKeyNote(r.Context())
	r = r.WithContext(ctx)
	r.Header = maps.Clone(r.Header)
	r.Header["Authorization"] = []string{"Bearer " + text}
	p, err := i.guards.login.Check(r)
	if err != nil {
		return APIKey{}, Secret{}, err
	}
	at := slices.IndexFunc(found.Secrets, func(s Secret) bool { return s.Hash == p.Key.Hash })
	if at < 0 {
		return APIKey{}, Secret{}, outage(errNoSecret)
	}
	return *found, found.Secrets[at], nil
}

// maxKeyText is the longest text of an API key: that of a guard.
const maxKeyText = 8 << 10

var errOtherSession = errors.New("issuer: the store opened another session than was asked for, or one that ended")

var errNoSecret = errors.New("issuer: the store found a key by a hash that is not among its secrets")

// isNotCredential reports whether a character stands in no b64token (RFC 6750
// section 2.1).
func isNotCredential(c rune) bool {
	isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	return !isLetter && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/=", c)
}

// keyNoteKey is the key of a note in a context.
type keyNoteKey struct{}

// withKeyNote returns a context in which noteKey leaves the record of the key that
// a guard looks up: the guard itself tells only what a [bearer.Key] has.
func withKeyNote(ctx context.Context) (context.Context, *APIKey) {
	var key APIKey
	return context.WithValue(ctx, keyNoteKey{}, &key), &key
}

// noteKey leaves a key in the context's note, if it has one.
func noteKey(ctx context.Context, key APIKey) {
	if note, isThere := ctx.Value(keyNoteKey{}).(*APIKey); isThere {
		*note = key
	}
}

// keySession returns the grant of a key's session with the label: that of the
// token that lives, the very same text each time, or of a new one. Each secret of
// a key has sessions of its own, which end with it.
//
// In the common case, the session is found with one call of the store, and its
// token is signed again. A session whose token can no longer be signed, or says
// more than the key may by now, gets a new token by a compare-and-swap. Who loses
// it finds the winner's token.
func (i *Issuer) keySession(ctx context.Context, key APIKey, secret Secret, label string) (Grant, error) {
	now := time.Now().Truncate(time.Second)
	t, err := i.keyTerms(key, secret, now)
	if err != nil {
		return Grant{}, err
	}
	wanted := newKeySession(key, secret, label, now, t.ExpiresAt)
	if err := i.issue(&wanted, now, t); err != nil {
		return Grant{}, err
	}
	var g Grant
	err = retry(ctx, func() error {
		s, err := i.openKeySession(ctx, key, wanted, now)
		if err != nil {
			return err
		}
		if s.named() != wanted.named() || !s.EndedAt.IsZero() {
			return outage(errOtherSession)
		}
		if g = i.sameGrant(&s, &wanted, now, t); g.AccessToken == "" {
			g, err = i.renewKeySession(ctx, s, &wanted, now, t)
		} else if s.ID == wanted.ID {
			i.tellKeyLogin(ctx, s)
		}
		return err
	})
	return g, err
}

// openKeySession opens a session of a key. Sessions of secrets that have ended
// keep no place from it: they are good for nothing, but a client that had the old
// text of a key could have opened as many as there may be.
func (i *Issuer) openKeySession(ctx context.Context, key APIKey, s Session, now time.Time) (Session, error) {
	opened, err := i.store.OpenSession(ctx, s, i.config.Tokens.MaxSessions)
	if !errors.Is(err, ErrFull) {
		return opened, err
	}
	full := conflict("The key has too many sessions.").WithCause(err)
	ended, err := i.endSessionsOfEndedSecrets(ctx, key, SessionQuery{Subject: s.Subject, LiveAt: now})
	switch {
	case err != nil:
		return Session{}, err
	case ended == 0:
		return Session{}, full
	}
	opened, err = i.store.OpenSession(ctx, s, i.config.Tokens.MaxSessions)
	if errors.Is(err, ErrFull) {
		return Session{}, full
	}
	return opened, err
}

// endSessionsOfEndedSecrets ends sessions of a key that the query finds and that
// secrets which have ended opened: those of the first page that has some. It
// returns how many they were.
func (i *Issuer) endSessionsOfEndedSecrets(ctx context.Context, key APIKey, q SessionQuery) (n int, err error) {
	q.Oldest, q.Limit = true, maxPage
	for range maxReads {
		found, err := i.findSessions(ctx, q)
		if err != nil {
			return 0, err
		}
		for _, s := range found {
			if key.hasLive(s.SecretHash, time.Now()) {
				continue
			}
			if err := i.endSession(ctx, s, Event{Actor: s.Subject}, reasonTooMany); err != nil && !isConflict(err) {
				return 0, err
			}
			n++
		}
		if n > 0 || len(found) < maxPage {
			break
		}
		q.After = found[len(found)-1].position()
	}
	return n, nil
}

// hasLive reports whether a key has a secret with the hash that has not ended.
func (k *APIKey) hasLive(hash bearer.KeyHash, now time.Time) bool {
	return slices.ContainsFunc(k.Secrets, func(s Secret) bool {
		return s.Hash == hash && (s.EndsAt.IsZero() || now.Before(s.EndsAt))
	})
}

// keyTerms returns the terms of a token that is made from a key now. It ends no
// later than the key and its secret do. If that is within the second, the key is
// refused as it will be then.
func (i *Issuer) keyTerms(key APIKey, secret Secret, now time.Time) (terms, error) {
	last := earliest(key.ExpiresAt, secret.EndsAt)
	end := earliest(now.Add(i.config.Tokens.SessionTTL), last).Truncate(time.Second)
	t := terms{Scopes: key.Scopes, ReadOnly: key.Kind == bearer.PublishableKey, ExpiresAt: end, EndsAt: last}
	switch {
	case end.After(now):
		return t, nil
	case last.Equal(key.ExpiresAt):
		return t, refuse(bearer.CodeKeyExpired)
	default:
		e := refuse(bearer.CodeUnauthorized)
		e.Reason = "key_revoked"
		return t, e
	}
}

// newKeySession returns a session of a key, without an access token yet.
func newKeySession(key APIKey, secret Secret, label string, now, end time.Time) Session {
	return Session{
		ID:          mint(sessionPrefix),
		Subject:     keySubject + key.ID,
		Name:        secret.ID + "/" + label,
		Label:       label,
		Owner:       key.Owner,
		CreatedBy:   key.CreatedBy,
		Environment: key.Environment,
		CreatedAt:   now,
		ExpiresAt:   end,
		SecretHash:  secret.Hash,
		Version:     1,
	}
}

// sameGrant returns the grant of the token that a session has, or none if it
// cannot be signed, or says more than a token of the wanted session may.
func (i *Issuer) sameGrant(s, wanted *Session, now time.Time, t terms) Grant {
	had, err := s.claims()
	most := i.claimsOf(wanted, now, t)
	most.Session = s.ID
	isGood := err == nil && equalHash(s.SecretHash, wanted.SecretHash) && had.within(&most) &&
		had.ExpiresAt > now.Unix() && (t.EndsAt.IsZero() || had.ExpiresAt <= t.EndsAt.Unix())
	if !isGood {
		return Grant{}
	}
	return i.grantOf(s, had, now)
}

// within reports whether claims say no more than those that could be made now:
// for the same session, with no other scopes. They may end later: this request may
// have read the clock before the one that made them, or in another replica.
func (c *claims) within(most *claims) bool {
	isSame := c.Issuer == most.Issuer && c.Audience == most.Audience && c.Subject == most.Subject &&
		c.Owner == most.Owner && c.Environment == most.Environment && c.Session == most.Session
	if !isSame || most.ReadOnly && !c.ReadOnly {
		return false
	}
	return c.Scope == most.Scope || most.Scope.Contain(slices.Collect(c.Scope.All())...)
}

// renewKeySession puts a new token into a session of a key.
func (i *Issuer) renewKeySession(
	ctx context.Context, s Session, wanted *Session, now time.Time, t terms,
) (Grant, error) {
	s.Owner, s.CreatedBy, s.Environment = wanted.Owner, wanted.CreatedBy, wanted.Environment
	s.SecretHash, s.ExpiresAt, s.RefreshedAt = wanted.SecretHash, wanted.ExpiresAt, now
	g, err := i.newGrant(&s, now, t)
	if err != nil {
		return Grant{}, err
	}
	if err := i.replaceSession(ctx, s); err != nil {
		return Grant{}, err
	}
	i.tellKeyLogin(ctx, s)
	return g, nil
}

// tellKeyLogin tells of a login by an API key that gave a new token.
func (i *Issuer) tellKeyLogin(ctx context.Context, s Session) {
	i.tell(ctx, Event{Type: "login.succeeded", Actor: s.Subject, Target: s.ID, Owner: s.Owner})
}
