package bearersql

import (
	"context"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// OpenSession implements [issuer.SessionStore].
func (s *Store) OpenSession(ctx context.Context, session issuer.Session, most int) (issuer.Session, error) {
	return issuer.Session{}, errNotBuilt
}

// GetSession implements [issuer.SessionStore].
func (s *Store) GetSession(ctx context.Context, id string) (issuer.Session, error) {
	return issuer.Session{}, errNotBuilt
}

// ListSessions implements [issuer.SessionStore].
func (s *Store) ListSessions(ctx context.Context, query issuer.SessionQuery) ([]issuer.Session, error) {
	return nil, errNotBuilt
}

// ReplaceSession implements [issuer.SessionStore].
func (s *Store) ReplaceSession(ctx context.Context, session issuer.Session) error { return errNotBuilt }

// EndSessions implements [issuer.SessionStore].
func (s *Store) EndSessions(ctx context.Context, subject, except string) error { return errNotBuilt }

// Sweep implements [issuer.Sweeper].
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	return 0, errNotBuilt
}
