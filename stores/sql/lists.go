package bearersql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// A list is a query for a page of a list: the newest records of an owner first.
// It reads the index (owner, created_at, id) backwards, from After on.
//
// How a place in an index is said to a database is its own. PostgreSQL and SQLite
// find it by (created_at, id) < (?, ?). MySQL does not, but by OR; and if there is
// owner = ?, it often reads the owner's records from the newest on, and passes over
// those that come before the place. It does not if there is a range, and if the
// order is that of the whole index.
type list struct {
	dialect Dialect
	query   strings.Builder
	args    []any
	isNone  bool // nothing is stored that it could find
	err     error
}

func newList(d Dialect, c columns, table, owner string) *list {
	l := &list{dialect: d, isNone: !isShort(owner), args: []any{owner}}
	l.query.WriteString("SELECT " + c.of("t") + " FROM {prefix}" + table + " t WHERE ")
	if d == MySQL {
		l.query.WriteString("t.owner >= ? AND t.owner <= ?")
		l.args = append(l.args, owner)
		return l
	}
	l.query.WriteString("t.owner = ?")
	return l
}

// where adds a condition.
func (l *list) where(condition string, args ...any) {
	l.query.WriteString(" AND " + condition)
	l.args = append(l.args, args...)
}

func (l *list) createdBy(id string) {
	if id != "" {
		l.where("t.created_by = ?", id)
		l.isNone = l.isNone || !isShort(id)
	}
}

// newest says where the list begins, and how long it is.
func (l *list) newest(after issuer.Position, limit int) {
	at, id := microsFrom(after.CreatedAt), after.ID
	if !time.UnixMicro(at).Equal(after.CreatedAt) {
		id = "" // no record has this time: all at the next microsecond come before it
	}
	order := " ORDER BY t.created_at DESC, t.id DESC"
	if l.dialect == MySQL {
		order = " ORDER BY t.owner DESC, t.created_at DESC, t.id DESC"
	}
	switch {
	case after == issuer.Position{}:
	case !isText(id):
		l.err = fmt.Errorf("the position has an ID that is never stored: %w", errors.ErrUnsupported)
	case l.dialect == MySQL:
		l.where("(t.created_at < ? OR t.created_at = ? AND t.id < ?)", at, at, id)
	default:
		l.where("(t.created_at, t.id) < (?, ?)", at, id)
	}
	l.query.WriteString(order)
	if limit > 0 {
		l.query.WriteString(" LIMIT ?")
		l.args = append(l.args, limit)
	}
}

// listed returns the records that a list finds.
func listed[T any](ctx context.Context, q statements, l *list, scanOne func(scanner) (T, error)) (found []T, err error) {
	if l.isNone || l.err != nil {
		return nil, l.err
	}
	rows, err := q.queryOnce(ctx, l.query.String(), l.args...)
	err = eachRow(rows, err, func(scan scanner) error {
		record, err := scanOne(scan)
		found = append(found, record)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
