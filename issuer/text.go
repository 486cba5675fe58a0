package issuer

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// validateText returns why a text for people is refused: one that is empty, longer
// than most bytes, or has control characters or invalid UTF-8, which some stores
// and many terminals do not take.
func validateText(text string, most int) error {
	switch {
	case text == "":
		return errors.New("must not be empty")
	case len(text) > most:
		return errors.New("must not be longer than " + strconv.Itoa(most) + " bytes")
	case !isPlain(text):
		return errors.New("must not have control characters")
	}
	return nil
}

// isPlain reports whether a text is UTF-8 without control characters.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// isID reports whether a record can have the ID. Stores are not asked for others:
// many answer a NUL or invalid UTF-8 with an error, which would be an outage.
func isID(id string) bool { return validateText(id, 255) == nil }

// isNewID reports whether a new record may have the ID, which stands in paths.
func isNewID(id string) bool {
	isOdd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", c)
	}
	return isID(id) && !strings.ContainsFunc(id, isOdd) && strings.Trim(id, ".") != ""
}
