package issuertest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

func testKeys(t *testing.T, rows []brokenRow) {
	t.Helper()
	testBroken(t, "TestKeyStore", func(b *brokenStore) error { return issuertest.TestKeyStore(b) }, rows)
}

// onKeyOut is a store that returns keys changed.
func onKeyOut(change func(*key)) func(*brokenStore) {
	return func(b *brokenStore) { b.keyOut = change }
}

// onReplaceKey is a store whose ReplaceKey stores keys changed.
func onReplaceKey(change func(old, k *key)) func(*brokenStore) {
	return func(b *brokenStore) {
		b.replaceKey = func(k key) error {
			if old, err := b.MemoryStore.GetKey(ctx, k.Owner, k.ID); err == nil {
				change(&old, &k)
			}
			return b.MemoryStore.ReplaceKey(ctx, k)
		}
	}
}

// sharing is a store that shares something of what was stored last.
func sharing(take func(shared, k *key)) func(*brokenStore) {
	return func(b *brokenStore) {
		var shared lockedMap[string, *key]
		b.createKey = func(k key) error {
			err := b.MemoryStore.CreateKey(ctx, k)
			if err == nil {
				shared.set(k.ID, &k)
			}
			return err
		}
		b.replaceKey = func(k key) error {
			err := b.MemoryStore.ReplaceKey(ctx, k)
			if err == nil {
				shared.set(k.ID, &k)
			}
			return err
		}
		b.keyOut = func(k *key) {
			if s, ok := shared.get(k.ID); ok {
				take(s, k)
			}
		}
	}
}

func TestBrokenKeyFields(t *testing.T) {
	testKeys(t, []brokenRow{
		{"a store that is down", first, func(b *brokenStore) {
			b.down = func(context.Context) error { return errors.New("connection refused") }
		}},
		{"times to the second", whole, onKeyOut(func(k *key) { k.ExpiresAt = k.ExpiresAt.Truncate(time.Second) })},
		{"times to the millisecond", whole, onKeyOut(func(k *key) {
			k.Secrets[0].EndsAt = k.Secrets[0].EndsAt.Truncate(time.Millisecond)
		})},
		{"wall clocks without a zone", whole, func(b *brokenStore) {
			b.keyIn = func(k *key) {
				_, offset := k.ExpiresAt.Zone()
				k.ExpiresAt = k.ExpiresAt.Add(time.Duration(offset) * time.Second)
			}
		}},
		{"1970 is never", whole, onKeyOut(func(k *key) {
			if k.ExpiresAt.Unix() == 0 {
				k.ExpiresAt = time.Time{}
			}
		})},
		{"never is 1970", whole, onKeyOut(func(k *key) {
			if k.ExpiresAt.IsZero() {
				k.ExpiresAt = time.Unix(0, 0)
			}
		})},
		{"no time after 2038", whole, onKeyOut(func(k *key) {
			if last := time.Unix(1<<31-1, 0); k.ExpiresAt.After(last) {
				k.ExpiresAt = last
			}
		})},
		{"names of 100 bytes", whole, onKeyOut(func(k *key) { k.Name = cut(k.Name, 100) })},
		{"names without spaces around", whole, onKeyOut(func(k *key) { k.Name = strings.TrimSpace(k.Name) })},
		{"names without spaces after", whole, onKeyOut(func(k *key) { k.Name = strings.TrimRight(k.Name, " ") })},
		{"names of ASCII", whole, onKeyOut(func(k *key) { k.Name = ascii(k.Name) })},
		{"names in one normal form", whole, onKeyOut(func(k *key) {
			k.Name = strings.ReplaceAll(k.Name, "e\u0301", "é")
		})},
		{"the text NULL is none", whole, onKeyOut(func(k *key) { k.Reason = strings.TrimPrefix(k.Reason, "NULL") })},
		{"no hint", whole, onKeyOut(func(k *key) { k.Secrets[0].Hint = "" })},
		{"no environment", whole, onKeyOut(func(k *key) { k.Environment = bearer.Test })},
		{"no kind", whole, onKeyOut(func(k *key) { k.Kind = bearer.SecretKey })},
		{"no CreatedBy", whole, onKeyOut(func(k *key) { k.CreatedBy = "" })},
		{"never disabled", whole, onKeyOut(func(k *key) { k.Disabled = false })},
		{"sorted scopes", whole, onKeyOut(func(k *key) {
			scopes := strings.Fields(string(k.Scopes))
			slices.Sort(scopes)
			k.Scopes = bearer.Scopes(strings.Join(scopes, " "))
		})},
		{"no scopes are all", whole, onKeyOut(func(k *key) {
			if k.Scopes == "" {
				k.Scopes = bearer.FullAccess
			}
		})},
		{"scopes of a kilobyte", whole, onKeyOut(func(k *key) { k.Scopes = bearer.Scopes(cut(string(k.Scopes), 1024)) })},
		{"no limit is the zero limit", whole, onKeyOut(func(k *key) {
			if k.Limit == bearer.Unlimited {
				k.Limit = bearer.Limit{}
			}
		})},
		{"whole rates", whole, onKeyOut(func(k *key) {
			if k.Limit != bearer.Unlimited {
				k.Limit.Rate = bearer.PerSecond(int(k.Limit.Rate)).Rate
			}
		})},
		{"no burst", whole, onKeyOut(func(k *key) { k.Limit.Burst = 1 })},
		{"addresses of IPv4", whole, onKeyOut(func(k *key) {
			for i, p := range k.AllowedIPs {
				if !p.Addr().Is4() {
					k.AllowedIPs = k.AllowedIPs[:i]
					return
				}
			}
		})},
		{"20 addresses", whole, onKeyOut(func(k *key) { k.AllowedIPs = k.AllowedIPs[:min(20, len(k.AllowedIPs))] })},
		{"no addresses are an empty one", whole, onKeyOut(func(k *key) {
			if len(k.AllowedOrigins) == 0 {
				k.AllowedOrigins = strings.Split("", ",")
			}
		})},
		{"sorted origins", whole, onKeyOut(func(k *key) { slices.Sort(k.AllowedOrigins) })},
		{"metadata keys of one case", whole, onKeyOut(func(k *key) {
			all := map[string]string{}
			for name, value := range k.Metadata {
				all[strings.ToLower(name)] = value
			}
			k.Metadata = all
		})},
		{"no empty metadata", whole, onKeyOut(func(k *key) {
			maps.DeleteFunc(k.Metadata, func(_, value string) bool { return value == "" })
		})},
		{"metadata is merged", whole, onReplaceKey(func(old, k *key) {
			k.Metadata = maps.Clone(k.Metadata)
			for name, value := range old.Metadata {
				if k.Metadata == nil {
					k.Metadata = map[string]string{}
				}
				if _, ok := k.Metadata[name]; !ok {
					k.Metadata[name] = value
				}
			}
		})},
		{"what is empty is not replaced", whole, onReplaceKey(func(old, k *key) {
			if k.ExpiresAt.IsZero() {
				k.ExpiresAt = old.ExpiresAt
			}
		})},
		{"limits are not replaced", whole, onReplaceKey(func(old, k *key) { k.Limit = old.Limit })},
		{"secrets of another order", whole, onKeyOut(func(k *key) {
			slices.SortFunc(k.Secrets, func(a, b issuer.Secret) int { return b.CreatedAt.Compare(a.CreatedAt) })
		})},
		{"two secrets", whole, onKeyOut(func(k *key) { k.Secrets = k.Secrets[max(0, len(k.Secrets)-2):] })},
		{"lists without secrets", whole, func(b *brokenStore) {
			b.listKeys = func(q issuer.KeyQuery) ([]key, error) {
				keys, err := b.MemoryStore.ListKeys(ctx, q)
				for i := range keys {
					keys[i].Secrets = nil
				}
				return keys, err
			}
		}},
		{"no use before the creation", whole, func(b *brokenStore) {
			b.createKey = func(k key) error {
				k.LastUsedAt = time.Time{}
				return b.MemoryStore.CreateKey(ctx, k)
			}
		}},
		{"a shared slice", copies, sharing(func(shared, k *key) { k.AllowedOrigins = shared.AllowedOrigins })},
		{"a shared map", copies, sharing(func(shared, k *key) { k.Metadata = shared.Metadata })},
		{"shared secrets", copies, sharing(func(shared, k *key) { k.Secrets = shared.Secrets })},
	})
}
