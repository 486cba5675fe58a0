package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/blockauth/bearer/internal/hashmap"
)

// MemoryStore is a [KeyStore] in memory. A change takes effect on the next
// request. The zero value is an empty store. A MemoryStore is safe for
// concurrent use, and must not be copied after first use.
type MemoryStore struct {
	keys hashmap.Map[heldKey]
}

// NewMemoryStore returns a store that holds the keys. Of two keys with the same
// hash, it holds the later one.
func NewMemoryStore(keys ...Key) *MemoryStore {
	s := new(MemoryStore)
	for i := range keys {
		s.keys.Put(hold(&keys[i]))
	}
	return s
}

// Add adds keys to the store. It stops and returns an error at the first whose
// hash the store has already. Keys may share an ID: the two texts of a key that
// is being rotated do.
func (s *MemoryStore) Add(keys ...Key) error {
	entries := make([]*hashmap.Entry[heldKey], len(keys))
	for i := range keys {
		entries[i] = hold(&keys[i])
	}
	if n := s.keys.Add(entries...); n < len(keys) {
		return fmt.Errorf("bearer: %v: its hash is in the store already", keys[n])
	}
	return nil
}

// Update replaces the key that has the same hash: to revoke it, say. It returns
// an error wrapping [ErrKeyNotFound] if there is none.
func (s *MemoryStore) Update(key Key) error {
	if !s.keys.Replace(hold(&key)) {
		return fmt.Errorf("%w: none has the hash of %v", ErrKeyNotFound, key)
	}
	return nil
}

// Remove removes every key with the ID. It returns an error wrapping
// [ErrKeyNotFound] if there is none. It reads the whole store.
func (s *MemoryStore) Remove(id string) error {
	if s.keys.RemoveFunc(func(h *heldKey) bool { return h.principal.ID == id }) == 0 {
		return fmt.Errorf("%w: none has the ID %q", ErrKeyNotFound, id)
	}
	return nil
}

// FindKey implements [KeyStore]. The key that it returns is shared by all
// callers and must not be changed.
func (s *MemoryStore) FindKey(ctx context.Context, hash KeyHash) (*Key, error) {
	if s == nil {
		return nil, errors.New("bearer: nil MemoryStore")
	}
	if held := s.keys.Load((*hashmap.Digest)(&hash)); held != nil {
		return held.principal.Key, nil
	}
	return nil, ErrKeyNotFound
}

// Format implements [fmt.Formatter], so that no verb shows hashes.
func (s *MemoryStore) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "bearer.MemoryStore") }

// A heldKey is what a request needs to know of a key: made once and not for each
// request. On a server, whose caches are cold when a key comes again, each line of
// memory is a wait, so the key itself stands elsewhere: a request with a plain key
// does not touch it.
type heldKey struct {
	isPlain   bool      // the key has no limit of its own, and can refuse no request
	principal Principal // of the key, with the key
}

// hold returns an entry that shares nothing with the caller's key but its Data.
func hold(key *Key) *hashmap.Entry[heldKey] {
	k := *key
	k.AllowedIPs = slices.Clone(key.AllowedIPs)
	k.AllowedOrigins = slices.Clone(key.AllowedOrigins)
	e := &hashmap.Entry[heldKey]{Digest: key.Hash}
	k.principal(&e.Value.principal)
	e.Value.isPlain = k.isPlain()
	return e
}
