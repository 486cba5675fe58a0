package issuertest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// onHash is a store that compares hashes after a change.
func onHash(change func([]byte) []byte) func(*brokenStore) {
	return func(b *brokenStore) {
		var first lockedMap[string, bearer.KeyHash]
		changed := func(h bearer.KeyHash) string { return string(change(bytes.Clone(h[:]))) }
		b.createKey = func(k key) error {
			if _, ok := first.get(changed(k.Secrets[0].Hash)); ok {
				return issuer.ErrExists
			}
			err := b.MemoryStore.CreateKey(ctx, k)
			if err == nil {
				first.set(changed(k.Secrets[0].Hash), k.Secrets[0].Hash)
			}
			return err
		}
		b.byHash = func(h bearer.KeyHash) (key, error) {
			if other, ok := first.get(changed(h)); ok {
				h = other
			}
			return b.MemoryStore.KeyByHash(ctx, h)
		}
	}
}

// losing is a store that stores hashes without a byte at their end.
func losing(last byte) func(*brokenStore) {
	return func(b *brokenStore) {
		b.byHash = func(h bearer.KeyHash) (key, error) {
			k, err := b.MemoryStore.KeyByHash(ctx, h)
			if err == nil && h[31] == last {
				return key{}, bearer.ErrKeyNotFound
			}
			return k, err
		}
	}
}

// getting is a store that finds keys by owners and IDs that it changes.
func getting(change func(owner, id string) (string, string)) func(*brokenStore) {
	return func(b *brokenStore) {
		var owners lockedMap[string, [2]string]
		b.keyIn = func(k *key) {
			owner, id := change(k.Owner, k.ID)
			if _, ok := owners.get(owner + "/" + id); !ok {
				owners.set(owner+"/"+id, [2]string{k.Owner, k.ID})
			}
		}
		b.getKey = func(owner, id string) (key, error) {
			k, err := b.MemoryStore.GetKey(ctx, owner, id)
			if err != nil {
				owner, id = change(owner, id)
				found, _ := owners.get(owner + "/" + id)
				return b.MemoryStore.GetKey(ctx, found[0], found[1])
			}
			return k, err
		}
	}
}

func TestBrokenKeyLookUps(t *testing.T) {
	testKeys(t, []brokenRow{
		{"hashes without case", secrets, onHash(bytes.ToLower)},
		{"hashes that lose a space at their end", secrets, losing(' ')},
		{"hashes that lose a zero byte at their end", secrets, losing(0)},
		{"hashes without white space and zero bytes", secrets, onHash(func(h []byte) []byte {
			return bytes.TrimRight(h, " \x00")
		})},
		{"hashes up to a zero byte", secrets, onHash(func(h []byte) []byte {
			before, _, _ := bytes.Cut(h, []byte{0})
			return before
		})},
		{"half of a hash", secrets, onHash(func(h []byte) []byte { return h[:16] })},
		{"the owner does not matter", owners, getting(func(_, id string) (string, string) { return "", id })},
		{"owners without case", owners, getting(func(owner, id string) (string, string) {
			return strings.ToLower(owner), id
		})},
		{"owners without spaces", owners, getting(func(owner, id string) (string, string) {
			return strings.TrimSpace(owner), id
		})},
		{"IDs without case", exact, getting(func(owner, id string) (string, string) {
			return owner, strings.ToLower(id)
		})},
		{"IDs without spaces", exact, getting(func(owner, id string) (string, string) {
			return owner, strings.TrimSpace(id)
		})},
		{"an outage is an unknown key", outages, onDone(issuer.ErrNotFound)},
		{"an outage is an unknown hash", outages, onDone(bearer.ErrKeyNotFound)},
		{"an outage is a conflict", outages, onDone(issuer.ErrConflict)},
		{"an outage is what exists", outages, onDone(issuer.ErrExists)},
		{"an outage is an empty list", outages, func(b *brokenStore) {
			onDone(errNoRows)(b)
			b.listDown = func() ([]key, error) { return nil, nil }
		}},
		{"a panic for what is unknown", panics, func(b *brokenStore) {
			b.getKey = func(owner, id string) (key, error) {
				k, err := b.MemoryStore.GetKey(ctx, owner, id)
				if err != nil {
					panic("invalid memory address got x, want y")
				}
				return k, nil
			}
		}},
	})
}

// onDone is a store that returns an error where the context is done.
func onDone(err error) func(*brokenStore) {
	return func(b *brokenStore) {
		b.down = func(ctx context.Context) error {
			if ctx.Err() != nil {
				return err
			}
			return nil
		}
	}
}

func TestBrokenTouches(t *testing.T) {
	type uses = map[bearer.KeyHash]time.Time
	touching := func(f func(b *brokenStore, used uses) error) func(*brokenStore) {
		return func(b *brokenStore) { b.touch = func(used uses) error { return f(b, used) } }
	}
	testKeys(t, []brokenRow{
		{"nothing is touched", used, touching(func(*brokenStore, uses) error { return nil })},
		{"an unknown hash is an error", used, touching(func(b *brokenStore, used uses) error {
			for hash := range used {
				if _, err := b.MemoryStore.KeyByHash(ctx, hash); err != nil {
					return err
				}
			}
			return b.MemoryStore.TouchKeys(ctx, used)
		})},
		{"an unknown hash spoils the others", used, touching(func(b *brokenStore, used uses) error {
			for hash := range used {
				if _, err := b.MemoryStore.KeyByHash(ctx, hash); errors.Is(err, bearer.ErrKeyNotFound) {
					used = nil
				}
			}
			return b.MemoryStore.TouchKeys(ctx, used)
		})},
		{"no uses are an error", used, touching(func(b *brokenStore, used uses) error {
			if len(used) == 0 {
				return errors.New("syntax error at or near )")
			}
			return b.MemoryStore.TouchKeys(ctx, used)
		})},
		{"a touch counts as a replacement", used, touching(func(b *brokenStore, used uses) error {
			for hash := range used {
				if k, err := b.MemoryStore.KeyByHash(ctx, hash); err == nil {
					_ = b.MemoryStore.ReplaceKey(ctx, k)
				}
			}
			return b.MemoryStore.TouchKeys(ctx, used)
		})},
		{"a touch moves back", used, func(b *brokenStore) {
			var last lockedMap[bearer.KeyHash, time.Time]
			b.touch = func(used uses) error {
				for hash, at := range used {
					last.set(hash, at)
				}
				return b.MemoryStore.TouchKeys(ctx, used)
			}
			b.keyOut = func(k *key) {
				for i := range k.Secrets {
					if at, ok := last.get(k.Secrets[i].Hash); ok {
						k.LastUsedAt, k.Secrets[i].LastUsedAt = at, at
					}
				}
			}
		}},
		{"a touch is of the key alone", used, func(b *brokenStore) {
			b.keyOut = func(k *key) {
				for i := range k.Secrets {
					if k.Name == "plain" && len(k.Secrets) == 2 {
						k.Secrets[i].LastUsedAt = time.Time{}
					}
				}
			}
		}},
		{"a touch is of the secret alone", used, func(b *brokenStore) {
			b.keyOut = func(k *key) {
				if len(k.Secrets) == 2 {
					k.LastUsedAt = time.Time{}
				}
			}
		}},
		{"the last use goes with its secret", used, func(b *brokenStore) {
			b.keyOut = func(k *key) {
				k.LastUsedAt = time.Time{}
				for _, s := range k.Secrets {
					if s.LastUsedAt.After(k.LastUsedAt) {
						k.LastUsedAt = s.LastUsedAt
					}
				}
			}
		}},
		{"a replacement writes last uses", used, func(b *brokenStore) {
			var written lockedMap[string, time.Time]
			b.replaceKey = func(k key) error {
				err := b.MemoryStore.ReplaceKey(ctx, k)
				if err == nil && !k.LastUsedAt.IsZero() {
					written.set(k.ID, k.LastUsedAt)
				}
				return err
			}
			b.keyOut = func(k *key) {
				if at, ok := written.get(k.ID); ok {
					k.LastUsedAt = at
				}
			}
		}},
		{"a replacement clears last uses", used, func(b *brokenStore) {
			b.keyOut = func(k *key) {
				if k.Version > 1 {
					k.LastUsedAt = time.Time{}
				}
			}
		}},
		{"touches fight with replacements", used, touching(func(b *brokenStore, used uses) error {
			if len(used) == 6 {
				return errors.New("deadlock found when trying to get lock")
			}
			return b.MemoryStore.TouchKeys(ctx, used)
		})},
	})
}
