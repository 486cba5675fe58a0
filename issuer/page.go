package issuer

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// What a page of a list may hold.
const (
	defaultPage = 20
	maxPage     = 100
)

// pageLimit returns how many records a page has at most; zero is the default.
func pageLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return defaultPage, nil
	case limit < 0 || limit > maxPage:
		return 0, invalid("limit", "limit must be 1 to 100")
	}
	return limit, nil
}

// pageOf returns the first records of a list that was asked for one more than
// limit, and the cursor of the next page, "" for none.
func pageOf[T any](records []T, limit int, positionOf func(T) Position) (page []T, next string) {
	if len(records) <= limit {
		return records, ""
	}
	return records[:limit], positionOf(records[limit-1]).cursor()
}

// cursor returns a position as a text for clients. It says where a list goes on,
// and nothing of whose it is: one that was made up, or another owner's, is a place
// in the caller's own list.
func (p Position) cursor() string {
	data := binary.BigEndian.AppendUint64(nil, uint64(p.CreatedAt.Unix()))
	data = binary.BigEndian.AppendUint32(data, uint32(p.CreatedAt.Nanosecond()))
	return base64.RawURLEncoding.EncodeToString(append(data, p.ID...))
}

// positionOf returns the position that a cursor names, or the one given if there
// is no cursor.
func positionOf(cursor string, given Position) (Position, error) {
	if cursor == "" {
		return given, nil
	}
	p, isCursor := parseCursor(cursor)
	if !isCursor {
		return Position{}, invalid("cursor", "cursor must be a next_cursor of this list")
	}
	return p, nil
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
