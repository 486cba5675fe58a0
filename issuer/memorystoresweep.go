package issuer

import (
	"slices"
	"time"
)

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
		of := t.byOwner[owner]
		of.removeAll(isGone)
		if len(of.rows) == 0 {
			delete(t.byOwner, owner)
		}
	}
	for subject := range subjects {
		of := t.bySubject[subject]
		of.all.removeAll(isGone)
		of.byExpiry = slices.DeleteFunc(of.byExpiry, isGone)
		of.unended.removeAll(isGone)
		if len(of.all.rows) == 0 {
			delete(t.bySubject, subject)
		}
	}
}
