package issuertest_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// force replaces a key whatever its Version.
func force(b *brokenStore, k key) error {
	for {
		old, err := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
		if err != nil {
			return err
		}
		k.Version = old.Version
		if err = b.MemoryStore.ReplaceKey(ctx, k); !errors.Is(err, issuer.ErrConflict) || !old.RevokedAt.IsZero() {
			return err
		}
	}
}

// noKeyBut is a store that answers something else for what is not there.
func noKeyBut(k key, err error) func(*brokenStore) {
	return func(b *brokenStore) {
		b.getKey = func(owner, id string) (key, error) {
			if found, notFound := b.MemoryStore.GetKey(ctx, owner, id); notFound == nil {
				return found, nil
			}
			return k, err
		}
	}
}

// noHashBut is noKeyBut for hashes.
func noHashBut(k key, err error) func(*brokenStore) {
	return func(b *brokenStore) {
		b.byHash = func(hash bearer.KeyHash) (key, error) {
			if found, notFound := b.MemoryStore.KeyByHash(ctx, hash); notFound == nil {
				return found, nil
			}
			return k, err
		}
	}
}

// onReplaceError is a store whose ReplaceKey returns something else for an error.
func onReplaceError(from, to error) func(*brokenStore) {
	return func(b *brokenStore) {
		b.replaceKey = func(k key) error {
			if err := b.MemoryStore.ReplaceKey(ctx, k); !errors.Is(err, from) {
				return err
			}
			return to
		}
	}
}

func TestBrokenKeyChanges(t *testing.T) {
	testKeys(t, []brokenRow{
		{"an unknown key is a zero one", unknown, noKeyBut(key{}, nil)},
		{"an unknown key is what the database says", unknown, noKeyBut(key{}, errNoRows)},
		{"an unknown key is a changed one", unknown, noKeyBut(key{}, issuer.ErrConflict)},
		{"an unknown key is two errors", unknown, noKeyBut(key{}, errors.Join(issuer.ErrNotFound, issuer.ErrConflict))},
		{"an unknown hash is a zero key", unknown, noHashBut(key{}, nil)},
		{"an unknown hash is what the database says", unknown, noHashBut(key{}, errNoRows)},
		{"an unknown hash is another error", unknown, noHashBut(key{}, issuer.ErrNotFound)},
		{"an unknown key is replaced", unknown, onReplaceError(issuer.ErrNotFound, nil)},
		{"an unknown key is a conflict", unknown, onReplaceError(issuer.ErrNotFound, issuer.ErrConflict)},
		{"an unknown key is created", unknown, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				if err := b.MemoryStore.CreateKey(ctx, k); err == nil {
					return issuer.ErrNotFound
				}
				return b.MemoryStore.ReplaceKey(ctx, k)
			}
		}},
		{"a lost swap is not told", swaps, onReplaceError(issuer.ErrConflict, nil)},
		{"a lost swap is no conflict", swaps, onReplaceError(issuer.ErrConflict, issuer.ErrNotFound)},
		{"Versions are not compared", swaps, func(b *brokenStore) {
			b.replaceKey = func(k key) error { return force(b, k) }
		}},
		{"greater Versions win", swaps, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				old, err := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
				if err == nil && k.Version > old.Version {
					return force(b, k)
				}
				return b.MemoryStore.ReplaceKey(ctx, k)
			}
		}},
		{"Versions begin with 1", swaps, func(b *brokenStore) {
			b.createKey = func(k key) error {
				k.Version = 1
				return b.MemoryStore.CreateKey(ctx, k)
			}
		}},
		{"Versions are not counted", whole, func(b *brokenStore) {
			b.keyOut = func(k *key) { k.Version = 1 }
			b.replaceKey = func(k key) error { return force(b, k) }
		}},
		{"what changes nothing is a conflict", swaps, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				old, err := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
				if err == nil && old.Name == k.Name && old.Disabled == k.Disabled && old.Reason == k.Reason &&
					old.ExpiresAt.Equal(k.ExpiresAt) && len(old.Secrets) == len(k.Secrets) && old.Version == 7 {
					return issuer.ErrConflict
				}
				return b.MemoryStore.ReplaceKey(ctx, k)
			}
		}},
		{"a lost swap writes secrets", atomics, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				err := b.MemoryStore.ReplaceKey(ctx, k)
				if errors.Is(err, issuer.ErrConflict) {
					old, _ := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
					old.Secrets[0].Hint = k.Secrets[0].Hint
					_ = force(b, old)
				}
				return err
			}
		}},
		{"what was read is compared", winners, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				old, err := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
				if err != nil || old.Version != k.Version {
					return b.MemoryStore.ReplaceKey(ctx, k)
				}
				letOthersRace()
				return force(b, k)
			}
		}},
		{"an ID is created twice", taken, func(b *brokenStore) {
			b.createKey = func(k key) error {
				if err := b.MemoryStore.CreateKey(ctx, k); !errors.Is(err, issuer.ErrExists) {
					return err
				}
				return nil
			}
		}},
		{"what is taken is what the database says", taken, func(b *brokenStore) {
			b.createKey = func(k key) error {
				if err := b.MemoryStore.CreateKey(ctx, k); err == nil {
					return nil
				}
				return errors.New("duplicate key value violates unique constraint")
			}
		}},
		{"what is taken in a rotation is a conflict", taken, onReplaceError(issuer.ErrExists, issuer.ErrConflict)},
		{"a key stays without its hashes", atomics, func(b *brokenStore) {
			b.createKey = func(k key) error {
				err := b.MemoryStore.CreateKey(ctx, k)
				if errors.Is(err, issuer.ErrExists) {
					k.Secrets = k.Secrets[:1]
					_ = b.MemoryStore.CreateKey(ctx, k)
				}
				return err
			}
		}},
		{"a rotation stays without its hashes", atomics, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				err := b.MemoryStore.ReplaceKey(ctx, k)
				if errors.Is(err, issuer.ErrExists) {
					k.Secrets = k.Secrets[:1]
					_ = b.MemoryStore.ReplaceKey(ctx, k)
				}
				return err
			}
		}},
		{"a hash is looked for first", winners, func(b *brokenStore) {
			b.createKey = func(k key) error {
				_, unknownHash := b.MemoryStore.KeyByHash(ctx, k.Secrets[0].Hash)
				letOthersRace()
				err := b.MemoryStore.CreateKey(ctx, k)
				if _, getErr := b.MemoryStore.GetKey(ctx, k.Owner, k.ID); unknownHash != nil && getErr != nil && len(k.Secrets) == 1 {
					return nil // no unique index over hashes
				}
				return err
			}
		}},
		{"revoked keys are replaced", ended, func(b *brokenStore) {
			b.replaceKey = func(k key) error {
				err := b.MemoryStore.ReplaceKey(ctx, k)
				if old, _ := b.MemoryStore.GetKey(ctx, k.Owner, k.ID); !old.RevokedAt.IsZero() {
					return nil
				}
				return err
			}
		}},
		{"a revocation can be undone", ended, func(b *brokenStore) {
			var revoked lockedMap[string, time.Time]
			b.keyIn = func(k *key) {
				revoked.set(k.ID, k.RevokedAt)
				k.RevokedAt = time.Time{}
			}
			b.keyOut = func(k *key) { k.RevokedAt, _ = revoked.get(k.ID) }
		}},
		{"revoked keys are not found", ended, func(b *brokenStore) {
			b.getKey = func(owner, id string) (key, error) {
				k, err := b.MemoryStore.GetKey(ctx, owner, id)
				if err == nil && !k.RevokedAt.IsZero() && k.RevokedAt.Unix() != 0 {
					return key{}, issuer.ErrNotFound
				}
				return k, err
			}
		}},
		{"revoked hashes are not found", ended, func(b *brokenStore) {
			b.byHash = func(hash bearer.KeyHash) (key, error) {
				k, err := b.MemoryStore.KeyByHash(ctx, hash)
				if err == nil && !k.RevokedAt.IsZero() && k.RevokedAt.Unix() != 0 {
					return key{}, bearer.ErrKeyNotFound
				}
				return k, err
			}
		}},
		{"keys whose secret ended are not found", whole, func(b *brokenStore) {
			b.byHash = func(hash bearer.KeyHash) (key, error) {
				k, err := b.MemoryStore.KeyByHash(ctx, hash)
				if err == nil && !k.Secrets[0].EndsAt.IsZero() && k.Secrets[0].EndsAt.Before(time.Now()) {
					return key{}, bearer.ErrKeyNotFound
				}
				return k, err
			}
		}},
		{"hashes that are no longer are not found", secrets, func(b *brokenStore) {
			b.byHash = func(hash bearer.KeyHash) (key, error) {
				k, err := b.MemoryStore.KeyByHash(ctx, hash)
				if err == nil && !slices.ContainsFunc(k.Secrets, func(s issuer.Secret) bool { return s.Hash == hash }) {
					return key{}, bearer.ErrKeyNotFound
				}
				return k, err
			}
		}},
		{"any key finds what was read a moment ago", fresh, func(b *brokenStore) {
			var cache lockedMap[string, key]
			b.getKey = func(owner, id string) (key, error) {
				if k, ok := cache.get(id); ok && k.Owner == owner && k.Version == 8 {
					return k, nil
				}
				k, err := b.MemoryStore.GetKey(ctx, owner, id)
				cache.set(id, k)
				return k, err
			}
		}},
	})
}
