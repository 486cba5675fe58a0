package bearersql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// How often, and for how long, a transaction is tried again that the database
// ended for the sake of another one: of a deadlock, as a rule.
const (
	writeTries = 8
	writeTime  = 5 * time.Second
)

// errStale is ErrConflict that the store itself found out: the record is not the
// one that it was. To try again would not help.
var errStale = fmt.Errorf("it was changed: %w", issuer.ErrConflict)

// writeAgain is write that begins again if the database ends the transaction.
// Nothing was done then, and what ErrConflict would tell a caller may be wrong:
// that its record was changed, where only rows were locked in another order.
func (s *Store) writeAgain(ctx context.Context, step string, do func(q statements) error) error {
	start := time.Now()
	for try := 1; ; try++ {
		err := s.write(ctx, step, do)
		if !errors.Is(err, issuer.ErrConflict) || errors.Is(err, errStale) {
			return err
		}
		if try == writeTries || time.Since(start) > writeTime || wait(ctx, time.Duration(try)*time.Millisecond) != nil {
			return err
		}
	}
}

// create is writeAgain for a call that has no ErrConflict: after the last try, it
// is an outage.
func (s *Store) create(ctx context.Context, step string, do func(q statements) error) error {
	err := s.writeAgain(ctx, step, do)
	if errors.Is(err, issuer.ErrConflict) {
		return errors.New(err.Error())
	}
	return err
}

// wait waits between half of a time and all of it.
func wait(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most/2 + rand.N(most/2)) //nolint:gosec // nothing secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
