package issuer

import (
	"context"
	"slices"
	"time"
)

// ListSessions implements [SessionStore].
func (m *MemoryStore) ListSessions(_ context.Context, q SessionQuery) ([]Session, error) {
	found := m.sessions.list(&q)
	sessions := make([]Session, len(found))
	for i, s := range found {
		sessions[i] = s.copied()
	}
	return sessions, nil
}

// list goes through the sessions of the subject or of the owner. For all sessions
// of everyone, it sorts them first.
func (t *sessionTable) list(q *SessionQuery) []*Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var rows []*row[Session]
	switch {
	case q.Subject != "":
		if of := t.bySubject[q.Subject]; of != nil && q.LiveAt.IsZero() {
			rows = of.all
		} else if of != nil {
			rows = of.unended
		}
	case q.Owner != "":
		rows = t.byOwner[q.Owner]
	default:
		for _, r := range t.byID {
			rows = append(rows, r)
		}
		slices.SortFunc(rows, func(a, b *row[Session]) int {
			return comparePositions(a.record.position(), b.record.position())
		})
	}
	if q.Oldest {
		return oldestPage(rows, q.After, q.Limit, q.finds)
	}
	return newestPage(rows, q.After, q.Limit, q.finds)
}

// finds reports whether a session is one that the query finds.
func (q *SessionQuery) finds(s *Session) bool {
	return (q.Owner == "" || q.Owner == s.Owner) &&
		(q.Subject == "" || q.Subject == s.Subject) &&
		(q.CreatedBy == "" || q.CreatedBy == s.CreatedBy) &&
		(q.LiveAt.IsZero() || s.livesAt(q.LiveAt))
}

// EndSessions implements [SessionStore].
func (m *MemoryStore) EndSessions(_ context.Context, subject, except string) error {
	m.sessions.end(subject, except, time.Now())
	m.tell(Change{Subject: subject})
	return nil
}

// end ends the sessions of a subject that live, but one. Those that expired stay
// as they are.
func (t *sessionTable) end(subject, except string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.bySubject[subject]
	if of == nil {
		return
	}
	of.byExpiry = slices.DeleteFunc(of.byExpiry, func(r *row[Session]) bool {
		if r.record.ID == except || !r.record.livesAt(now) {
			return false
		}
		ended := *r.record
		ended.EndedAt, ended.Reason = now, "ended"
		ended.Version++
		r.record = &ended
		t.unname(r)
		return true
	})
	of.unended = slices.DeleteFunc(of.unended, func(r *row[Session]) bool { return !r.record.EndedAt.IsZero() })
}

// sweep removes sessions, and returns how many. It looks for them by a read lock.
func (t *sessionTable) sweep(before time.Time, limit int) int {
	isOver := func(s *Session) bool {
		return s.ExpiresAt.Before(before) || !s.EndedAt.IsZero() && s.EndedAt.Before(before)
	}
	over := t.collect(isOver, limit)
	if len(over) == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := make(map[*row[Session]]bool, len(over))
	for _, r := range over {
		if isOver(r.record) && t.byID[r.record.ID] == r { // still
			gone[r] = true
		}
	}
	t.removeAll(gone)
	return len(gone)
}

// collect returns up to limit rows of sessions that are over.
func (t *sessionTable) collect(isOver func(*Session) bool, limit int) (rows []*row[Session]) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, r := range t.byID {
		if len(rows) >= limit {
			break
		}
		if isOver(r.record) {
			rows = append(rows, r)
		}
	}
	return rows
}

// removeAll removes rows: each list that has some of them is gone through once.
func (t *sessionTable) removeAll(gone map[*row[Session]]bool) {
	isGone := func(r *row[Session]) bool { return gone[r] }
	owners, subjects := make(map[string]bool), make(map[string]bool)
	for r := range gone {
		delete(t.byID, r.record.ID)
		t.unname(r)
		owners[r.record.Owner], subjects[r.record.Subject] = true, true
	}
	for owner := range owners {
		t.byOwner[owner] = slices.DeleteFunc(t.byOwner[owner], isGone)
		if len(t.byOwner[owner]) == 0 {
			delete(t.byOwner, owner)
		}
	}
	for subject := range subjects {
		of := t.bySubject[subject]
		of.all = slices.DeleteFunc(of.all, isGone)
		of.byExpiry = slices.DeleteFunc(of.byExpiry, isGone)
		of.unended = slices.DeleteFunc(of.unended, isGone)
		if len(of.all) == 0 {
			delete(t.bySubject, subject)
		}
	}
}
