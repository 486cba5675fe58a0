package issuertest_test

import (
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// cached returns a read that remembers each answer for a while.
func cached[K comparable, T any](read func(K) (T, error)) func(K) (T, error) {
	var memory lockedMap[K, T]
	return func(k K) (T, error) {
		if rec, ok := memory.get(k); ok {
			return rec, nil
		}
		rec, err := read(k)
		if err == nil {
			memory.set(k, rec)
		}
		return rec, err
	}
}

// behind returns a read that gives an older answer the first time after a write,
// as a replica does that lags.
func behind[K comparable, T any](read func(K) (T, error), version func(T) int64) func(K) (T, error) {
	var memory lockedMap[K, T]
	return func(k K) (T, error) {
		rec, err := read(k)
		old, ok := memory.get(k)
		if err == nil {
			memory.set(k, rec)
		}
		if ok && version(old) != version(rec) {
			return old, nil
		}
		return rec, err
	}
}

func TestBrokenCaches(t *testing.T) {
	testKeys(t, []brokenRow{
		{"hashes are remembered", whole, func(b *brokenStore) {
			b.byHash = cached(func(h bearer.KeyHash) (key, error) { return b.MemoryStore.KeyByHash(ctx, h) })
		}},
		{"hashes of a replica that lags", whole, func(b *brokenStore) {
			b.byHash = behind(func(h bearer.KeyHash) (key, error) { return b.MemoryStore.KeyByHash(ctx, h) },
				func(k key) int64 { return k.Version })
		}},
		{"unknown hashes are remembered", secrets, func(b *brokenStore) {
			var unknowns lockedMap[bearer.KeyHash, bool]
			b.byHash = func(h bearer.KeyHash) (key, error) {
				if _, ok := unknowns.get(h); ok {
					return key{}, bearer.ErrKeyNotFound
				}
				k, err := b.MemoryStore.KeyByHash(ctx, h)
				if err != nil {
					unknowns.set(h, true)
				}
				return k, err
			}
		}},
		{"lists of a replica that lags", whole, func(b *brokenStore) {
			b.listKeys = func(q issuer.KeyQuery) ([]key, error) {
				keys, err := b.MemoryStore.ListKeys(ctx, q)
				for i := range keys {
					keys[i].Version = max(1, keys[i].Version-1)
				}
				return keys, err
			}
		}},
		{"a touch reads, then writes", used, func(b *brokenStore) {
			var last lockedMap[bearer.KeyHash, time.Time]
			b.touch = func(used map[bearer.KeyHash]time.Time) error {
				for hash, at := range used {
					before, _ := last.get(hash)
					letOthersRace()
					if at.After(before) {
						last.set(hash, at)
					}
				}
				return b.MemoryStore.TouchKeys(ctx, used)
			}
			b.keyOut = func(k *key) {
				if at, ok := last.get(k.Secrets[0].Hash); ok && len(k.Secrets) == 1 {
					k.LastUsedAt, k.Secrets[0].LastUsedAt = at, at
				}
			}
		}},
		{"a replacement writes an older use back", used, func(b *brokenStore) {
			var last lockedMap[string, time.Time]
			b.replaceKey = func(k key) error {
				before, _ := b.MemoryStore.GetKey(ctx, k.Owner, k.ID)
				letOthersRace()
				err := b.MemoryStore.ReplaceKey(ctx, k)
				if err == nil && k.Name == "replaced" {
					last.set(k.ID, before.LastUsedAt)
				}
				return err
			}
			b.touch = func(used map[bearer.KeyHash]time.Time) error {
				err := b.MemoryStore.TouchKeys(ctx, used)
				for hash := range used {
					if k, unknownHash := b.MemoryStore.KeyByHash(ctx, hash); unknownHash == nil {
						last.set(k.ID, k.LastUsedAt)
					}
				}
				return err
			}
			b.keyOut = func(k *key) {
				if at, ok := last.get(k.ID); ok && k.Name == "replaced" {
					k.LastUsedAt = at
				}
			}
		}},
	})
	testSessions(t, []brokenRow{
		{"sessions are remembered", whole, func(b *brokenStore) {
			b.getSession = cached(func(id string) (session, error) { return b.MemoryStore.GetSession(ctx, id) })
		}},
		{"sessions of a replica that lags", whole, func(b *brokenStore) {
			b.getSession = behind(func(id string) (session, error) { return b.MemoryStore.GetSession(ctx, id) },
				func(s session) int64 { return s.Version })
		}},
		{"what was opened is remembered", opens, func(b *brokenStore) {
			var memory lockedMap[string, session]
			b.open = func(s session, most int) (session, error) {
				if old, ok := memory.get(s.Subject + "/" + s.Name); ok && s.CreatedAt.Before(old.ExpiresAt) {
					return old, nil
				}
				got, err := b.MemoryStore.OpenSession(ctx, s, most)
				if err == nil {
					memory.set(s.Subject+"/"+s.Name, got)
				}
				return got, err
			}
		}},
	})
}
