package bearersql

import (
	"context"
	"database/sql"
)

// MigrateTo migrates as a package would whose migrations go on with these texts:
// the first one leads to version 2.
func MigrateTo(ctx context.Context, db *sql.DB, config Config, texts ...string) error {
	s, err := open(ctx, db, config)
	if err != nil {
		return err
	}
	list := migrationsOf(s.dialect)
	for _, text := range texts {
		list = append(list, migration{version: len(list) + 1, name: "more", text: text})
	}
	return s.migrate(ctx, list)
}

// CheckSchema checks the schema as a package of the version would.
func CheckSchema(ctx context.Context, db *sql.DB, config Config, version int) error {
	s, err := open(ctx, db, config)
	if err != nil {
		return err
	}
	return s.checkSchema(ctx, version)
}

// LastVersion returns the version of the package, and that of its last migration
// for a dialect.
func LastVersion(dialect Dialect) (version, last int) {
	list := migrationsOf(dialect)
	return schemaVersion, list[len(list)-1].version
}

// A Querier makes statements of a transaction.
type Querier struct{ q statements }

// Exec executes a statement.
func (q Querier) Exec(ctx context.Context, query string, args ...any) error {
	_, err := q.q.exec(ctx, query, args...)
	return err
}

// Number returns the number that a query finds.
func (q Querier) Number(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = q.q.queryRow(ctx, query, args...).Scan(&n)
	return n, err
}

// Transact calls a function with a transaction.
func (s *Store) Transact(ctx context.Context, do func(q Querier) error) error {
	return s.write(ctx, "test", func(q statements) error { return do(Querier{q}) })
}

// Reader returns what makes statements outside of a transaction.
func (s *Store) Reader() Querier { return Querier{s.read()} }

// Prefix returns that of the tables.
func (s *Store) Prefix() string { return s.config.Prefix }
