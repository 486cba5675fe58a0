package issuer

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// newUUID returns a new UUID of version 4 (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// parseUUID returns the canonical form of a UUID, which is in lower case, or
// false if the text is none (RFC 9562 section 4). Its version does not matter.
func parseUUID(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	for i := range len(text) {
		c := text[i]
		isHyphen := i == 8 || i == 13 || i == 18 || i == 23
		isHex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if isHyphen != (c == '-') || !isHyphen && !isHex {
			return "", false
		}
	}
	return strings.ToLower(text), true
}
