package scan

import "encoding/base64"

// What "live" and "test" are in base64, beside an underscore: of each, the one
// group of three bytes that does not depend on what stands around it. The word
// begins with the group, one byte before it, or one byte behind its begin.
var encodedWords = []string{
	"bGl2", "aXZl", "X2xp", // liv, ive, _li
	"dGVz", "ZXN0", "X3Rl", // tes, est, _te
}

const (
	groupsBefore = 16 // 48 bytes: a namespace, and what follows it
	groupsAfter  = 20 // 60 bytes: what follows "live"
)

// decode returns the bytes that the base64 around position p says, where a group
// of four characters begins, and the position of each group. Line ends between the
// characters, with the white space behind them, are skipped.
func decode(data []byte, p int) (text []byte, groups []int) {
	reversed, places := charactersBefore(data, p)
	encoded := make([]byte, 0, 4*(groupsBefore+groupsAfter))
	for i := len(reversed)/4*4 - 1; i >= 0; i-- {
		encoded = append(encoded, standard(reversed[i]))
		if i%4 == 3 {
			groups = append(groups, places[i])
		}
	}
	for q := p; q < len(data) && len(encoded) < cap(encoded); q++ {
		if data[q] == '\n' || data[q] == '\r' {
			for q+1 < len(data) && isSpace(data[q+1]) {
				q++
			}
			continue
		}
		if !isBase64(data[q]) {
			break
		}
		if len(encoded)%4 == 0 {
			groups = append(groups, q)
		}
		encoded = append(encoded, standard(data[q]))
	}
	text = make([]byte, len(encoded))
	n, _ := base64.RawStdEncoding.Decode(text, encoded) // what a last group lacks is not needed
	return text[:n], groups
}

// charactersBefore returns the characters of base64 in front of p, the last one
// first, and their positions.
func charactersBefore(data []byte, p int) (reversed []byte, places []int) {
	for q := p - 1; q >= 0 && len(reversed) < 4*groupsBefore; q-- {
		if isSpace(data[q]) {
			if q = lineEnd(data, q); q < 0 {
				break
			}
			continue
		}
		if !isBase64(data[q]) {
			break
		}
		reversed, places = append(reversed, data[q]), append(places, q)
	}
	return reversed, places
}

// lineEnd returns the position of the line end that the white space ends with that
// ends at q, or -1 if there is none.
func lineEnd(data []byte, q int) int {
	for ; q >= 0 && isSpace(data[q]); q-- {
		if data[q] == '\n' {
			if q > 0 && data[q-1] == '\r' {
				return q - 1
			}
			return q
		}
	}
	return -1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isBase64(c byte) bool {
	return isBase62(c) || c == '+' || c == '/' || c == '-' || c == '_'
}

// standard returns a character of the alphabet for URLs in the other one.
func standard(c byte) byte {
	switch c {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return c
}
