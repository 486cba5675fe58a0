package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// ListSessions implements [issuer.SessionStore]. To list those of a subject or of
// an owner, it reads an index; to list all, it sorts them first.
func (s *Store) ListSessions(ctx context.Context, query issuer.SessionQuery) (sessions []issuer.Session, err error) {
	l := newSessionList(&query, s.dialect)
	err = s.look(ctx, "list sessions", func(q statements) error {
		sessions, err = listed(ctx, q, l, scanSession)
		return err
	})
	return sessions, err
}

// newSessionList returns the query of a list.
//
// Those sessions of a subject that live are few, and have an index of their own,
// after which they are sorted. The index that is in order also has those that have
// ended: if a client opens a session for each request, all of them stand before
// the oldest one that lives.
func newSessionList(q *issuer.SessionQuery, d Dialect) *list {
	l := newList(d, sessionColumns, "sessions")
	l.oldest = q.Oldest
	l.sorted = q.Subject != "" && !q.LiveAt.IsZero()
	switch {
	case q.Subject != "" && !l.sorted:
		l.leadBy("subject", q.Subject, maxSubject)
		l.is("owner", q.Owner, maxShort)
	case q.Subject == "" && q.Owner != "":
		l.leadBy("owner", q.Owner, maxShort)
	default:
		l.is("subject", q.Subject, maxSubject)
		l.is("owner", q.Owner, maxShort)
	}
	l.is("created_by", q.CreatedBy, maxShort)
	if !q.LiveAt.IsZero() {
		l.where("t.ended_at IS NULL AND t.expires_at > ?", q.LiveAt.UnixMicro())
	}
	l.page(q.After, q.Limit)
	return l
}
