package bearersql

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"iter"
)

//go:embed migrations
var migrationFiles embed.FS

// schemaVersion is that of the last migration.
const schemaVersion = 1

var errNotBuilt = errors.New("bearersql: not built yet")

// Migrate makes the tables of a store, or brings them up to date.
func Migrate(ctx context.Context, db *sql.DB, config Config) error { return errNotBuilt }

// Migrations returns the migrations: the name and the statements of each.
func Migrations(config Config) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {}
}

// checkSchema returns an error if the schema is not that of this package.
func (s *Store) checkSchema(ctx context.Context) error { return nil }

// dialectOf asks a database what it is.
func dialectOf(ctx context.Context, db *sql.DB) (Dialect, error) { return 0, errNotBuilt }
