package issuer

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// problemOfTexts says what stands in a string of valid JSON that no text has, or
// "": NUL, or half a surrogate pair. Both can only be written as an escape.
//
// It steps from backslash to backslash. An escape of two bytes is skipped as a
// whole, so that the second backslash of "\\u0000" begins none.
func problemOfTexts(data []byte) string {
	for {
		at := bytes.IndexByte(data, '\\')
		if at < 0 {
			return ""
		}
		unit, size := escape(data[at:])
		if utf16.IsSurrogate(unit) {
			second, more := escape(data[at+size:])
			if utf16.DecodeRune(unit, second) == utf8.RuneError {
				return "a string has half a surrogate pair"
			}
			size += more
		}
		if unit == 0 {
			return "a string has a NUL character"
		}
		data = data[at+size:]
	}
}

// escape returns the UTF-16 code unit that data begins with as \u and four digits,
// and its size in bytes. Of anything else, it returns a replacement and the size
// of a short escape.
func escape(data []byte) (unit rune, size int) {
	const long = len(`\u0000`)
	if len(data) < long || data[0] != '\\' || data[1] != 'u' {
		return utf8.RuneError, 2
	}
	n, err := strconv.ParseUint(string(data[2:long]), 16, 16)
	if err != nil {
		return utf8.RuneError, 2
	}
	return rune(n), long
}
