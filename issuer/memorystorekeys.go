package issuer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// A keyTable keeps API keys. A hash is never removed from byHash.
type keyTable struct {
	table[APIKey, *APIKey]
	mu     sync.RWMutex
	byHash map[bearer.KeyHash]*row[APIKey]
}

func (t *keyTable) init() {
	t.table.init()
	t.byHash = make(map[bearer.KeyHash]*row[APIKey])
}

func (k *APIKey) position() Position { return Position{k.CreatedAt, k.ID} }
func (k *APIKey) owner() string      { return k.Owner }

// copied returns a copy that shares nothing that can be changed.
func (k *APIKey) copied() APIKey {
	c := *k
	c.AllowedIPs = slices.Clone(k.AllowedIPs)
	c.AllowedOrigins = slices.Clone(k.AllowedOrigins)
	c.Metadata = maps.Clone(k.Metadata)
	c.Secrets = slices.Clone(k.Secrets)
	return c
}

// KeyByHash implements [KeyStore].
func (m *MemoryStore) KeyByHash(_ context.Context, hash bearer.KeyHash) (APIKey, error) {
	if key := m.keys.find(hash); key != nil {
		return key.copied(), nil
	}
	return APIKey{}, fmt.Errorf("issuer: no such key: %w", bearer.ErrKeyNotFound)
}

func (t *keyTable) find(hash bearer.KeyHash) *APIKey {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if r := t.byHash[hash]; r != nil {
		return r.record
	}
	return nil
}

// CreateKey implements [KeyStore].
func (m *MemoryStore) CreateKey(_ context.Context, key APIKey) error {
	key, t := key.copied(), &m.keys
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[key.ID] != nil {
		return fmt.Errorf("issuer: the ID of the key: %w", ErrExists)
	}
	if err := t.checkHashes(&key, nil); err != nil {
		return err
	}
	r := t.add(key.ID, &key)
	for _, s := range key.Secrets {
		t.byHash[s.Hash] = r
	}
	return nil
}

// checkHashes returns an error if a hash is taken that a key has, but the key had
// not before, or if it has one twice.
func (t *keyTable) checkHashes(key, before *APIKey) error {
	for i, s := range key.Secrets {
		sameHash := func(other Secret) bool { return other.Hash == s.Hash }
		kept := before != nil && slices.ContainsFunc(before.Secrets, sameHash)
		if t.byHash[s.Hash] != nil && !kept || slices.ContainsFunc(key.Secrets[:i], sameHash) {
			return fmt.Errorf("issuer: the hash of a secret: %w", ErrExists)
		}
	}
	return nil
}

// GetKey implements [KeyStore].
func (m *MemoryStore) GetKey(_ context.Context, owner, id string) (APIKey, error) {
	m.keys.mu.RLock()
	r := m.keys.byID[id]
	if r == nil || r.record.Owner != owner {
		m.keys.mu.RUnlock()
		return APIKey{}, fmt.Errorf("issuer: no such key: %w", ErrNotFound)
	}
	key := r.record
	m.keys.mu.RUnlock()
	return key.copied(), nil
}

// ListKeys implements [KeyStore].
func (m *MemoryStore) ListKeys(_ context.Context, q KeyQuery) ([]APIKey, error) {
	m.keys.mu.RLock()
	found := newestPage(m.keys.byOwner[q.Owner].inOrder(), q.After, q.Limit, q.finds)
	m.keys.mu.RUnlock()
	keys := make([]APIKey, len(found))
	for i, key := range found {
		keys[i] = key.copied()
	}
	return keys, nil
}

// finds reports whether a key of the owner is one that the query finds.
func (q *KeyQuery) finds(k *APIKey) bool {
	switch {
	case q.CreatedBy != "" && q.CreatedBy != k.CreatedBy,
		!q.IncludeRevoked && !k.RevokedAt.IsZero(),
		!q.ExpiresBefore.IsZero() && (k.ExpiresAt.IsZero() || !k.ExpiresAt.Before(q.ExpiresBefore)),
		!q.UnusedSince.IsZero() && (!k.CreatedAt.Before(q.UnusedSince) || !k.LastUsedAt.Before(q.UnusedSince)):
		return false
	}
	return true
}

// ReplaceKey implements [KeyStore].
func (m *MemoryStore) ReplaceKey(_ context.Context, key APIKey) error {
	key = key.copied()
	old, err := m.keys.replace(&key)
	if err != nil {
		return err
	}
	for _, s := range slices.Concat(old.Secrets, key.Secrets) {
		m.tell(Change{Key: s.Hash})
	}
	return nil
}

// replace puts a key in the place of the one with its ID, which it returns.
func (t *keyTable) replace(key *APIKey) (*APIKey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byID[key.ID]
	switch {
	case r == nil:
		return nil, fmt.Errorf("issuer: no such key: %w", ErrNotFound)
	case !r.record.RevokedAt.IsZero():
		return nil, fmt.Errorf("issuer: the key is revoked: %w", ErrConflict)
	case r.record.Version != key.Version:
		return nil, fmt.Errorf("issuer: the key: %w", ErrConflict)
	}
	old := r.record
	if err := t.checkHashes(key, old); err != nil {
		return nil, err
	}
	key.Version++
	key.keepUses(old)
	t.put(r, key)
	for _, s := range key.Secrets {
		t.byHash[s.Hash] = r
	}
	return old, nil
}

// keepUses takes LastUsedAt, of the key and of each secret, from an older record.
func (k *APIKey) keepUses(old *APIKey) {
	k.LastUsedAt = old.LastUsedAt
	for i := range k.Secrets {
		s := &k.Secrets[i]
		s.LastUsedAt = time.Time{}
		for _, o := range old.Secrets {
			if o.Hash == s.Hash {
				s.LastUsedAt = o.LastUsedAt
			}
		}
	}
}

// TouchKeys implements [KeyStore].
func (m *MemoryStore) TouchKeys(_ context.Context, used map[bearer.KeyHash]time.Time) error {
	for hash, at := range used {
		m.keys.touch(hash, at)
	}
	return nil
}

// touch takes the lock for one hash at a time, so that look-ups go on meanwhile.
func (t *keyTable) touch(hash bearer.KeyHash, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.byHash[hash]
	if r == nil {
		return
	}
	key := *r.record
	key.Secrets = slices.Clone(key.Secrets)
	key.LastUsedAt = laterOf(key.LastUsedAt, at)
	for i := range key.Secrets {
		if s := &key.Secrets[i]; s.Hash == hash {
			s.LastUsedAt = laterOf(s.LastUsedAt, at)
		}
	}
	r.record = &key
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
