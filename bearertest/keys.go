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
	keys   sync.Map // of bearer.Key by its hash; fmt prints no hash of it, as it would of a map
	err    error
	calls  int
	issued int
}

// String returns "bearertest.Keys".
func (k *Keys) String() string { return "bearertest.Keys" }

// Issue stores a key with a text of its own, and returns the text: what a
// client sends. A zero Kind is SecretKey, a zero Environment is Test, and a
// zero ID is key_1, key_2 and so on; other zero values stay: a key without
// Scopes may do nothing that needs one. Issue panics if Kind or Environment is
// none of a key.
//
// A key that has a Hash is stored under that too: the old text of a key that is
// rotated stays good, until EndsAt, which the new text does not get. If its Kind
// is given, the rest of it is stored as it is.
func (k *Keys) Issue(key bearer.Key) string {
	old := key
	if key.Kind == 0 {
		key.Kind = bearer.SecretKey
	}
	if key.Environment == 0 {
		key.Environment = bearer.Test
	}
	if old.Kind == 0 { // which no guard takes
		old.Kind, old.Environment = key.Kind, key.Environment
	}
	text, hash := k.Format.Generate(key.Kind, key.Environment)
	key.Hash = hash
	k.mu.Lock()
	defer k.mu.Unlock()
	if key.ID == "" {
		k.issued++
		key.ID = "key_" + strconv.Itoa(k.issued)
	}
	if old.Hash != (bearer.KeyHash{}) {
		old.ID, key.EndsAt = key.ID, time.Time{}
		k.keys.Store(old.Hash, copyOf(old))
	}
	k.keys.Store(hash, copyOf(key))
	return text
}

// Add stores a key as it is, under its Hash: for texts that are not Issue's.
// It returns an error if the hash is in the store already.
func (k *Keys) Add(key bearer.Key) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.keys.LoadOrStore(key.Hash, copyOf(key)); ok {
		return fmt.Errorf("bearertest: %v: its hash is in the store already", key)
	}
	return nil
}

// copyOf returns a key that shares nothing with the given one but its Data.
func copyOf(key bearer.Key) bearer.Key {
	key.AllowedIPs = slices.Clone(key.AllowedIPs)
	key.AllowedOrigins = slices.Clone(key.AllowedOrigins)
	return key
}

// Update changes the keys that have the ID, from the next request on: to let
// one expire, say. The change must leave ID and Hash as they are. Update
// panics if no key has the ID.
func (k *Keys) Update(id string, change func(*bearer.Key)) {
	k.update("Update", id, change)
}

// Revoke revokes the keys that have the ID, as of now. It panics if there are
// none.
func (k *Keys) Revoke(id string) {
	k.update("Revoke", id, func(key *bearer.Key) { key.RevokedAt = time.Now() })
}

func (k *Keys) update(method, id string, change func(*bearer.Key)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := false
	for hash, value := range k.keys.Range {
		if key, _ := value.(bearer.Key); key.ID == id {
			found = true
			key = copyOf(key)
			change(&key)
			k.keys.Store(hash, key)
		}
	}
	if !found {
		panic("bearertest: Keys." + method + ": no key has the ID " + strconv.Quote(id))
	}
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
	value, _ := k.keys.Load(hash)
	key, ok := value.(bearer.Key)
	if !ok {
		return nil, bearer.ErrKeyNotFound
	}
	key = copyOf(key)
	return &key, nil
}
