package bearersql

import (
	"context"
	"fmt"
)

// look makes statements that only read, each by itself. Its error is never
// ErrConflict, since nothing was to be changed.
func (s *Store) look(ctx context.Context, step string, do func(q statements) error) error {
	if err := s.tryRead(ctx, do); err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	return nil
}

// tryRead makes statements that only read. They are made again if the database
// could not put them into an order with what others do at the same time: at
// SERIALIZABLE, or in a file of SQLite without a write-ahead log.
func (s *Store) tryRead(ctx context.Context, do func(q statements) error) error {
	read := func() error { return do(s.read()) }
	if s.dialect == SQLite {
		return whileBusy(ctx, read)
	}
	return s.again(ctx, read)
}

// change makes one statement that writes. By itself it takes one round trip, where
// a transaction takes three. But by itself it has the isolation of the connection:
// above READ COMMITTED, it is an error that another transaction has changed a row
// meanwhile. Then it is made again in a transaction. So is all that is written to
// SQLite, where one connection writes at a time.
func (s *Store) change(ctx context.Context, step string, do func(q statements) error) error {
	if s.dialect != SQLite {
		err := do(statements{s.reader, s})
		if err == nil || !s.dialect.faultOf(err).isTriedAgain() {
			return s.explain(step, err)
		}
	}
	return s.write(ctx, step, do)
}
