package issuer

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// ListSessions returns the sessions that the caller may see and the query finds,
// the newest first, and the cursor of the next page, "" for none. A page may hold
// fewer than the query's Limit.
func (i *Issuer) ListSessions(ctx context.Context, by Caller, q SessionQuery) (sessions []Session, next string, err error) {
	return nil, "", errTodo
}

// sees reports whether the caller may see a session: the caller's own, and those
// of the owner's keys and clients, or of those that the caller created if it is
// one with OwnOnly. Those of other users it never sees.
func (c Caller) sees(s *Session) bool {
	switch {
	case c.Owner == "" || s.Owner != c.Owner:
		return false
	case strings.HasPrefix(s.Subject, userSubject):
		return s.Subject == userSubject+c.ID
	default:
		return !c.OwnOnly || s.CreatedBy == c.ID
	}
}

// serveListSessions serves GET /auth/sessions: those that live.
func (i *Issuer) serveListSessions(w http.ResponseWriter, r *http.Request) error {
	return errTodo
}

var _ = time.Now
