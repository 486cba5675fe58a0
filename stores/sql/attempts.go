package bearersql

import (
	"context"
	"fmt"
	"time"
)

// busyWait is how long a statement waits for other connections of SQLite.
const busyWait = 5 * time.Second

// look makes statements that only read, each by itself. They are made again if
// the database could not put them into an order with what others do at the same
// time: at SERIALIZABLE, or in a file of SQLite without a write-ahead log. Its
// errors never are ErrConflict: nothing was changed.
func (s *Store) look(ctx context.Context, step string, do func(q statements) error) error {
	for try := 1; ; try++ {
		err := s.whileBusy(ctx, busyWait, func() error { return do(s.read()) })
		switch {
		case err == nil:
			return nil
		case s.dialect.faultOf(err) != faultConflict, try == writeTries:
			return fmt.Errorf("bearersql: %s: %w", step, err)
		}
		if err := wait(ctx, time.Duration(try)*time.Millisecond); err != nil {
			return fmt.Errorf("bearersql: %s: %w", step, err)
		}
	}
}

// change makes one statement that writes. By itself, it takes one round trip, and
// a transaction takes three. But by itself it has the isolation of the connection:
// above READ COMMITTED, it is an error that another transaction has changed a row
// meanwhile. Then it is made again in a transaction. So is all that is written to
// SQLite, where one connection writes at a time.
func (s *Store) change(ctx context.Context, step string, do func(q statements) error) error {
	if s.dialect != SQLite {
		err := do(statements{s.db, s})
		if err == nil || s.dialect.faultOf(err) != faultConflict {
			return s.explain(step, err)
		}
	}
	return s.writeAgain(ctx, step, do)
}
