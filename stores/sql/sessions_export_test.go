package bearersql

import (
	"context"
	"database/sql"
)

// Record lets a function see each statement that a store makes by itself, outside
// a transaction.
func Record(s *Store, see func(query string, args []any)) { s.reader = recorder{s.reader, see} }

type recorder struct {
	querier
	see func(query string, args []any)
}

func (r recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	r.see(query, args)
	return r.querier.ExecContext(ctx, query, args...)
}

func (r recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r.see(query, args)
	return r.querier.QueryContext(ctx, query, args...)
}

func (r recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	r.see(query, args)
	return r.querier.QueryRowContext(ctx, query, args...)
}
