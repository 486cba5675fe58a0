package bearertest

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/blockauth/bearer"
)

// This file tests what stores do to the bytes of a hash.

// bytes stores keys whose hashes hold bytes that stores get wrong.
func (t *keyStoreTest) bytes() {
	for _, c := range []struct {
		name string
		fill string // stands at the beginning, in the middle and at the end
	}{
		{"bytes 00", "\x00\x00\x00"},
		{"bytes ff", "\xff\xff\xff"},
		{"bytes that are not UTF-8", "\xc3\x28\x80"},
		{"quotes and backslashes", "'\"\\"},
		{"spaces and line ends", " \r\n"},
		{"spaces", "   "},
	} {
		want := newKey()
		copy(want.Hash[:], c.fill)
		copy(want.Hash[12:], c.fill)
		copy(want.Hash[32-len(c.fill):], c.fill)
		if !t.put(c.name, want) {
			return
		}
		got := t.find(ruleFound, "a hash with "+c.name, want.Hash)
		if got == nil {
			continue
		}
		t.compare(ruleFound, "a hash with "+c.name, got, &want)
		other := want.Hash
		other[20] ^= 1
		t.apart("another byte behind "+c.name, want.Hash, other)
	}
}

// similar stores keys, and looks for hashes that are almost theirs.
func (t *keyStoreTest) similar() {
	for _, c := range []struct {
		name   string
		change func(stored, asked *bearer.KeyHash)
	}{
		{"another first byte", func(_, h *bearer.KeyHash) { h[0] ^= 1 }},
		{"another byte in the middle", func(_, h *bearer.KeyHash) { h[15] ^= 0x80 }},
		{"another last byte", func(_, h *bearer.KeyHash) { h[31] ^= 1 }},
		{"its first half alone", func(_, h *bearer.KeyHash) { clear(h[16:]) }},
		{"its last half alone", func(_, h *bearer.KeyHash) { clear(h[:16]) }},
		{"the letters in another case", func(_, h *bearer.KeyHash) {
			for i := range h {
				h[i] ^= 'a' ^ 'A'
			}
		}},
		{"the letters of its base64 in another case", func(_, h *bearer.KeyHash) { *h = otherCase(*h) }},
		{"wildcards", func(_, h *bearer.KeyHash) { copy(h[:], "%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_") }},
		// Columns of characters pad and trim what stands at the ends.
		{"a zero byte instead of a space at the end", func(h, other *bearer.KeyHash) { h[31], other[31] = ' ', 0 }},
		{"a zero byte instead of a space at the beginning", func(h, other *bearer.KeyHash) { h[0], other[0] = ' ', 0 }},
		{"a tab instead of a space at the beginning", func(h, other *bearer.KeyHash) { h[0], other[0] = ' ', '\t' }},
	} {
		key := newKey()
		key.Hash = letters()
		other := key.Hash
		c.change(&key.Hash, &other)
		if !t.put("similar hashes", key) {
			return
		}
		t.apart(c.name, key.Hash, other)
	}
}

// apart looks up a hash that is like a key's, before the key and after it: a
// cache may take one for the other. How the store says that there is no such
// key, unknown tests: by an empty record, say.
func (t *keyStoreTest) apart(name string, hash, other bearer.KeyHash) {
	for range 2 {
		key, err := t.lookUp(other)
		if err == nil && key != nil && (key.ID != "" || key.Owner != "" || key.Scopes != "") {
			t.brokenf(ruleLoose, "%s: got the %s, want no key", name, *key)
		}
		t.find(ruleLoose, name+" was asked for, then the key itself", hash)
	}
}

// otherCase returns the hash whose base64 is that of h, with the letters in
// another case.
func otherCase(h bearer.KeyHash) bearer.KeyHash {
	text := base64.StdEncoding.EncodeToString(h[:])
	const whole = 40 // characters that hold no bits beyond the hash
	swapped := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text[:whole])
	other, _ := base64.StdEncoding.DecodeString(swapped + text[whole:])
	copy(h[:], other)
	return h
}

// letters returns a random hash of 32 letters: what a store that takes hashes
// for text compares without their case.
func letters() bearer.KeyHash {
	text := rand.Text() + rand.Text()
	var hash bearer.KeyHash
	for i := range hash {
		hash[i] = 'A' + text[i]&15 // A to P
		if text[i]&16 != 0 {
			hash[i] += 'a' - 'A'
		}
	}
	return hash
}
