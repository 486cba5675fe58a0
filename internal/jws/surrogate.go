package jws

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// hasHalfPair reports whether a string in valid JSON escapes half a surrogate
// pair. A decoder cannot keep it, and writes U+FFFD: "a\ud800", "a\udc00" and
// "a\ufffd" become one text.
//
// It steps from backslash to backslash, which valid JSON has within strings only:
//
//	"\\ud800"      a backslash and a text: skipped as one escape of two bytes
//	"\ud83d\ude00" a pair, of twelve bytes
//	"\ud83d\u0041" half a pair, and a letter
func hasHalfPair(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 {
			return false
		}
		data = data[i:]
		first, isUnit := codeUnit(data)
		switch {
		case !isUnit:
			data = data[2:]
		case !utf16.IsSurrogate(first):
			data = data[6:]
		default:
			second, _ := codeUnit(data[6:])
			if utf16.DecodeRune(first, second) == utf8.RuneError {
				return true
			}
			data = data[12:]
		}
	}
}

// codeUnit returns the code unit that data begins with, if that is \u and four
// digits.
func codeUnit(data []byte) (rune, bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return rune(unit), err == nil
}

// hasLossyName reports whether the name of a member has U+FFFD, however deep it
// is.
func hasLossyName(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.ContainsRune(name, utf8.RuneError) || hasLossyName(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasLossyName)
	}
	return false
}
