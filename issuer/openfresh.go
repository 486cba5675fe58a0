package issuer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

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
