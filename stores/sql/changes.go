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
// committed.
func (s *Store) count(ctx context.Context, q statements, changes int) (last int64, err error) {
	const update = `UPDATE {prefix}counter SET seq = `
	switch s.dialect {
	case PostgreSQL:
		err = q.queryRow(ctx, update+`seq + ? WHERE id = 1 RETURNING seq, pg_notify(?, '')::text`,
			changes, s.config.changesChannel()).Scan(&last, new(string))
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
		return fmt.Errorf("%w: %s", errOldNumber, err.Error()) // not a record that exists already
	}
	return err
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
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
