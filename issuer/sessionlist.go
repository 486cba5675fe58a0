package issuer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ListSessions returns the sessions that the caller may see and the query finds,
// the newest first, and the cursor of the next page, "" for none. A page may hold
// fewer than the query's Limit.
func (i *Issuer) ListSessions(
	ctx context.Context, by Caller, q SessionQuery,
) (sessions []Session, next string, err error) {
	if err := by.validate(); err != nil {
		return nil, "", err
	}
	size, err := askPage(&q.Cursor, &q.After, &q.Limit)
	if err != nil {
		return nil, "", err
	}
	if !by.narrow(&q.Owner, &q.CreatedBy) { // a user's sessions have the user's ID too
		return nil, "", nil
	}
	q.Limit = maxPage
	for range maxReads {
		found, err := i.store.ListSessions(ctx, q)
		if err != nil {
			return nil, "", outage(err)
		}
		isLast := len(found) < maxPage
		if !isLast {
			q.After = found[len(found)-1].position()
		}
		sessions = append(sessions, slices.DeleteFunc(found, func(s Session) bool { return !by.seesSession(&s) })...)
		if isLast || len(sessions) > size {
			sessions, next = pageOf[Session](sessions, size)
			return sessions, next, nil
		}
	}
	return sessions, q.After.cursor(), nil
}

// findSessions returns live sessions of an owner or a subject, which are to end. A
// store that returns others is out of order.
func (i *Issuer) findSessions(ctx context.Context, q SessionQuery) ([]Session, error) {
	found, err := i.store.ListSessions(ctx, q)
	if err != nil {
		return nil, refusalOf(err)
	}
	for n := range found {
		s := &found[n]
		isAsked := s.livesAt(q.LiveAt) && (q.Subject == "" || s.Subject == q.Subject) && (q.Owner == "" || s.Owner == q.Owner)
		if !isAsked {
			return nil, outage(errors.New("issuer: the store listed a session that was not asked for"))
		}
	}
	return found, nil
}

// maxReads is how many times the store is asked for one page of sessions, where
// the caller may not see most of those that it finds.
const maxReads = 20

// seesSession reports whether the caller may see a session: the caller's own,
// and those of the owner's keys and clients, or of those that the caller
// created if it is one with OwnOnly. Those of other users it never sees.
func (c Caller) seesSession(s *Session) bool {
	switch {
	case c.Owner == "" || s.Owner != c.Owner:
		return false
	case strings.HasPrefix(s.Subject, userSubject):
		return s.Subject == userSubject+c.ID
	default:
		return !c.OwnOnly || s.CreatedBy == c.ID
	}
}

// A sessionPage is the answer with a list of sessions.
type sessionPage struct {
	Data []sessionResource `json:"data"`
	Next *string           `json:"next_cursor"`
}

// A sessionResource is what is told of a session.
type sessionResource struct {
	ID          string     `json:"id"`
	Subject     string     `json:"subject"`
	Name        string     `json:"name"` // its Label
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   time.Time  `json:"expires_at"`
	RefreshedAt *time.Time `json:"refreshed_at"`
}

// serveListSessions serves GET /auth/sessions: those that live.
func (i *Issuer) serveListSessions(w http.ResponseWriter, r *http.Request) error {
	by, err := i.callerOf(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "limit", "cursor")
	if err != nil {
		return err
	}
	wanted := SessionQuery{LiveAt: time.Now(), Cursor: q["cursor"]}
	if wanted.Limit, err = q.number("limit"); err != nil {
		return err
	}
	if cursor, isThere := q["cursor"]; isThere && cursor == "" {
		return badCursor()
	}
	sessions, next, err := i.ListSessions(r.Context(), by, wanted)
	if err != nil {
		return err
	}
	page := sessionPage{Data: make([]sessionResource, 0, len(sessions)), Next: textOrNull(next)}
	for _, s := range sessions {
		page.Data = append(page.Data, sessionResource{
			s.ID, s.Subject, s.Label, s.CreatedAt.UTC(), s.ExpiresAt.UTC(), utc(s.RefreshedAt),
		})
	}
	return answer(w, http.StatusOK, page)
}
