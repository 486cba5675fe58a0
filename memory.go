package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// MemoryStore is a [KeyStore] in memory. What it is told takes effect on the
// next request. The zero value is an empty store. A MemoryStore is safe for
// concurrent use, and must not be copied after first use.
type MemoryStore struct {
	keys digests[heldKey]
}

// NewMemoryStore returns a store that holds the keys. Of two keys with the same
// hash, it holds the later one.
func NewMemoryStore(keys ...Key) *MemoryStore {
	s := new(MemoryStore)
	for i := range keys {
		s.keys.put(hold(&keys[i]))
	}
	return s
}

// Add adds keys to the store. It stops and returns an error at the first whose
// hash the store has already. Keys may share an ID: the two texts of a key that
// is being rotated do.
func (s *MemoryStore) Add(keys ...Key) error {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	for i := range keys {
		if s.keys.load(&keys[i].Hash) != nil {
			return fmt.Errorf("bearer: %v: its hash is in the store already", keys[i])
		}
		s.keys.put(hold(&keys[i]))
	}
	return nil
}

// Update replaces the key that has the same hash: to revoke it, say. It returns
// an error wrapping [ErrKeyNotFound] if there is none.
func (s *MemoryStore) Update(key Key) error {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if s.keys.load(&key.Hash) == nil {
		return fmt.Errorf("%w: none has the hash of %v", ErrKeyNotFound, key)
	}
	s.keys.put(hold(&key))
	return nil
}

// Remove removes every key with the ID. It returns an error wrapping
// [ErrKeyNotFound] if there is none. It reads the whole store.
func (s *MemoryStore) Remove(id string) error {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if s.keys.removeAll(func(h *heldKey) bool { return h.key.ID == id }) == 0 {
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
	if p := s.find(&hash); p != nil {
		return p.Key, nil
	}
	return nil, ErrKeyNotFound
}

// find returns the principal of a key, or nil.
func (s *MemoryStore) find(hash *KeyHash) *Principal {
	if held := s.keys.load(hash); held != nil {
		return &held.principal
	}
	return nil
}

// Format implements [fmt.Formatter], so that no verb shows hashes.
func (s *MemoryStore) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "bearer.MemoryStore") }

// A heldKey is a key and its principal, which each request would have to make
// otherwise.
type heldKey struct {
	key       Key
	principal Principal // of key
}

// hold returns an entry that shares nothing with the caller's key.
func hold(key *Key) *digestEntry[heldKey] {
	e := &digestEntry[heldKey]{digest: key.Hash}
	k := &e.value.key
	*k = *key
	k.AllowedIPs = slices.Clone(key.AllowedIPs)
	k.principal(&e.value.principal)
	return e
}
