package bearersql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// A list is a query for a page of a list: the newest records of an owner, or of a
// subject, first, as a rule. It reads the index (owner, created_at, id) backwards,
// from After on.
//
// How a place in an index is said to a database is its own. PostgreSQL and SQLite
// find it by (created_at, id) < (?, ?). MySQL does not, but by OR; and if there is
// owner = ?, it often reads the owner's records from the newest on, and passes
// over those that come before the place: of 48 000, it read 23 596 for a page of
// 100 from the middle. It does not if there is a range, and if the order is that
// of the whole index.
type list struct {
	dialect Dialect
	query   strings.Builder
	args    []any
	lead    string // the first column of the index that is read; "": none is
	oldest  bool   // comes first
	sorted  bool   // after the records were found by another index
	isNone  bool   // nothing is stored that it could find
	err     error
}

func newList(d Dialect, c columns, table string) *list {
	l := &list{dialect: d}
	l.query.WriteString("SELECT {standby}, " + c.of("t") + " FROM {prefix}" + table + " t WHERE 1 = 1")
	return l
}

// where adds a condition.
func (l *list) where(condition string, args ...any) {
	l.query.WriteString(" AND " + condition)
	l.args = append(l.args, args...)
}

// is adds the condition that a column of up to most bytes has a text, unless that
// is empty.
func (l *list) is(column, text string, most int) {
	if text != "" {
		l.where("t."+column+" = ?", text)
		l.check(text, most)
	}
}

// leadBy is the condition of a column that begins an index which is in the order
// of the list.
func (l *list) leadBy(column, text string, most int) {
	l.check(text, most)
	if l.dialect != MySQL {
		l.where("t."+column+" = ?", text)
		return
	}
	l.lead = column
	l.where("t."+column+" >= ? AND t."+column+" <= ?", text, text)
}

// check makes the list empty if no column of up to most bytes holds the text.
func (l *list) check(text string, most int) {
	l.isNone = l.isNone || len(text) > most || !isText(text)
}

// page says where the list begins, and how long it is.
func (l *list) page(after issuer.Position, limit int) {
	if after != (issuer.Position{}) {
		l.after(after)
	}
	direction := " DESC"
	if l.oldest {
		direction = ""
	}
	l.query.WriteString(" ORDER BY ")
	if l.lead != "" {
		l.query.WriteString("t." + l.lead + direction + ", ")
	}
	l.query.WriteString("t.created_at")
	if l.sorted {
		l.query.WriteString(" + 0")
	}
	l.query.WriteString(direction + ", t.id" + direction)
	if limit > 0 {
		l.query.WriteString(" LIMIT ?")
		l.args = append(l.args, limit)
	}
}

// after adds the condition that a record comes after a position.
func (l *list) after(p issuer.Position) {
	at, id := microsFrom(p.CreatedAt), p.ID
	if !time.UnixMicro(at).Equal(p.CreatedAt) {
		id = "" // no record has this time: the next microsecond is on one side of it
	}
	if !isText(id) {
		l.err = fmt.Errorf("the position has an ID that is never stored: %w", errors.ErrUnsupported)
	}
	beyond := "<"
	if l.oldest {
		beyond = ">"
	}
	if l.dialect == MySQL {
		l.where("(t.created_at "+beyond+" ? OR t.created_at = ? AND t.id "+beyond+" ?)", at, at, id)
		return
	}
	l.where("(t.created_at, t.id) "+beyond+" (?, ?)", at, id)
}

// listed returns the records that a list finds.
func listed[T any](ctx context.Context, q statements, l *list, read func(scanner) (T, error)) (found []T, err error) {
	if l.isNone || l.err != nil {
		return nil, l.err
	}
	rows, err := q.queryOnce(ctx, l.query.String(), l.args...)
	err = eachRow(rows, err, func(scan scanner) error {
		record, err := read(onPrimary(scan))
		found = append(found, record)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}
