package bearersql

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// How many bytes fit into a column, whatever the database. MySQL has the least
// room, and cuts what is longer if its sql_mode is not strict.
const (
	maxShort = 255           // IDs and owners: a column with an index
	maxEmail = 320           // users.email
	maxLong  = 1<<24 - 1     // all other texts: a MEDIUMBLOB
	maxSmall = math.MaxInt16 // a SMALLINT
)

// misfits looks for what no column can hold: a value that would come back as
// another one, or that a database refuses with an error which tells less. All
// databases are treated alike, so that a service can move from one to another.
type misfits struct{ first error }

// addf notes what is wrong with a field.
func (m *misfits) addf(field, format string, args ...any) {
	if m.first == nil {
		m.first = fmt.Errorf("the field %s %s: %w", field, fmt.Sprintf(format, args...), errors.ErrUnsupported)
	}
}

// text checks a text that has up to most bytes. PostgreSQL holds neither a zero
// byte nor what is not UTF-8.
func (m *misfits) text(field, text string, most int) {
	switch {
	case len(text) > most:
		m.addf(field, "has %d bytes, of which %d fit", len(text), most)
	case !isText(text):
		m.addf(field, "is not valid UTF-8 without a zero byte")
	}
}

func isText(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// isShort reports whether a text may be an ID or an owner that is stored.
func isShort(text string) bool { return len(text) <= maxShort && isText(text) }

// small checks a number that is stored in two bytes.
func (m *misfits) small(field string, n int) {
	if n < 0 || n > maxSmall {
		m.addf(field, "is %d, which is none that there is", n)
	}
}
