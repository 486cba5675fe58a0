package storesuite

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/blockauth/bearer"
)

// hashTests each store a key under a hash, and ask for another that is like it.
// Both hold 32 letters, but for what fill and change put there.
var hashTests = []struct {
	name   string
	fill   string // bytes that stores get wrong: at the beginning, in the middle and at the end
	change func(stored, other *bearer.KeyHash)
}{
	{"bytes 00", "\x00\x00\x00", changeOne},
	{"bytes ff", "\xff\xff\xff", changeOne},
	{"bytes that are not UTF-8", "\xc3\x28\x80", changeOne},
	{"quotes and backslashes", "'\"\\", changeOne},
	{"spaces and line ends", " \r\n", changeOne},
	{"spaces", "   ", changeOne},

	{"another first byte", "", func(_, h *bearer.KeyHash) { h[0] ^= 1 }},
	{"another byte in the middle", "", func(_, h *bearer.KeyHash) { h[15] ^= 0x80 }},
	{"another last byte", "", func(_, h *bearer.KeyHash) { h[31] ^= 1 }},
	{"its first half alone", "", func(_, h *bearer.KeyHash) { clear(h[16:]) }},
	{"its last half alone", "", func(_, h *bearer.KeyHash) { clear(h[:16]) }},
	{"the letters in another case", "", func(_, h *bearer.KeyHash) { copy(h[:], otherCase(string(h[:]))) }},
	{"the letters of its base64 in another case", "", changeBase64},
	{"wildcards", "", func(_, h *bearer.KeyHash) { copy(h[:], strings.Repeat("%_", 16)) }},
	// Pairs that have one checksum: CRC-32 has no key, so that any two of one length
	// have it that differ in the same bits.
	{"the same CRC-32", "", func(h, other *bearer.KeyHash) { begin(h, "odmhgncmeg", other, "dgnpacmaib") }},
	{"the same CRC-32C", "", func(h, other *bearer.KeyHash) { begin(h, "kbpkboelah", other, "dhhnbfmcfg") }},
	{"the same FNV-1 of 32 bits", "", func(h, other *bearer.KeyHash) { begin(h, "gplfanfbcf", other, "niajiijkac") }},
	{"the same FNV-1a of 32 bits", "", func(h, other *bearer.KeyHash) { begin(h, "ihljlhbccb", other, "lhdfgdnpkk") }},
	{"its bytes in another order", "", func(h, other *bearer.KeyHash) { begin(h, "ab", other, "ba") }},
	{"digits that stand elsewhere", "", func(h, other *bearer.KeyHash) { begin(h, "\x01\x23", other, "\x12\x03") }},
	// Columns of characters pad and trim what stands at the ends.
	{"a zero byte instead of a space at the end", "", func(h, other *bearer.KeyHash) { h[31], other[31] = ' ', 0 }},
	{"a zero byte instead of a space at the beginning", "", func(h, other *bearer.KeyHash) { h[0], other[0] = ' ', 0 }},
	{"a tab instead of a space at the beginning", "", func(h, other *bearer.KeyHash) { h[0], other[0] = ' ', '\t' }},
}

// hashes asks for each other hash before the key and again after it: a cache
// may take one for the other.
func (s *suite) hashes() {
	s.everyByte()
	for _, tt := range hashTests {
		key := s.newKey()
		key.Hash = letters()
		for _, at := range []int{0, 12, len(key.Hash) - len(tt.fill)} {
			copy(key.Hash[at:], tt.fill)
		}
		other := key.Hash
		tt.change(&key.Hash, &other)
		if !s.put(tt.name, key) {
			continue
		}
		if tt.fill != "" {
			s.find(ruleFound, "a hash with "+tt.name, &key)
		}
		for range 2 {
			if found, err := s.ask(other); err == nil && found != nil {
				s.Stopf(ruleOwnKey, "%s: got the %s, want no key", tt.name, found)
			}
			s.find(ruleOwnKey, tt.name+" was asked for, then the key itself", &key)
		}
	}
}

// everyByte asks for hashes that differ from that of a key in one bit, each in
// another byte.
func (s *suite) everyByte() {
	key := s.newKey()
	if !s.put("a bit of its hash", key) {
		return
	}
	for i := range key.Hash {
		if found, err := s.ask(withOtherBit(key.Hash, i)); err == nil && found != nil {
			s.Stopf(ruleOwnKey, "another bit in byte %d: got the %s, want no key", i, found)
		}
	}
	s.find(ruleOwnKey, "hashes that differ in a bit were asked for, then the key itself", &key)
}

// withOtherBit returns a hash that differs from the given one in a bit of byte i.
func withOtherBit(h bearer.KeyHash, i int) bearer.KeyHash {
	h[i] ^= 1 << (i % 8)
	return h
}

// letters returns a random hash of 32 letters: what a store that takes hashes
// for text compares without their case.
func letters() (h bearer.KeyHash) {
	text := rand.Text() + rand.Text()
	for i := range h {
		h[i] = "Aa"[text[i]>>4&1] + text[i]&15 // A to P, a to p
	}
	return h
}

// begin lets two hashes that are the same begin with texts of one length.
func begin(h *bearer.KeyHash, text string, other *bearer.KeyHash, otherText string) {
	copy(h[:], text)
	copy(other[:], otherText)
}

func changeOne(_, h *bearer.KeyHash) { h[20] ^= 1 }

// changeBase64 makes a hash one whose base64 has the letters in another case.
func changeBase64(_, h *bearer.KeyHash) {
	text := base64.StdEncoding.EncodeToString(h[:])
	const whole = 40 // characters that hold no bits beyond the hash
	other, _ := base64.StdEncoding.DecodeString(otherCase(text[:whole]) + text[whole:])
	copy(h[:], other)
}

func otherCase(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			r ^= 'a' ^ 'A'
		}
		return r
	}, text)
}
