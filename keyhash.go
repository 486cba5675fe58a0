package bearer

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// A KeyHash is the digest of a key's text, made by [KeyFormat.Hash]: all that a
// store needs, and all that it sees. It prints as 64 hexadecimal digits, also as
// JSON and as the key of a map, and is read back by [ParseKeyHash]. So it can
// name a key wherever names are texts. In slog, it does not show.
type KeyHash [32]byte

const redacted = "[redacted]"

var (
	errNotHash       = errors.New("bearer: a key hash is 64 hexadecimal digits")
	errNotHashColumn = errors.New("bearer: the column is neither the 32 bytes of a key hash nor 64 hexadecimal digits")
)

// ParseKeyHash returns the hash that has these 64 hexadecimal digits, in either
// case. Its error does not repeat what is there instead: it may be a key.
func ParseKeyHash(digits string) (KeyHash, error) {
	var h KeyHash
	err := h.UnmarshalText([]byte(digits))
	return h, err
}

// String returns the hash as 64 lower-case hexadecimal digits.
func (h KeyHash) String() string { return hex.EncodeToString(h[:]) }

// Format implements [fmt.Formatter]. The verbs %v, %s and %q print the text of
// String; %x, %X and the rest print the 32 bytes, so that %x is the same text.
func (h KeyHash) Format(s fmt.State, verb rune) {
	format := fmt.FormatString(s, verb)
	switch verb {
	case 'v', 's', 'q':
		fmt.Fprintf(s, format, h.String())
	default:
		fmt.Fprintf(s, format, h[:])
	}
}

// LogValue implements [slog.LogValuer]: the hash does not show in logs, where
// a guess at a key could be tested against it. Log Key.ID.
func (KeyHash) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler]: the text is that of String.
func (h KeyHash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: see [ParseKeyHash]. If it
// returns an error, the hash is as it was.
func (h *KeyHash) UnmarshalText(text []byte) error {
	var b [len(h)]byte
	if len(text) != hex.EncodedLen(len(b)) {
		return errNotHash
	}
	if _, err := hex.Decode(b[:], text); err != nil {
		return errNotHash // err has a character of the text
	}
	*h = b
	return nil
}

// Value implements [driver.Valuer]: the hash is stored as its 32 bytes, in a
// binary column, which compares exactly. For a column of text, pass h.String().
func (h KeyHash) Value() (driver.Value, error) { return h[:], nil }

// Scan implements [database/sql.Scanner] for a column of 32 bytes, and for one
// of 64 hexadecimal digits.
func (h *KeyHash) Scan(column any) error {
	switch c := column.(type) {
	case []byte:
		if len(c) == len(h) {
			copy(h[:], c)
			return nil
		}
		if h.UnmarshalText(c) == nil {
			return nil
		}
	case string: // a text column of 32 characters is not a binary one
		if h.UnmarshalText([]byte(c)) == nil {
			return nil
		}
	}
	return errNotHashColumn
}
