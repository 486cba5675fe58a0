package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/blockauth/bearer"
)

// digits are those of base 32 (RFC 4648 section 6), in the order of their bytes.
const digits = "234567abcdefghijklmnopqrstuvwxyz"

// mint returns a new random name of 26 letters and digits after the prefix: 130
// bits, which also serve as a secret.
func mint(prefix string) string {
	var array [64]byte
	b := append(array[:0], prefix...)
	random := b[len(b) : len(b)+26]
	_, _ = rand.Read(random) // never fails
	for i := range random {
		random[i] = digits[random[i]&31]
	}
	return string(b[:len(b)+26])
}

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

// isClientID reports whether an OAuth client can have the ID: VSCHAR of RFC 6749
// appendix A.1, but no colon, for clients that do not encode what they join by
// one.
func isClientID(id string) bool {
	isOdd := func(c rune) bool { return c < ' ' || c > '~' || c == ':' }
	return id != "" && len(id) <= 255 && !strings.ContainsFunc(id, isOdd)
}

// hashSecret returns the hash under which a text of mint is stored. It is a
// fast one: 130 random bits need no slow one.
func hashSecret(text string) bearer.KeyHash { return sha256.Sum256([]byte(text)) }

// equalHash compares two hashes in constant time.
func equalHash(a, b bearer.KeyHash) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
