package bearersql

import (
	"context"
	"database/sql"

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

// TellAndThen is Tell with a function that is called before the commit.
func (s *Store) TellAndThen(ctx context.Context, then func(q Querier), changes ...issuer.Change) error {
	return s.write(ctx, "tell", func(q statements) error {
		err := s.tell(ctx, q, changes...)
		then(Querier{q})
		return err
	})
}

// SweepChanges removes old changes.
var SweepChanges = (*Store).sweepChanges

// Rebound returns a statement for the dialect and the prefix of a store.
func Rebound(s *Store, statement string) string { return s.dialect.rebind(statement, s.config.Prefix) }

// Sibling returns a store over the same tables with other connections.
func Sibling(s *Store, db *sql.DB) *Store {
	return &Store{db: db, config: s.config, dialect: s.dialect, reader: db, writing: make(chan struct{}, 1)}
}
