package issuer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
)

// A sessionTable keeps sessions.
type sessionTable struct {
	table[Session, *Session]
	mu        sync.RWMutex
	bySubject map[string]*subjectSessions
	byName    map[sessionName]*row[Session] // the one that was opened last, unless it ended
}

// A sessionName is what OpenSession finds a session by.
type sessionName struct{ subject, name string }

// subjectSessions are those of one subject.
type subjectSessions struct {
	all      rowList[Session, *Session]
	unended  rowList[Session, *Session] // those that did not end
	byExpiry []*row[Session]            // the same ones, in the order of ExpiresAt
}

func (t *sessionTable) init() {
	t.table.init()
	t.bySubject = make(map[string]*subjectSessions)
	t.byName = make(map[sessionName]*row[Session])
}

func (s *Session) position() Position { return Position{s.CreatedAt, s.ID} }
func (s *Session) owner() string      { return s.Owner }
func (s *Session) named() sessionName { return sessionName{s.Subject, s.Name} }

// livesAt reports whether a session neither ended nor expired.
func (s *Session) livesAt(at time.Time) bool { return s.EndedAt.IsZero() && at.Before(s.ExpiresAt) }

// copied returns a copy that shares nothing that can be changed.
func (s *Session) copied() Session {
	c := *s
	c.Payload = bytes.Clone(s.Payload)
	c.Refresh.Successor = bytes.Clone(s.Refresh.Successor)
	return c
}

// OpenSession implements [SessionStore]. To find a session that lives takes a
// read lock alone.
func (m *MemoryStore) OpenSession(_ context.Context, s Session, most int) (Session, error) {
	if living := m.sessions.living(&s); living != nil {
		return living.copied(), nil
	}
	stored := s.copied()
	opened, err := m.sessions.open(&stored, most)
	switch {
	case err != nil:
		return Session{}, err
	case opened == &stored:
		return s, nil
	}
	return opened.copied(), nil
}

// living returns the session with the subject and name of s that lives at
// s.CreatedAt, or nil.
func (t *sessionTable) living(s *Session) *Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byName[s.named()]; r != nil && r.record.livesAt(s.CreatedAt) {
		return r.record
	}
	return nil
}

// open stores s, unless another goroutine was faster.
func (t *sessionTable) open(s *Session, most int) (*Session, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.byName[s.named()]; r != nil && r.record.livesAt(s.CreatedAt) {
		return r.record, nil
	}
	if t.byID[s.ID] != nil {
		return nil, fmt.Errorf("issuer: the ID of the session: %w", ErrExists)
	}
	of := t.bySubject[s.Subject]
	if of != nil && len(of.byExpiry) >= most && len(of.byExpiry)-of.firstLiving(s.CreatedAt) >= most {
		return nil, fmt.Errorf("issuer: sessions of %s: %w", s.Subject, ErrFull)
	}
	t.link(t.add(s.ID, s))
	return s, nil
}

// link adds a row to the lists of its subject.
func (t *sessionTable) link(r *row[Session]) {
	s := r.record
	of := t.bySubject[s.Subject]
	if of == nil {
		of = &subjectSessions{}
		t.bySubject[s.Subject] = of
	}
	of.all.add(r)
	if s.EndedAt.IsZero() {
		of.enlist(r)
		t.byName[s.named()] = r
	}
}

// unlink takes a row out of the lists of its subject.
func (t *sessionTable) unlink(r *row[Session]) {
	of := t.bySubject[r.record.Subject]
	of.all.remove(r)
	of.unlist(r)
	t.unname(r)
}

// unname makes the name of a session free.
func (t *sessionTable) unname(r *row[Session]) {
	if name := r.record.named(); t.byName[name] == r {
		delete(t.byName, name)
	}
}

// firstLiving returns the index of the first session that expires after a time.
func (l *subjectSessions) firstLiving(at time.Time) int {
	return sort.Search(len(l.byExpiry), func(i int) bool { return at.Before(l.byExpiry[i].record.ExpiresAt) })
}

// enlist adds a row to the lists of those that did not end.
func (l *subjectSessions) enlist(r *row[Session]) {
	l.unended.add(r)
	at, place := r.record.ExpiresAt, len(l.byExpiry)
	if place > 0 && at.Before(l.byExpiry[place-1].record.ExpiresAt) { // not the last, as a rule
		place = l.firstLiving(at)
	}
	l.byExpiry = slices.Insert(l.byExpiry, place, r)
}

// unlist takes a row out of the lists of those that did not end.
func (l *subjectSessions) unlist(r *row[Session]) {
	if !r.record.EndedAt.IsZero() {
		return
	}
	l.unended.remove(r)
	first := l.firstLiving(r.record.ExpiresAt.Add(-1)) // of those that expire with it
	if i := slices.Index(l.byExpiry[first:], r); i >= 0 {
		l.byExpiry = slices.Delete(l.byExpiry, first+i, first+i+1)
	}
}

// GetSession implements [SessionStore].
func (m *MemoryStore) GetSession(_ context.Context, id string) (Session, error) {
	if s := m.sessions.find(id); s != nil {
		return s.copied(), nil
	}
	return Session{}, fmt.Errorf("issuer: no such session: %w", ErrNotFound)
}

func (t *sessionTable) find(id string) *Session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byID[id]; r != nil {
		return r.record
	}
	return nil
}

// ReplaceSession implements [SessionStore].
func (m *MemoryStore) ReplaceSession(_ context.Context, s Session) error {
	s = s.copied()
	if err := m.sessions.replace(&s); err != nil {
		return err
	}
	m.tell(Change{Session: s.ID})
	return nil
}

func (t *sessionTable) replace(s *Session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID[s.ID]
	switch {
	case r == nil:
		return fmt.Errorf("issuer: no such session: %w", ErrNotFound)
	case !r.record.EndedAt.IsZero():
		return fmt.Errorf("issuer: the session has ended: %w", ErrConflict)
	case r.record.Version != s.Version:
		return fmt.Errorf("issuer: the session: %w", ErrConflict)
	}
	s.Version++
	if r.record.named() != s.named() || !samePlace(r.record, s) {
		t.unlink(r)
		t.put(r, s)
		t.link(r)
		return nil
	}
	of := t.bySubject[s.Subject]
	of.unlist(r)
	r.record = s
	if s.EndedAt.IsZero() {
		of.enlist(r)
	} else {
		t.unname(r)
	}
	return nil
}

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
			rows = of.all.inOrder()
		} else if of != nil {
			rows = of.unended.inOrder()
		}
	case q.Owner != "":
		rows = t.byOwner[q.Owner].inOrder()
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
	of.unended.removeAll(func(r *row[Session]) bool { return !r.record.EndedAt.IsZero() })
}
