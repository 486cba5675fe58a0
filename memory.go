package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// MemoryStore is a [KeyStore] in memory. What it is told takes effect on the
// next request. The zero value is an empty store; a MemoryStore must not be
// copied after first use.
type MemoryStore struct {
	keys digests[*Key]
}

// NewMemoryStore returns a store that holds the keys. Of two keys with the same
// hash, it holds the later one.
func NewMemoryStore(keys ...Key) *MemoryStore {
	s := new(MemoryStore)
	for i := range keys {
		s.keys.store(keys[i].Hash, copyOf(&keys[i]))
	}
	return s
}

// Add adds keys to the store. It stops and returns an error at the first whose
// hash the store has already. Keys may share an ID: the two texts of a key that
// is being rotated do.
func (s *MemoryStore) Add(keys ...Key) error {
	for i := range keys {
		if !s.keys.insert(keys[i].Hash, copyOf(&keys[i])) {
			return fmt.Errorf("bearer: %v: its hash is in the store already", keys[i])
		}
	}
	return nil
}

// Update replaces the key that has the same hash: to revoke it, say. It returns
// an error wrapping [ErrKeyNotFound] if there is none.
func (s *MemoryStore) Update(key Key) error {
	if !s.keys.replace(key.Hash, copyOf(&key)) {
		return fmt.Errorf("bearer: %v: %w", key, ErrKeyNotFound)
	}
	return nil
}

// Remove removes every key with the ID. It returns an error wrapping
// [ErrKeyNotFound] if there is none. It reads the whole store.
func (s *MemoryStore) Remove(id string) error {
	if s.keys.remove(func(k *Key) bool { return k.ID == id }) == 0 {
		return fmt.Errorf("bearer: key %q: %w", id, ErrKeyNotFound)
	}
	return nil
}

// FindKey implements [KeyStore]. The key that it returns is shared by all
// callers and must not be changed.
func (s *MemoryStore) FindKey(_ context.Context, hash KeyHash) (*Key, error) {
	if s == nil {
		return nil, errors.New("bearer: nil MemoryStore")
	}
	key, ok := s.keys.load(hash)
	if !ok {
		return nil, ErrKeyNotFound
	}
	return key, nil
}

// Format implements [fmt.Formatter], so that no verb shows hashes.
func (s *MemoryStore) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "bearer.MemoryStore") }

func copyOf(key *Key) *Key {
	c := *key
	c.AllowedIPs = append(c.AllowedIPs[:0:0], c.AllowedIPs...)
	return &c
}

// digests is a map from SHA-256 digests, parted so that readers on several
// cores seldom meet. The zero value is an empty map.
type digests[V any] struct {
	parts [64]digestPart[V]
}

type digestPart[V any] struct {
	mu sync.RWMutex
	m  map[KeyHash]V
	_  [96]byte // the next part's lock is on another cache line
}

// part returns the part of a digest. The parts are even: digests are random.
func (d *digests[V]) part(digest *KeyHash) *digestPart[V] {
	return &d.parts[digest[0]%byte(len(d.parts))]
}

func (d *digests[V]) load(digest KeyHash) (V, bool) {
	p := d.part(&digest)
	p.mu.RLock()
	v, ok := p.m[digest]
	p.mu.RUnlock()
	return v, ok
}

func (d *digests[V]) store(digest KeyHash, v V) {
	p := d.part(&digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(digest, v)
}

func (p *digestPart[V]) put(digest KeyHash, v V) {
	if p.m == nil {
		p.m = make(map[KeyHash]V)
	}
	p.m[digest] = v
}

// insert stores v only if the digest is not there.
func (d *digests[V]) insert(digest KeyHash, v V) bool {
	p := d.part(&digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.m[digest]; ok {
		return false
	}
	p.put(digest, v)
	return true
}

// replace stores v only if the digest is there.
func (d *digests[V]) replace(digest KeyHash, v V) bool {
	p := d.part(&digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.m[digest]
	if ok {
		p.m[digest] = v
	}
	return ok
}

// remove removes what match reports, and returns how many that were.
func (d *digests[V]) remove(match func(V) bool) (n int) {
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.Lock()
		for digest, v := range p.m {
			if match(v) {
				delete(p.m, digest)
				n++
			}
		}
		p.mu.Unlock()
	}
	return n
}
