package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// GetSession implements [issuer.SessionStore].
func (s *Store) GetSession(ctx context.Context, id string) (found issuer.Session, err error) {
	const step = "get the session"
	if !isSessionID(id) {
		return found, fmt.Errorf("bearersql: %s: %w", step, errNoRecord)
	}
	err = s.look(ctx, step, func(q statements) error {
		found, err = scanSession(onPrimary(q.queryRow(ctx, sessionByID, id).Scan))
		return noRecord(err)
	})
	return found, err
}

// ReplaceSession implements [issuer.SessionStore]. To refresh a session takes one
// round trip.
func (s *Store) ReplaceSession(ctx context.Context, session issuer.Session) error {
	const step = "replace the session"
	row, err := newSessionRow(session)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	row.Version++
	won := false
	replace := func(q statements) (err error) {
		won, err = row.replace(ctx, q)
		return err
	}
	switch {
	case row.endedAt.Valid:
		err = s.write(ctx, step, func(q statements) error {
			if err := replace(q); err != nil || !won {
				return err
			}
			return s.tell(ctx, q, issuer.Change{Session: row.ID})
		})
	default:
		err = s.change(ctx, step, replace)
	}
	if errors.Is(err, issuer.ErrExists) { // another session has the name
		err = s.write(ctx, step, func(q statements) (err error) {
			won, err = row.takeName(ctx, q)
			return err
		})
	}
	if err == nil && !won {
		return s.whyNotReplaced(ctx, step, row.ID)
	}
	return err
}

// replace writes the row if the stored one has the version before and has not
// ended, and reports whether it did. A session that ends gives its name up. One
// that gets another subject or name has that from then on.
func (r *sessionRow) replace(ctx context.Context, q statements) (bool, error) {
	if r.endedAt.Valid {
		return r.replaceWith(ctx, q, "NULL")
	}
	return r.replaceWith(ctx, q, "CASE WHEN subject = ? AND name = ? THEN live ELSE 1 END", r.Subject, r.Name)
}

// replaceWith is replace with an expression for the column live. It stands before
// the others: MySQL sets one after the other, and would compare with what it set.
func (r *sessionRow) replaceWith(ctx context.Context, q statements, live string, args ...any) (bool, error) {
	args = append(args, r.fields()[1:]...)
	args = append(args, r.ID, r.Version-1)
	return isChanged(q.exec(ctx, "UPDATE {prefix}sessions SET live = "+live+", "+
		strings.Join(sessionColumns[1:], " = ?, ")+" = ? WHERE id = ? AND version = ? AND ended_at IS NULL", args...))
}

// takeName is replace for a session that gets the subject and the name of another
// one, which OpenSession no longer finds.
func (r *sessionRow) takeName(ctx context.Context, q statements) (bool, error) {
	won, err := r.replaceWith(ctx, q, "NULL")
	if err != nil || !won {
		return won, err
	}
	_, err = q.exec(ctx, "UPDATE {prefix}sessions SET live = NULL WHERE subject = ? AND name = ? AND live = 1",
		r.Subject, r.Name)
	if err != nil {
		return false, err
	}
	won, err = isChanged(q.exec(ctx, "UPDATE {prefix}sessions SET live = 1 WHERE id = ?", r.ID))
	if q.store.dialect.faultOf(err) == faultDuplicate { // a third one, opened meanwhile
		return false, errStale
	}
	return won, err
}

// isChanged reports whether a statement changed a row. MySQL does not count a row
// that had all that is set already: the version, or live, must change.
func isChanged(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// whyNotReplaced returns why no session was replaced: there is none with the ID,
// or it has another version, or has ended.
func (s *Store) whyNotReplaced(ctx context.Context, step, id string) error {
	switch isThere, err := s.hasSession(ctx, step, id); {
	case err != nil:
		return err
	case isThere:
		return fmt.Errorf("bearersql: %s: %w", step, errStale)
	}
	return fmt.Errorf("bearersql: %s: %w", step, errNoRecord)
}

// hasSession reports whether there is a session with the ID.
func (s *Store) hasSession(ctx context.Context, step, id string) (bool, error) {
	n := 0
	err := s.look(ctx, step, func(q statements) error {
		return q.queryRow(ctx, "SELECT COUNT(*) FROM {prefix}sessions WHERE id = ?", id).Scan(&n)
	})
	return n > 0, err
}

// EndSessions implements [issuer.SessionStore]. All end in one transaction. It
// tells of the subject even if none of its sessions lives: if an earlier call was
// cut off, no one knows whether that told.
func (s *Store) EndSessions(ctx context.Context, subject, except string) error {
	if len(subject) > maxSubject || !isText(subject) {
		return nil // no session has it
	}
	if !isSessionID(except) {
		except = "" // as before
	}
	return s.write(ctx, "end sessions", func(q statements) error {
		now := time.Now().UnixMicro()
		_, err := q.exec(ctx, "UPDATE {prefix}sessions"+
			" SET live = NULL, ended_at = ?, reason = 'ended', version = version + 1"+
			" WHERE subject = ? AND ended_at IS NULL AND expires_at > ? AND id <> ?", now, subject, now, except)
		if err != nil {
			return err
		}
		return s.tell(ctx, q, issuer.Change{Subject: subject})
	})
}
