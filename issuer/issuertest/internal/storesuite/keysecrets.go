package storesuite

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// seeHash looks for a key by a hash.
func (s *keySuite) seeHash(broken rule, name string, hash bearer.KeyHash, want issuer.APIKey) {
	got, err := s.store.KeyByHash(s.ctx, hash)
	if err != nil {
		s.stopf(broken, "%s, KeyByHash: got the error %q, want the key", name, err)
	}
	if text := difference(got, want); text != "" {
		s.stopf(broken, "%s, KeyByHash: %s", name, text)
	}
}

// isUnknown checks that no key has a hash.
func (s *keySuite) isUnknown(broken rule, name string, hash bearer.KeyHash) {
	_, err := s.store.KeyByHash(s.ctx, hash)
	s.fails(broken, name+", KeyByHash", err, bearer.ErrKeyNotFound)
}

// otherOwners gets a key as another owner.
func (s *keySuite) otherOwners() {
	key, other := s.new("a key"), s.new("another owner's key")
	owners := []string{other.Owner}
	if !s.foreignOwner {
		owners = append(owners, "", swapCase(key.Owner), key.Owner+" ", key.Owner[:len(key.Owner)-1]+"%")
	}
	for _, owner := range owners {
		_, err := s.store.GetKey(s.ctx, owner, key.ID)
		s.fails(ruleOwner, fmt.Sprintf("GetKey by the owner %q of a key of %q", owner, key.Owner), err, issuer.ErrNotFound)
	}
}

// takenHashes creates keys with hashes that are taken.
func (s *keySuite) takenHashes() {
	first := s.new("a key")
	second := s.newKey()
	second.Secrets = append(second.Secrets, first.Secrets[0]) // the first hash is new, the second is not
	err := s.store.CreateKey(s.ctx, clone(second))
	s.fails(ruleTaken, "a second key with one hash", err, issuer.ErrExists)
	_, err = s.store.GetKey(s.ctx, second.Owner, second.ID)
	s.fails(ruleAtomic, "a key that was not created since a hash is taken, GetKey", err, issuer.ErrNotFound)
	s.isUnknown(ruleAtomic, "the other hash of a key that was not created", second.Secrets[0].Hash)
	s.see(ruleAtomic, "a key whose hash another one was to get", first)

	second.Secrets = second.Secrets[:1]
	second.Secrets[0].ID = first.Secrets[0].ID // is unique within a key alone
	s.put("a key with a hash that was not taken after all", second)
	s.see(ruleSecrets, "a key whose secret has the ID of another key's", second)
}

// hashes stores keys whose hashes a store may take for one.
func (s *keySuite) hashes() {
	base := newHash()
	base[0], base[30], base[31] = 'a', 'z', 'b'
	keys := make([]issuer.APIKey, 0, 9)
	for _, c := range []struct {
		name   string
		change func(*bearer.KeyHash)
	}{
		{"a hash", func(*bearer.KeyHash) {}},
		{"a hash with a letter of another case", func(h *bearer.KeyHash) { h[0] = 'A' }},
		{"a hash with a space at its end", func(h *bearer.KeyHash) { h[31] = ' ' }},
		{"a hash with two spaces at its end", func(h *bearer.KeyHash) { h[30], h[31] = ' ', ' ' }},
		{"a hash with a zero byte at its end", func(h *bearer.KeyHash) { h[31] = 0 }},
		{"a hash with two zero bytes at its end", func(h *bearer.KeyHash) { h[30], h[31] = 0, 0 }},
		{"a hash with a zero byte at its beginning", func(h *bearer.KeyHash) { h[0] = 0 }},
		{"a hash with another last bit", func(h *bearer.KeyHash) { h[31] ^= 1 }},
		{"a hash with another bit in the middle", func(h *bearer.KeyHash) { h[16] ^= 0x80 }},
	} {
		key := s.newKey()
		key.Secrets[0].Hash = base
		c.change(&key.Secrets[0].Hash)
		s.isUnknown(ruleSecrets, c.name+", before it is stored", key.Secrets[0].Hash)
		if err := s.store.CreateKey(s.ctx, clone(key)); err != nil {
			s.stopf(ruleSecrets, "%s, beside others: got the error %q when it was created, want nil", c.name, err)
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		s.seeHash(ruleSecrets, "a hash beside one that is like it", key.Secrets[0].Hash, key)
	}
	s.isUnknown(ruleSecrets, "the zero hash", bearer.KeyHash{})
}

// rotation gives keys new secrets.
func (s *keySuite) rotation() {
	key := s.new("a key")
	old := key.Secrets[0].Hash
	for range 3 {
		key.Secrets[len(key.Secrets)-1].EndsAt = now().Add(-time.Second)
		key.Secrets = append(key.Secrets, newSecret(now()))
		s.swap(ruleSwap, "a rotation", &key)
		for _, secret := range key.Secrets {
			s.seeHash(ruleSecrets, "a secret of a key that is rotated", secret.Hash, key)
		}
	}
	other := s.new("another key")
	fresh := newSecret(now())
	taken := clone(other)
	taken.Name, taken.Secrets = "changed", append(taken.Secrets, fresh, issuer.Secret{ID: "x", Hash: old})
	s.fails(ruleTaken, "a rotation to another key's hash", s.store.ReplaceKey(s.ctx, taken), issuer.ErrExists)
	s.see(ruleAtomic, "a key that was not rotated since the hash is taken", other)
	s.isUnknown(ruleAtomic, "the other new hash of a key that was not rotated", fresh.Hash)
	s.see(ruleAtomic, "a key whose hash another one was to get", key)

	stale := clone(key)
	stale.Version--
	stale.Secrets = append(stale.Secrets[1:], fresh)
	s.fails(ruleSwap, "a rotation of an old Version", s.store.ReplaceKey(s.ctx, stale), issuer.ErrConflict)
	s.see(ruleAtomic, "a key after a rotation that was lost", key)
	s.isUnknown(ruleAtomic, "the new hash of a rotation that was lost", fresh.Hash)
}

// dropped takes secrets from a key. Their hashes stay its own.
func (s *keySuite) dropped() {
	key := s.new("a key")
	gone := key.Secrets[0]
	key.Secrets = []issuer.Secret{newSecret(now())}
	s.swap(ruleSwap, "a rotation that drops a secret", &key)
	s.see(ruleSecrets, "a key without the secret that it had", key)
	s.seeHash(ruleSecrets, "a hash that its key no longer has", gone.Hash, key)

	other := s.newKey()
	other.Secrets[0].Hash = gone.Hash
	s.fails(ruleTaken, "a key with a hash that another one had", s.store.CreateKey(s.ctx, clone(other)), issuer.ErrExists)
	other = s.new("another key")
	taken := clone(other)
	taken.Secrets = append(taken.Secrets, gone)
	s.fails(ruleTaken, "a rotation to a hash that another key had", s.store.ReplaceKey(s.ctx, taken), issuer.ErrExists)
	s.see(ruleAtomic, "a key that was not rotated", other)
	again := clone(key)
	again.Secrets = append(again.Secrets, gone)
	s.fails(ruleTaken, "a rotation back to a hash that the key had", s.store.ReplaceKey(s.ctx, again), issuer.ErrExists)
	s.see(ruleAtomic, "a key that was not rotated back", key)
	s.seeHash(ruleSecrets, "a hash that its key no longer has", gone.Hash, key)
}

// endedKeys looks for keys that a guard refuses, and changes those that may be.
func (s *keySuite) endedKeys() {
	past := now().Add(-time.Hour)
	for _, v := range []variant[issuer.APIKey]{
		{"a revoked key", func(k *issuer.APIKey) { k.RevokedAt, k.Reason = past, "leaked" }},
		{"an expired key", func(k *issuer.APIKey) { k.ExpiresAt = past }},
		{"a disabled key", func(k *issuer.APIKey) { k.Disabled = true }},
		{"a key whose secret ended", func(k *issuer.APIKey) { k.Secrets[0].EndsAt = past }},
	} {
		key := s.new("a key")
		v.change(&key)
		s.swap(ruleSwap, v.name, &key)
		s.see(ruleSecrets, v.name, key)
		other := s.newKey()
		other.Secrets[0].Hash = key.Secrets[0].Hash
		s.fails(ruleTaken, "the hash of "+v.name, s.store.CreateKey(s.ctx, clone(other)), issuer.ErrExists)
		if key.RevokedAt.IsZero() {
			key.Name = "changed"
			s.swap(ruleSwap, v.name+", changed", &key)
			s.see(ruleFresh, v.name+", changed", key)
		}
	}
}

// hashWinners gives one hash to several keys at once.
func (s *keySuite) hashWinners() {
	secret := newSecret(now())
	s.one(50, "creations of one hash", issuer.ErrExists, func(int) (issuer.APIKey, error) {
		key := s.newKey()
		key.Secrets = []issuer.Secret{secret}
		return key, s.store.CreateKey(s.ctx, clone(key))
	})
	secret = newSecret(now())
	keys := make([]issuer.APIKey, 16)
	for i := range keys {
		keys[i] = s.new("a key")
	}
	var won atomic.Int32
	s.one(len(keys), "rotations to one hash", issuer.ErrExists, func(i int) (issuer.APIKey, error) {
		changed := clone(keys[i])
		changed.Secrets = append(changed.Secrets, secret)
		err := s.store.ReplaceKey(s.ctx, clone(changed))
		if err == nil {
			won.Store(int32(i))
			changed.Version++
		}
		return changed, err
	})
	for i := range keys {
		if i != int(won.Load()) {
			s.see(ruleAtomic, "a key that did not get the hash", keys[i])
		}
	}
}
