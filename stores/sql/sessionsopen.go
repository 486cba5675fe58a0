package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/blockauth/bearer/issuer"
)

const stepOpen = "open a session"

// errLost says that a session was not stored: another one has its name, or its ID.
var errLost = errors.New("another session has the name or the ID")

// OpenSession implements [issuer.SessionStore]. To find a session that lives takes
// one read; to open one takes two reads and a write, or one read less if its name
// is its ID, which is then taken to be new. Of calls at the same time, the unique
// index lets one write; the others find what it wrote.
func (s *Store) OpenSession(ctx context.Context, session issuer.Session, most int) (issuer.Session, error) {
	row, err := newSessionRow(session)
	if err != nil {
		return issuer.Session{}, fmt.Errorf("bearersql: %s: %w", stepOpen, err)
	}
	for n := range tries {
		named, err := s.tryOpen(ctx, row, most, n > 0)
		switch {
		case errors.Is(err, errLost):
			continue
		case errors.Is(err, issuer.ErrFull): // of what another call opened, perhaps
			if now, e := s.sessionNamed(ctx, row); e != nil || livesIn(now, row) {
				named, err = now, e
			}
		}
		switch {
		case err != nil:
			return issuer.Session{}, err
		case named != nil:
			return *named, nil
		}
		return session, nil
	}
	return issuer.Session{}, fmt.Errorf("bearersql: %s: others were faster: %w", stepOpen, issuer.ErrConflict)
}

// tryOpen returns the session that lives, or stores the new one and returns nil.
func (s *Store) tryOpen(ctx context.Context, row *sessionRow, most int, again bool) (*issuer.Session, error) {
	var named *issuer.Session
	if again || row.Name != row.ID {
		var err error
		if named, err = s.sessionNamed(ctx, row); err != nil || livesIn(named, row) {
			return named, err
		}
	}
	if again { // what was faster does not live, or has another name
		if err := s.checkFreeID(ctx, row.ID); err != nil {
			return nil, err
		}
	}
	if err := s.checkRoom(ctx, row, most); err != nil {
		return nil, err
	}
	return nil, s.store(ctx, row, named)
}

// livesIn reports whether a session lives when another one begins.
func livesIn(named *issuer.Session, begins *sessionRow) bool {
	return named != nil && named.EndedAt.IsZero() && begins.CreatedAt.Before(named.ExpiresAt)
}

// sessionNamed returns the session that has the subject and the name, or nil. It
// may have expired.
func (s *Store) sessionNamed(ctx context.Context, row *sessionRow) (named *issuer.Session, err error) {
	err = s.look(ctx, stepOpen, func(q statements) error {
		found, err := scanSession(onPrimary(q.queryRow(ctx, sessionByName, row.Subject, row.Name).Scan))
		if errors.Is(err, sql.ErrNoRows) {
			named = nil
			return nil
		}
		named = &found
		return err
	})
	return named, err
}

// checkFreeID returns an error if the ID of a session is taken.
func (s *Store) checkFreeID(ctx context.Context, id string) error {
	there, err := s.hasSession(ctx, stepOpen, id)
	if err == nil && there {
		err = fmt.Errorf("bearersql: %s: the ID is taken: %w", stepOpen, issuer.ErrExists)
	}
	return err
}

// checkRoom returns an error if the subject has most live sessions. Calls at the
// same time may each find the last place: most is not exact.
func (s *Store) checkRoom(ctx context.Context, row *sessionRow, most int) error {
	n := 0
	err := s.look(ctx, stepOpen, func(q statements) error {
		return q.queryRow(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM {prefix}sessions"+
			" WHERE subject = ? AND ended_at IS NULL AND expires_at > ? LIMIT ?) AS living",
			row.Subject, row.createdAt, most).Scan(&n)
	})
	if err == nil && n >= most {
		err = fmt.Errorf("bearersql: %s: %w", stepOpen, issuer.ErrFull)
	}
	return err
}

// store inserts a session. If named has its name, that one has expired, and gives
// it up in the same transaction.
func (s *Store) store(ctx context.Context, row *sessionRow, named *issuer.Session) error {
	if named == nil || row.endedAt.Valid {
		return s.change(ctx, stepOpen, func(q statements) error { return row.insert(ctx, q) })
	}
	return s.write(ctx, stepOpen, func(q statements) error {
		isFree, err := isChanged(q.exec(ctx,
			"UPDATE {prefix}sessions SET live = NULL WHERE id = ? AND live = 1 AND expires_at <= ?",
			named.ID, row.createdAt))
		switch {
		case err != nil:
			return err
		case !isFree: // another call was faster, or the session was prolonged
			return errLost
		}
		return row.insert(ctx, q)
	})
}

// insert inserts a session, or returns errLost. On PostgreSQL, a statement that
// fails would end the transaction, and leave a line in the log of the server.
func (r *sessionRow) insert(ctx context.Context, q statements) error {
	var live any
	if !r.endedAt.Valid {
		live = 1
	}
	query := "INSERT INTO {prefix}sessions (live, " + strings.Join(sessionColumns, ", ") + ") VALUES " +
		tuples(1, 1+len(sessionColumns))
	if q.store.dialect != MySQL {
		query += " ON CONFLICT DO NOTHING"
	}
	isStored, err := isChanged(q.exec(ctx, query, append([]any{live}, r.fields()...)...))
	if err == nil && !isStored || q.store.dialect.faultOf(err) == faultDuplicate {
		return errLost
	}
	return err
}
