package bearerredis

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/blockauth/bearer"
)

// maxPlain is the longest text that stands in a name as it is.
const maxPlain = 128

// nameOf returns the name of a bucket in Redis, and the tag in it that tells where
// in a cluster it is: the ID, so that all buckets of one ID are in one place. A
// name is the prefix, the policy, the class, and the tag in braces:
//
//	bearer:default:key:{key_7Fh2}
//
// Parts are told apart by the colons before the braces: so what holds a colon
// (but for an ID), a brace, a space or anything but printable ASCII, or is empty
// or longer than 128 bytes, is replaced by its SHA-256 behind a number sign. What
// begins with a number sign is replaced, too. So no two buckets have one name, and
// neither have those of two prefixes that end with colons.
func nameOf(prefix string, b *bearer.Bucket) (name, tag string) {
	tag = partOf(b.ID, true)
	policy, class := partOf(b.Policy, false), partOf(b.Class, false)
	name = prefix + policy + ":" + class + ":{" + tag + "}"
	return name, name[len(name)-1-len(tag) : len(name)-1]
}

// partOf returns a text as it stands in a name.
func partOf(text string, colons bool) string {
	if isPlain(text, colons) {
		return text
	}
	digest := sha256.Sum256([]byte(text))
	return "#" + hex.EncodeToString(digest[:])
}

func isPlain(text string, colons bool) bool {
	if text == "" || len(text) > maxPlain || text[0] == '#' {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ', c > '~', c == '{', c == '}', c == ':' && !colons:
			return false
		}
	}
	return true
}

// slotOf returns the slot of a tag in a cluster: its CRC-16 of the kind that is
// called XMODEM, modulo 16384.
func slotOf(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc = crc<<4 ^ crcTable[crc>>12^uint16(tag[i]>>4)]
		crc = crc<<4 ^ crcTable[crc>>12^uint16(tag[i]&15)]
	}
	return int(crc) % slots
}

const slots = 16384

// crcTable has the CRC of each half of a byte.
var crcTable = [16]uint16{
	0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
	0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
}
