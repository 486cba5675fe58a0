package bearertest

import (
	"context"
	"crypto/rand"

	"github.com/blockauth/bearer"
)

// This file tests what stores do to the bytes of a hash.

// bytes stores keys whose hashes hold bytes that stores get wrong.
func (t *keyStoreTest) bytes() {
	for _, c := range []struct {
		name string
		fill string // stands in the middle and at the end
	}{
		{"bytes 00", "\x00\x00\x00"},
		{"bytes ff", "\xff\xff\xff"},
		{"bytes that are not UTF-8", "\xc3\x28\x80"},
		{"quotes and backslashes", "'\"\\"},
		{"spaces and line ends", " \r\n"},
	} {
		want := newKey()
		copy(want.Hash[12:], c.fill)
		copy(want.Hash[32-len(c.fill):], c.fill)
		if !t.put(c.name, want) {
			continue
		}
		if got := t.find(ruleFound, "a hash with "+c.name, want.Hash); got != nil {
			t.compare(ruleFound, "a hash with "+c.name, got, &want)
		}
		want.Hash[20] ^= 1
		t.apart("another byte behind "+c.name, want.Hash)
	}
}

// similar stores a key and looks for hashes that are almost its own.
func (t *keyStoreTest) similar() {
	key := newKey()
	key.Hash = letters()
	if !t.put("similar hashes", key) {
		return
	}
	for _, c := range []struct {
		name   string
		change func(*bearer.KeyHash)
	}{
		{"another first byte", func(h *bearer.KeyHash) { h[0] ^= 1 }},
		{"another byte in the middle", func(h *bearer.KeyHash) { h[15] ^= 0x80 }},
		{"another last byte", func(h *bearer.KeyHash) { h[31] ^= 1 }},
		{"the letters in another case", func(h *bearer.KeyHash) {
			for i := range h {
				h[i] ^= 'a' ^ 'A'
			}
		}},
		{"its first half alone", func(h *bearer.KeyHash) { clear(h[16:]) }},
		{"its last half alone", func(h *bearer.KeyHash) { clear(h[:16]) }},
		{"wildcards", func(h *bearer.KeyHash) { copy(h[:], "%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_%_") }},
	} {
		hash := key.Hash
		c.change(&hash)
		t.apart(c.name, hash)
	}
	t.padded()
}

// padded looks for hashes that differ in what stands at their ends, which
// columns of characters pad and trim.
func (t *keyStoreTest) padded() {
	key := newKey()
	key.Hash = letters()
	key.Hash[31] = ' '
	if !t.put("padded hashes", key) {
		return
	}
	key.Hash[31] = 0
	t.apart("a zero byte instead of a space at the end", key.Hash)
}

// apart looks up a hash that is like another. How the store says that there is
// no such key, unknown tests: an empty record, say.
func (t *keyStoreTest) apart(name string, hash bearer.KeyHash) {
	key, err := t.store.FindKey(context.Background(), hash)
	if key != nil && (key.ID != "" || key.Owner != "" || key.Scopes != "") {
		t.brokenf(ruleLoose, "%s: got %v and the error %v, want no key", name, *key, err)
	}
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
