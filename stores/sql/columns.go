package bearersql

import (
	"database/sql"
	"strings"
	"time"
)

// A time is stored as whole microseconds since 1970, the zero time as NULL, or, in
// a column that is never NULL, as what it is: the year 1.

func nullMicros(t time.Time) sql.Null[int64] {
	return sql.Null[int64]{V: t.UnixMicro(), Valid: !t.IsZero()}
}

func timeOf(micros sql.Null[int64]) time.Time {
	if !micros.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micros.V).UTC()
}

// microsFrom returns the first whole microsecond that is not before a time: what
// is stored is before both of them, or before neither.
func microsFrom(t time.Time) int64 {
	n := t.UnixMicro()
	if time.UnixMicro(n).Before(t) {
		n++
	}
	return n
}

func numberOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// columns are the columns of a table. The first is the ID.
type columns []string

// of returns the columns as those of a table: "k.id, k.owner".
func (c columns) of(table string) string { return table + "." + strings.Join(c, ", "+table+".") }

// insert returns the statement that inserts a row.
func (c columns) insert(table string) string {
	return "INSERT INTO {prefix}" + table + " (" + strings.Join(c, ", ") + ") VALUES " + tuples(1, len(c))
}

// update returns the beginning of the statement that replaces a row but for its
// ID.
func (c columns) update(table string) string {
	return "UPDATE {prefix}" + table + " SET " + strings.Join(c[1:], " = ?, ") + " = ?"
}

// tuples returns n tuples of placeholders: "(?, ?), (?, ?)".
func tuples(n, size int) string {
	tuple := ", (?" + strings.Repeat(", ?", size-1) + ")"
	return strings.Repeat(tuple, n)[2:]
}
