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
	expired, err := inSteps(limit, func(most int) (int, bool, error) {
		return s.sweepSessions(ctx, "expires_at", before, most)
	})
	if err != nil {
		return expired, err
	}
	ended, err := inSteps(limit-expired, func(most int) (int, bool, error) {
		return s.sweepSessions(ctx, "ended_at", before, most)
	})
	if err != nil {
		return expired + ended, err
	}
	changes, err := inSteps(limit, func(most int) (int, bool, error) { return s.sweepChanges(ctx, before, most) })
	return max(expired+ended, changes), err
}

// inSteps calls a function that removes up to most rows, until limit are removed
// or it reports that it found the last ones. It returns how many were removed.
func inSteps(limit int, remove func(most int) (n int, isLast bool, err error)) (int, error) {
	for total := 0; ; {
		most := min(limit-total, sweepStep)
		if most <= 0 {
			return total, nil
		}
		n, isLast, err := remove(most)
		total += n
		if err != nil || isLast {
			return total, err
		}
	}
}

// sweepSessions removes sessions whose column is before a time. It finds them
// first, and removes them by their IDs: one statement for both would lock the
// entries of the index before the rows, while those who change a session lock its
// row first. Where it finds rows and removes none, another replica is at it.
func (s *Store) sweepSessions(
	ctx context.Context, column string, before time.Time, most int,
) (n int, isLast bool, err error) {
	var ids []any
	err = s.look(ctx, "find sessions to sweep", func(q statements) error {
		ids = nil
		rows, err := q.query(ctx, "SELECT id FROM {prefix}sessions WHERE "+column+" < ? ORDER BY "+column+" LIMIT ?",
			before.UnixMicro(), most)
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
	n, err = s.remove(ctx, "sweep sessions", "DELETE FROM {prefix}sessions WHERE id IN "+tuples(1, len(ids))+
		" AND "+column+" < ?", append(ids, before.UnixMicro())...)
	return n, n == 0 || len(ids) < most, err
}

// sweepChanges removes the first records of changes, as long as they are before a
// time. It removes none behind one that stays: a watcher that still finds the
// record that it has read last has missed none after it. The newest of all stays,
// since watchers that have read all look for that.
func (s *Store) sweepChanges(ctx context.Context, before time.Time, most int) (n int, isLast bool, err error) {
	var seqs []int64 // up to one more than may be removed
	over := 0        // how many of them are before the time
	err = s.look(ctx, "find changes to sweep", func(q statements) error {
		seqs, over = nil, 0
		rows, err := q.query(ctx, "SELECT seq, at FROM {prefix}changes ORDER BY seq LIMIT ?", most+1)
		return eachRow(rows, err, func(scan scanner) error {
			var seq, at int64
			err := scan(&seq, &at)
			if over == len(seqs) && at < before.UnixMicro() {
				over++
			}
			seqs = append(seqs, seq)
			return err
		})
	})
	over = min(over, len(seqs)-1) // the last one that was read may be the newest of all
	if err != nil || over <= 0 {
		return 0, true, err
	}
	n, err = s.remove(ctx, "sweep changes", "DELETE FROM {prefix}changes WHERE seq <= ?", seqs[over-1])
	return n, n == 0 || over < most, err
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
