package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// Tell tells of changes in a transaction of their own. It calls before between the
// begin and the first statement.
func (s *Store) Tell(ctx context.Context, before func(), changes ...issuer.Change) error {
	return s.write(ctx, "tell", func(q statements) error {
		before()
		return s.tell(ctx, q, changes...)
	})
}

// SweepChanges removes old changes.
var SweepChanges = (*Store).sweepChanges
