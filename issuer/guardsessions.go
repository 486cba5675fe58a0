package issuer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// An opening is what has to be known of a session and, if a client or credential
// opened it, of that, read at about the same time. The rest of the records is not
// remembered.
type opening struct {
	id      string
	subject string
	kind    string         // of the subject, and
	opener  string         // the ID behind it: see cutSubject
	name    any            // subject, to be looked up without an allocation
	secret  bearer.KeyHash // that opened it
	isGood  bool           // it has not ended, and the client is not deleted
	endsAt  time.Time      // of the client's secret; zero: never
	began   uint64         // the generation when its look-up began: see forgotten
}

// A judge says what stands behind a token: JWT.Session of a guard.
type judge struct {
	keys bearer.KeyStore
	find func(ctx context.Context, id string) (*opening, error)
}

// ended is what stands behind a token that is refused, whenever it expires.
var ended = bearer.Session{Ended: true}

// session judges a token by its session, and that by what opened it. It does not
// look at when the session expires: the token does not outlive it, and is to be
// answered as expired.
func (j judge) session(ctx context.Context, p *bearer.Principal) (bearer.Session, error) {
	id, _ := p.Claims["sid"].(string)
	o, err := j.find(ctx, id)
	switch {
	case errors.Is(err, bearer.ErrKeyNotFound):
		return ended, nil
	case err != nil:
		return bearer.Session{}, err
	case o.subject != p.ID, !o.isGood, !o.endsAt.IsZero() && !time.Now().Before(o.endsAt):
		return ended, nil
	}
	switch o.kind {
	case keySubject:
		return j.keySession(ctx, o)
	case userSubject, clientSubject, credentialSubject:
		return bearer.Session{}, nil
	}
	return ended, nil
}

// keySession returns the key that opened a session, which the guard judges: its
// revocation, its expiry, its addresses, its scopes.
func (j judge) keySession(ctx context.Context, o *opening) (bearer.Session, error) {
	key, err := j.keys.FindKey(ctx, o.secret)
	switch {
	case errors.Is(err, bearer.ErrKeyNotFound):
		return ended, nil
	case err != nil:
		return bearer.Session{}, err
	case key == nil:
		return bearer.Session{}, errNoKey
	}
	if key.Hash != o.secret || key.ID != o.opener {
		return ended, nil
	}
	return bearer.Session{Key: key}, nil
}

var errNoKey = errors.New("issuer: the key store returned no key")

// sessionAnywhere judges a token as session does, wherever the request comes from:
// it is about the token of another.
func (j judge) sessionAnywhere(ctx context.Context, p *bearer.Principal) (bearer.Session, error) {
	s, err := j.session(ctx, p)
	if s.Key != nil {
		key := *s.Key
		key.AllowedIPs, key.AllowedOrigins = nil, nil
		s.Key = &key
	}
	return s, err
}

// cutSubject parts a sub into what it is, which ends in a colon, and an ID.
func cutSubject(subject string) (kind, id string) {
	n := strings.IndexByte(subject, ':') + 1
	return subject[:n], subject[n:]
}

// storedKeys are the API keys as the store has them. What is found and good was
// used.
type storedKeys struct{ *Issuer }

// FindKey implements [bearer.KeyStore].
func (s storedKeys) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	record, err := s.store.KeyByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	noteKey(ctx, record)
	key := record.GuardKey(hash)
	if now := time.Now(); key != nil && isGood(key, now) {
		s.uses.add(hash, now)
	}
	return key, nil
}

// isGood reports whether a key is one that some request may use now.
func isGood(key *bearer.Key, now time.Time) bool {
	return key.RevokedAt.IsZero() &&
		(key.EndsAt.IsZero() || now.Before(key.EndsAt)) &&
		(key.ExpiresAt.IsZero() || now.Before(key.ExpiresAt))
}

// storedSessions are the sessions as the store has them.
type storedSessions struct{ *Issuer }

// find returns a session with what opened it, or an error wrapping
// [bearer.ErrKeyNotFound].
func (s storedSessions) find(ctx context.Context, id string) (*opening, error) {
	began := s.cache.generation()
	session, err := s.store.GetSession(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && session.ID != id:
		return nil, bearer.ErrKeyNotFound
	case err != nil:
		return nil, err
	}
	o := &opening{
		id: id, subject: session.Subject, name: session.Subject, secret: session.SecretHash,
		isGood: session.EndedAt.IsZero(), began: began,
	}
	o.kind, o.opener = cutSubject(session.Subject)
	switch o.kind {
	case clientSubject:
		err = s.readClient(ctx, o, o.opener)
	case credentialSubject:
		err = s.readCredential(ctx, o, o.opener)
	}
	return o, err
}

// readClient reads what has to be known of the OAuth client that opened a session:
// it must have the secret that did.
func (s storedSessions) readClient(ctx context.Context, o *opening, id string) error {
	client, err := s.store.FindClient(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		o.isGood = false
		return nil
	case err != nil:
		return err
	}
	n := slices.IndexFunc(client.Secrets, func(secret Secret) bool { return secret.Hash == o.secret })
	if n < 0 || client.ID != id || client.Credential || !client.DeletedAt.IsZero() {
		o.isGood = false
		return nil
	}
	o.endsAt = client.Secrets[n].EndsAt
	return nil
}

// readCredential reads what has to be known of the credential that opened a
// session. One that replaces another is good once that one says so.
func (s storedSessions) readCredential(ctx context.Context, o *opening, id string) error {
	client, err := s.store.FindClient(ctx, id)
	if err == nil && client.Replaces != "" {
		var before Client
		if before, err = s.store.FindClient(ctx, client.Replaces); before.ReplacedBy != id {
			o.isGood = false
		}
	}
	switch {
	case errors.Is(err, ErrNotFound):
		o.isGood = false
		return nil
	case err != nil:
		return err
	case client.ID != id, !client.Credential, !client.DeletedAt.IsZero():
		o.isGood = false
	}
	return nil
}
