package bearertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// Keys is a [bearer.KeyStore] for tests. It issues keys, fails on command, and
// counts how often it was asked. The zero value is an empty store; a Keys must
// not be copied after first use. It is safe for concurrent use.
type Keys struct {
	// Format makes the texts of Issue: the same as the guard's Config.Format.
	// It must not be changed after first use. Zero: sk_test_…, SHA-256.
	Format bearer.KeyFormat

	mu     sync.Mutex
	keys   map[bearer.KeyHash]bearer.Key
	err    error
	calls  int
	issued int
}

// Issue stores a key with a text of its own, and returns the text: what a
// client sends. The key's Hash is replaced. A zero Kind is SecretKey, a zero
// Environment is Test, and a zero ID is key_1, key_2 and so on; other zero
// values stay: a key without Scopes may do nothing that needs one. Issue
// panics if Kind or Environment is none of a key.
func (k *Keys) Issue(key bearer.Key) string {
	if key.Kind == 0 {
		key.Kind = bearer.SecretKey
	}
	if key.Environment == 0 {
		key.Environment = bearer.Test
	}
	text, hash := k.Format.Generate(key.Kind, key.Environment)
	key.Hash = hash
	k.mu.Lock()
	defer k.mu.Unlock()
	if key.ID == "" {
		k.issued++
		key.ID = "key_" + strconv.Itoa(k.issued)
	}
	k.put(key)
	return text
}

// Add stores a key as it is, under its Hash: for texts that are not Issue's.
// It returns an error if the hash is in the store already.
func (k *Keys) Add(key bearer.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.keys[key.Hash]; ok {
		return fmt.Errorf("bearertest: %v: its hash is in the store already", key)
	}
	k.put(key)
	return nil
}

// put stores a key. The caller holds the lock.
func (k *Keys) put(key bearer.Key) {
	if k.keys == nil {
		k.keys = make(map[bearer.KeyHash]bearer.Key)
	}
	key.AllowedIPs = slices.Clone(key.AllowedIPs)
	k.keys[key.Hash] = key
}

// Update changes the keys that have the ID, from the next request on: to let
// one expire, say. The change must leave ID and Hash as they are. Update
// panics if no key has the ID.
func (k *Keys) Update(id string, change func(*bearer.Key)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for hash, key := range k.keys {
		if key.ID != id {
			continue
		}
		found = true
		key.AllowedIPs = slices.Clone(key.AllowedIPs)
		change(&key)
		k.keys[hash] = key
	}
	if !found {
		panic("bearertest: Keys.Update: no key has the ID " + strconv.Quote(id))
	}
}

// Revoke revokes the keys that have the ID, as of now. It panics if there are
// none.
func (k *Keys) Revoke(id string) {
	k.Update(id, func(key *bearer.Key) { key.RevokedAt = time.Now() })
}

// Fail makes FindKey return err from now on, as a store that is out of order
// does. Fail(nil) ends the outage.
func (k *Keys) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// Calls returns how often FindKey was called: 0 where a request was refused
// without a look-up.
func (k *Keys) Calls() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

// FindKey implements [bearer.KeyStore]. It returns the error of a context that
// is done, as a store behind a network would.
func (k *Keys) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.err != nil {
		return nil, k.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, ok := k.keys[hash]
	if !ok {
		return nil, bearer.ErrKeyNotFound
	}
	return &key, nil
}
