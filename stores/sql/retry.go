package bearersql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// writeTries is how often a transaction is tried that the database ended for the
// sake of another one: a deadlock, as a rule.
const writeTries = 8

// errStale is ErrConflict that the store itself found out: the record is not the
// one that it was. To try again would not help.
var errStale = fmt.Errorf("it was changed: %w", issuer.ErrConflict)

// writeAgain is write that begins again if the database ends the transaction.
// Nothing was done then, and what ErrConflict would tell a caller may be wrong: that
// its record was changed, where only two rows were locked in another order.
func (s *Store) writeAgain(ctx context.Context, step string, do func(q statements) error) error {
	for try := 1; ; try++ {
		err := s.write(ctx, step, do)
		if err == nil || !errors.Is(err, issuer.ErrConflict) || errors.Is(err, errStale) || try == writeTries {
			return err
		}
		if wait(ctx, time.Duration(try)*time.Millisecond) != nil {
			return err
		}
	}
}

// create is writeAgain for what never is a conflict for the issuer.
func (s *Store) create(ctx context.Context, step string, do func(q statements) error) error {
	err := s.writeAgain(ctx, step, do)
	if errors.Is(err, issuer.ErrConflict) {
		return fmt.Errorf("bearersql: %s: the database ended %d tries: %s", step, writeTries, err)
	}
	return err
}

// wait waits between half of a time and all of it.
func wait(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most/2 + rand.N(most/2)) //nolint:gosec // only spreads tries
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
