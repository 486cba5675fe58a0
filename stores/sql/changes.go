package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// changesPerInsert is the most changes in one statement: each takes seven
// placeholders, of which SQLite allows 32,766.
const changesPerInsert = 500

// changesChannel returns what PostgreSQL calls the channel of the changes.
func (c *Config) changesChannel() string { return c.Prefix + "changes" }

// tell writes changes into the table that Watch reads. Its statements must be the
// last of a transaction: the first one locks the counter, and so lets the changes
// be numbered in the order of the commits. Numbers of a sequence are not: number 7
// may be committed before number 6, and who reads 7 and goes on from there never
// sees 6.
func (s *Store) tell(ctx context.Context, q statements, changes ...issuer.Change) error {
	if len(changes) == 0 {
		return nil
	}
	last, err := s.count(ctx, q, len(changes))
	if err != nil {
		return fmt.Errorf("count the changes: %w", err)
	}
	next, now := last-int64(len(changes))+1, time.Now().UnixMicro()
	for some := range slices.Chunk(changes, changesPerInsert) {
		if err := s.insertChanges(ctx, q, next, now, some); err != nil {
			return fmt.Errorf("tell of the changes: %w", err)
		}
		next += int64(len(some))
	}
	return nil
}

// count adds to the counter, which it locks until the transaction ends, and
// returns the sum. PostgreSQL rings the listeners once the transaction has been
// committed, and ends it if this process is paused meanwhile: no other process
// could revoke anything.
func (s *Store) count(ctx context.Context, q statements, changes int) (last int64, err error) {
	const update = `UPDATE {prefix}counter SET seq = `
	switch s.dialect {
	case PostgreSQL:
		err = q.queryRow(ctx, update+`seq + ? WHERE id = 1 RETURNING seq, pg_notify(?, '')::text, `+
			`set_config('idle_in_transaction_session_timeout', '10s', true)`,
			changes, s.config.changesChannel()).Scan(&last, new(string), new(string))
	case MySQL:
		var done sql.Result
		if done, err = q.exec(ctx, update+`LAST_INSERT_ID(seq + ?) WHERE id = 1`, changes); err == nil {
			last, err = done.LastInsertId()
		}
	case SQLite:
		err = q.queryRow(ctx, update+`seq + ? WHERE id = 1 RETURNING seq`, changes).Scan(&last)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && last < int64(changes) {
		err = errNoCounter
	}
	return last, err
}

var (
	errNoCounter = errors.New("the table of the counter is empty")
	errOldNumber = errors.New("the counter is behind the changes")
)

// insertChanges numbers changes from next on. The mark of each tells it from
// another with the same number: see position.
func (s *Store) insertChanges(
	ctx context.Context, q statements, next, now int64, changes []issuer.Change,
) error {
	values := strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", len(changes))[2:]
	args := make([]any, 0, 7*len(changes))
	for i, c := range changes {
		mark := 1 + rand.Int64N(math.MaxInt64) //nolint:gosec // need not be secret
		var hash any
		if c.Key != (bearer.KeyHash{}) {
			hash = c.Key[:]
		}
		args = append(args, next+int64(i), mark, hash, orNull(c.Session), orNull(c.Subject), orNull(c.Client), now)
	}
	_, err := q.exec(ctx, `INSERT INTO {prefix}changes (seq, mark, hash, session, subject, client, at) VALUES `+
		values, args...)
	if err != nil && s.dialect.faultOf(err) == faultDuplicate {
		return errOldNumber // without err, which would say that a record exists already
	}
	return err
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// A position is a place in the changes: the number and the mark of the last one
// that was read. A copy of the database to which it failed over may lack that
// change, and have another with its number: the mark tells. If there was no
// change, the number is that of the counter, and the mark is 0: it is not known
// which change comes next.
type position struct{ seq, mark int64 }

var unknownPosition = position{seq: -1}

// A reading is what a read of the changes found.
type reading struct {
	at      position // of the last change
	changes []issuer.Change
	more    bool  // there may be more after it
	missed  bool  // some changes before it are unknown
	err     error // nothing is known
}

// changesPerPage is the most changes that are read at once.
const changesPerPage = 1000

// errGap says that changes after a position are gone, because the table was swept,
// emptied, or replaced by an older copy.
var errGap = errors.New("changes are missing")

// readChanges returns the changes after a position. If some are gone, it returns
// the position of the last one, and that changes were missed.
//
// It looks twice. MariaDB takes the list of transactions that are under way while
// they end: a read may see that of change 8 and not that of 7, which has ended
// before. One of 30,000 reads did, beside 32 writers.
func (s *Store) readChanges(ctx context.Context, from position) (r reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.readTimeout())
	defer cancel()
	err = s.tryRead(ctx, func(q statements) error {
		r, err = q.changesAfter(ctx, from)
		return err
	})
	return r, err
}

// changesAfter is one try of readChanges.
func (q statements) changesAfter(ctx context.Context, from position) (reading, error) {
	if from == unknownPosition {
		return q.skipChanges(ctx)
	}
	for range 2 {
		r, err := q.pageAfter(ctx, from)
		if err == nil && r.at == from {
			err = q.checkEmpty(ctx, from)
		}
		if !errors.Is(err, errGap) {
			return r, err
		}
	}
	return q.skipChanges(ctx)
}

// pageAfter returns the changes after a position, or an error wrapping errGap. The
// change at the position has to be there still.
func (q statements) pageAfter(ctx context.Context, from position) (reading, error) {
	r, read := reading{at: from}, 0
	rows, err := q.query(ctx, "SELECT {standby}, seq, mark, hash, session, subject, client"+
		" FROM {prefix}changes WHERE seq >= ? ORDER BY seq LIMIT ?", from.seq, changesPerPage)
	err = eachRow(rows, err, func(scan scanner) error {
		at, change, err := scanChange(scan)
		if err == nil && (read == 0 && at != from || read > 0 && at.seq != r.at.seq+1) {
			err = errGap
		}
		if err == nil && at != from {
			r.changes, r.at = append(r.changes, change), at
		}
		read++
		return err
	})
	if err == nil && read == 0 && from.mark != 0 {
		err = errGap
	}
	r.more = read == changesPerPage
	return r, err
}

// checkEmpty returns errGap if the counter has gone on since a position at which
// there was no change. The changes were told only now, or were removed.
func (q statements) checkEmpty(ctx context.Context, from position) error {
	if from.mark != 0 {
		return nil
	}
	counted, err := q.counted(ctx)
	if err == nil && counted != from.seq {
		err = errGap
	}
	return err
}

// skipChanges returns the position of the last change.
func (q statements) skipChanges(ctx context.Context) (reading, error) {
	r := reading{missed: true}
	err := q.queryRow(ctx, "SELECT {standby}, seq, mark FROM {prefix}changes ORDER BY seq DESC LIMIT 1").
		Scan(new(primary), &r.at.seq, &r.at.mark)
	if errors.Is(err, sql.ErrNoRows) {
		r.at.seq, err = q.counted(ctx)
	}
	return r, err
}

// counted returns the counter.
func (q statements) counted(ctx context.Context) (seq int64, err error) {
	err = q.queryRow(ctx, "SELECT {standby}, seq FROM {prefix}counter WHERE id = 1").Scan(new(primary), &seq)
	return seq, err
}

// scanChange reads a row. What it does not know is left out.
func scanChange(scan scanner) (at position, change issuer.Change, err error) {
	var hash []byte
	var session, subject, client sql.Null[string]
	err = scan(new(primary), &at.seq, &at.mark, &hash, &session, &subject, &client)
	copy(change.Key[:], hash)
	change.Session, change.Subject, change.Client = session.V, subject.V, client.V
	return at, change, err
}

// sweepChanges removes up to limit changes that were told before the time, and
// returns how many. The newest stays: it says where the changes end.
func (s *Store) sweepChanges(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = s.write(ctx, "sweep", func(q statements) error {
		var upTo sql.Null[int64]
		err := q.queryRow(ctx, `SELECT MAX(seq) FROM (
			SELECT seq FROM {prefix}changes
			WHERE at < ? AND seq < (SELECT MAX(seq) FROM {prefix}changes) ORDER BY seq LIMIT ?) old`,
			before.UnixMicro(), limit).Scan(&upTo)
		if err != nil || !upTo.Valid {
			return err
		}
		done, err := q.exec(ctx, `DELETE FROM {prefix}changes WHERE seq <= ? AND at < ?`,
			upTo.V, before.UnixMicro())
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		removed = int(n)
		return err
	})
	return removed, err
}
