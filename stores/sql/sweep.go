package bearersql

import (
	"context"
	"time"
)

// sweepStep is how many rows a statement of Sweep removes: few enough that those
// who wait for one of them wait for a moment.
const sweepStep = 250

// Sweep implements [issuer.Sweeper]. It returns the greater of two numbers, that
// of sessions and that of records of changes: as long as it is limit, there may be
// more of one of them. Several replicas may call it at once.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	expired, err := s.sweepSessions(ctx, "expires_at", before, limit)
	if err != nil {
		return expired, err
	}
	ended, err := s.sweepSessions(ctx, "ended_at", before, limit-expired)
	if err != nil {
		return expired + ended, err
	}
	changes, err := s.sweepChanges(ctx, before, limit)
	return max(expired+ended, changes), err
}

// sweepSessions removes up to limit sessions whose column is before a time, in
// small steps, and returns how many.
func (s *Store) sweepSessions(ctx context.Context, column string, before time.Time, limit int) (total int, err error) {
	for isLast := false; total < limit && !isLast && err == nil; {
		var n int
		n, isLast, err = s.sweepSome(ctx, column, before, min(limit-total, sweepStep))
		total += n
	}
	return total, err
}

// sweepSome removes up to most of these sessions. It finds them first, and removes
// them by their IDs: one statement for both would lock the entries of the index
// before the rows, while those who change a session lock its row first. Where it
// finds some and removes none, another replica is at it.
func (s *Store) sweepSome(
	ctx context.Context, column string, before time.Time, most int,
) (n int, isLast bool, err error) {
	var ids []any
	err = s.look(ctx, "find sessions to sweep", func(q statements) error {
		ids = nil
		rows, err := q.query(ctx, "SELECT id FROM {prefix}sessions WHERE "+column+" < ? ORDER BY "+column+" LIMIT ?",
			microsFrom(before), most)
		return eachRow(rows, err, func(scan scanner) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	if err != nil || len(ids) == 0 {
		return 0, true, err
	}
	isLast = len(ids) < most
	for len(ids) < sweepStep { // so that there is one statement, whatever the number
		ids = append(ids, ids[0])
	}
	n, err = s.remove(ctx, "sweep sessions", "DELETE FROM {prefix}sessions WHERE id IN "+tuples(1, sweepStep)+
		" AND "+column+" < ?", append(ids, microsFrom(before))...)
	return n, n == 0 || isLast, err
}

// remove makes a statement that removes rows, and returns how many it removed.
func (s *Store) remove(ctx context.Context, step, query string, args ...any) (n int, err error) {
	err = s.change(ctx, step, func(q statements) error {
		result, err := q.exec(ctx, query, args...)
		if err != nil {
			return err
		}
		removed, err := result.RowsAffected()
		n = int(removed)
		return err
	})
	return n, err
}
