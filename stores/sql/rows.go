package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/blockauth/bearer/issuer"
)

// errStale is that the record to be replaced is not the one that it was.
var errStale = fmt.Errorf("it was changed: %w", issuer.ErrConflict)

// errNoRecord is that there is none to be replaced, or found.
var errNoRecord = fmt.Errorf("there is none: %w", issuer.ErrNotFound)

// noRecord is errNoRecord if an error says that a query found nothing.
func noRecord(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errNoRecord
	}
	return err
}

// create is write for a call that has no ErrConflict: if the database ends each
// try, that is an outage.
func (s *Store) create(ctx context.Context, step string, do func(q statements) error) error {
	err := s.write(ctx, step, do)
	if errors.Is(err, issuer.ErrConflict) {
		return errors.New(err.Error())
	}
	return err
}

// replace replaces a row, which is there, if it is as the statement says.
func (q statements) replace(ctx context.Context, update string, args ...any) error {
	result, err := q.exec(ctx, update, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return errStale
	}
	return err
}

// replaceIn is replace for a row of a table that may not be there.
func (q statements) replaceIn(ctx context.Context, table, id, update string, args []any) error {
	err := q.replace(ctx, update, args...)
	if !errors.Is(err, errStale) {
		return err
	}
	var version int64
	missing := q.queryRow(ctx, "SELECT version FROM {prefix}"+table+" WHERE id = ?", id).Scan(&version)
	switch {
	case errors.Is(missing, sql.ErrNoRows):
		return errNoRecord
	case missing != nil:
		return missing
	}
	return err
}

// rowsAtOnce is how many rows one statement inserts or finds: all databases take
// it, and more would hardly be faster.
const rowsAtOnce = 250

// insertRows inserts rows, all of the same size.
func (q statements) insertRows(ctx context.Context, before, after string, rows [][]any) error {
	for chunk := range slices.Chunk(rows, rowsAtOnce) {
		statement := q.store.dialect.rebind(before+tuples(len(chunk), len(chunk[0]))+after, q.store.config.Prefix)
		if _, err := q.ExecContext(ctx, statement, slices.Concat(chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

// queryOnce is query for one of the many texts that lists have: where queries are
// remembered, or prepared, they would take the place of those that each request
// needs.
func (q statements) queryOnce(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	from := q.querier
	if p, isPrepared := from.(*prepared); isPrepared {
		from = p.DB
	}
	return from.QueryContext(ctx, q.store.dialect.rebind(query, q.store.config.Prefix), args...)
}

// A scanner reads the columns of one row.
type scanner func(values ...any) error

// eachRow calls a function for each row of a query, and closes the rows: also if
// the function panics.
func eachRow(rows *sql.Rows, queryErr error, read func(scan scanner) error) (err error) {
	if queryErr != nil {
		return queryErr
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
