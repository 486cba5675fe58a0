package issuer

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// How many records a page of a list has.
const (
	defaultPage = 20
	maxPage     = 100
)

// askPage turns what a caller says of a page into what a store is asked: After
// is where the cursor says, and Limit is one more than the size of the page,
// which tells whether there is another. It returns the size; a Limit of zero is
// the default.
func askPage(cursor *string, after *Position, limit *int) (size int, err error) {
	size = cmp.Or(*limit, defaultPage)
	if size < 1 || size > maxPage {
		return 0, invalid("limit", "limit must be 1 to 100.")
	}
	if *cursor != "" {
		p, isCursor := parseCursor(*cursor)
		if !isCursor {
			return 0, badCursor()
		}
		*cursor, *after = "", p
	}
	*limit = size + 1
	return size, nil
}

// pageOf returns the first records of a list that askPage asked for, and the
// cursor of the next page, "" for none.
func pageOf[T any, P record[T]](records []T, size int) (page []T, next string) {
	if len(records) <= size {
		return records, ""
	}
	return records[:size], P(&records[size-1]).position().cursor()
}

// badCursor refuses a cursor (400).
func badCursor() error {
	return invalid("cursor", "cursor must be a next_cursor of this list.")
}

// next returns the last position of a page that was asked for after p, the newest
// first. If it does not come after p, the store does not heed positions, and there
// would be no end.
func (p Position) next(last Position) (Position, error) {
	order := last.CreatedAt.Compare(p.CreatedAt)
	if p != (Position{}) && (order > 0 || order == 0 && last.ID >= p.ID) {
		return p, outage(errors.New("issuer: the store listed what does not come after the position"))
	}
	return last, nil
}

// cursor returns a position as a text for clients. It says where a list goes on,
// and nothing of whose it is: one that was made up, or another owner's, is a place
// in the caller's own list.
func (p Position) cursor() string {
	data := binary.BigEndian.AppendUint64(nil, uint64(p.CreatedAt.Unix()))
	data = binary.BigEndian.AppendUint32(data, uint32(p.CreatedAt.Nanosecond()))
	return base64.RawURLEncoding.EncodeToString(append(data, p.ID...))
}

// parseCursor reads what Position.cursor wrote, and nothing else.
func parseCursor(cursor string) (Position, bool) {
	const head = 12 // seconds and nanoseconds
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) <= head {
		return Position{}, false
	}
	seconds, nanos := binary.BigEndian.Uint64(data), binary.BigEndian.Uint32(data[8:])
	p := Position{
		CreatedAt: time.Unix(int64(seconds), int64(nanos)).UTC(),
		ID:        string(data[head:]),
	}
	year := p.CreatedAt.Year()
	return p, year >= 1 && year <= 9999 && isID(p.ID) && p.cursor() == cursor
}
