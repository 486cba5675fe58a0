package bearertest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A backend is a database. Stores in front of it may keep something in memory.
type backend struct {
	bearertest.Keys

	memory sync.Map
}

func (b *backend) hooks() bearertest.StoreHooks {
	return bearertest.StoreHooks{
		Outage: func(on bool) { b.Fail(map[bool]error{true: errDown, false: nil}[on]) },
		Revoke: func(k key) error {
			b.memory.Store("revoked", true)
			b.Update(k.ID, func(stored *key) { stored.RevokedAt = k.RevokedAt })
			return nil
		},
	}
}

// isKnown reports whether a hash was found before.
func (b *backend) isKnown(h hash, err error) bool {
	if err == nil {
		b.memory.Store(h, true)
	}
	_, known := b.memory.Load(h)
	return known
}

// cachingFor remembers keys for a while, which may begin again at each hit.
func cachingFor(ttl time.Duration, renew bool) func(*backend, ctxt, hash) (*key, error) {
	type entry struct {
		key   key
		until time.Time
	}
	return func(b *backend, ctx ctxt, h hash) (*key, error) {
		if v, ok := b.memory.Load(h); ok {
			e, _ := v.(entry)
			if time.Now().Before(e.until) {
				if renew {
					b.memory.Store(h, entry{e.key, time.Now().Add(ttl)})
				}
				return &e.key, nil
			}
		}
		k, err := b.FindKey(ctx, h)
		if err == nil {
			b.memory.Store(h, entry{*k, time.Now().Add(ttl)})
		}
		return k, err
	}
}

// findFunc is a FindKey.
type findFunc func(context.Context, hash) (*key, error)

func (f findFunc) FindKey(ctx context.Context, h hash) (*key, error) { return f(ctx, h) }

func TestKeyStoreHooksOfRightStores(t *testing.T) {
	tests := []struct {
		name  string
		front func(*backend) bearer.KeyStore
	}{
		{"Keys", func(b *backend) bearer.KeyStore { return &b.Keys }},
		{"CachedStore of two seconds", func(b *backend) bearer.KeyStore {
			return bearer.CachedStore(&b.Keys, bearer.CacheConfig{TTL: 2 * time.Second})
		}},
		{"answers neither during an outage", func(b *backend) bearer.KeyStore {
			return findFunc(func(ctx context.Context, h hash) (*key, error) {
				k, err := b.FindKey(ctx, h)
				if errors.Is(err, errDown) {
					return nil, nil
				}
				return k, err
			})
		}},
		{"leaves out what was revoked", func(b *backend) bearer.KeyStore {
			return findFunc(func(ctx context.Context, h hash) (*key, error) {
				k, err := b.FindKey(ctx, h)
				if err == nil && !k.RevokedAt.IsZero() {
					return nil, bearer.ErrKeyNotFound
				}
				return k, err
			})
		}},
		{"is out of order for two seconds more", func(b *backend) bearer.KeyStore {
			var failed time.Time
			return findFunc(func(ctx context.Context, h hash) (*key, error) {
				if time.Since(failed) < 2*time.Second {
					return nil, errDown
				}
				k, err := b.FindKey(ctx, h)
				if errors.Is(err, errDown) {
					failed = time.Now()
				}
				return k, err
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				assert.NoError(t, bearertest.TestKeyStore(tt.front(&b), b.Add, b.hooks(), bearertest.StoreHooks{}, b.hooks()))
			})
		})
	}
	t.Run("MemoryStore", func(t *testing.T) {
		var store bearer.MemoryStore
		err := bearertest.TestKeyStore(&store, func(k key) error { return store.Add(k) }, bearertest.StoreHooks{Revoke: store.Update})
		assert.NoError(t, err)
	})
}

func TestKeyStoreHooksOfBrokenStores(t *testing.T) {
	const outage, revoked = "an outage makes no key unknown", "a revoked key is returned with its RevokedAt, or not at all, two seconds later"
	tests := []struct {
		name  string
		front func(b *backend, ctx ctxt, h hash) (*key, error)
		hooks func(*backend) bearertest.StoreHooks
		want  []string
	}{
		{name: "calls an outage no rows", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if errors.Is(err, errDown) {
				err = bearer.ErrKeyNotFound
			}
			return k, err
		}, want: []string{outage, "during the outage, a hash that was never stored: got the error"}},
		{name: "has an outage that is none", hooks: func(*backend) bearertest.StoreHooks {
			return bearertest.StoreHooks{Outage: func(bool) {}}
		}, want: []string{outage}},
		{name: "answers with an empty key during an outage", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if errors.Is(err, errDown) {
				return new(key), nil
			}
			return k, err
		}, want: []string{outage}},
		{name: "calls the keys that it knows no rows in an outage", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if b.isKnown(h, err) && errors.Is(err, errDown) {
				err = bearer.ErrKeyNotFound
			}
			return k, err
		}, want: []string{outage, "during the outage, a key that was asked for before"}},
		{name: "remembers an outage", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if _, known := b.memory.Load("down"); known || errors.Is(err, errDown) {
				b.memory.Store("down", true)
				return nil, errDown
			}
			return k, err
		}, want: []string{outage, "3s after the outage: got the error"}},
		{name: "remembers in an outage that a key is not there", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			if _, known := b.memory.Load(h); known {
				return nil, bearer.ErrKeyNotFound
			}
			k, err := b.FindKey(ctx, h)
			if errors.Is(err, errDown) {
				b.memory.Store(h, true)
			}
			return k, err
		}, want: []string{outage}},

		{name: "never sees a revocation", front: cachingFor(time.Hour, false), want: []string{revoked, "two seconds after it was revoked: RevokedAt: got the zero time, want a time"}},
		{name: "sees a revocation late", front: cachingFor(5*time.Second, false), want: []string{revoked}},
		{name: "remembers a key as long as it is used", front: cachingFor(time.Second, true), want: []string{revoked}},
		{name: "has two caches, of which one is told", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if _, revoked := b.memory.Load("revoked"); revoked && err == nil && b.Calls()%2 == 0 {
				k.RevokedAt = time.Time{}
			}
			return k, err
		}, want: []string{revoked}},
		{name: "answers a revoked key with an error", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if _, revoked := b.memory.Load("revoked"); revoked && err == nil && !k.RevokedAt.IsZero() {
				return nil, errors.New("revoked")
			}
			return k, err
		}, want: []string{"with its RevokedAt"}},
		{name: "revokes every key", hooks: func(b *backend) bearertest.StoreHooks {
			return bearertest.StoreHooks{Revoke: func(k key) error {
				b.memory.Store("revoked", k.RevokedAt)
				return nil
			}}
		}, front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			k, err := b.FindKey(ctx, h)
			if at, ok := b.memory.Load("revoked"); ok && err == nil {
				k.RevokedAt, _ = at.(time.Time)
			}
			return k, err
		}, want: []string{revoked, "another key, which was not revoked: RevokedAt: got a time"}},
		{name: "revokes records in place", front: func(b *backend, ctx ctxt, h hash) (*key, error) {
			if k, ok := b.memory.Load(h); ok {
				return k.(*key), nil
			}
			k, err := b.FindKey(ctx, h)
			if err == nil {
				b.memory.Store(h, k)
			}
			return k, err
		}, hooks: func(b *backend) bearertest.StoreHooks {
			return bearertest.StoreHooks{Revoke: func(k key) error {
				if stored, ok := b.memory.Load(k.Hash); ok {
					stored.(*key).RevokedAt = k.RevokedAt
				}
				b.Revoke(k.ID)
				return nil
			}}
		}, want: []string{"a key that was returned does not change"}},
		{name: "revokes secret keys of test", hooks: func(b *backend) bearertest.StoreHooks {
			return bearertest.StoreHooks{Revoke: func(k key) error {
				if k.Kind == bearer.SecretKey && k.Environment == bearer.Test {
					b.Revoke(k.ID)
				}
				return nil
			}}
		}, want: []string{revoked, "a publishable key, two seconds after it was revoked: RevokedAt: got the zero time"}},
		{name: "cannot revoke", hooks: func(*backend) bearertest.StoreHooks {
			return bearertest.StoreHooks{Revoke: func(key) error { return errNoRows }}
		}, want: []string{`a key that was asked for before: got the error "no rows in result set" of Revoke, want nil`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				store, hooks := bearer.KeyStore(&b.Keys), b.hooks()
				if tt.front != nil {
					store = findFunc(func(ctx context.Context, h hash) (*key, error) { return tt.front(&b, ctx, h) })
				}
				if tt.hooks != nil {
					hooks = tt.hooks(&b)
				}
				assert.NoError(t, bearertest.TestKeyStore(store, b.Add), "without hooks")
				err := bearertest.TestKeyStore(store, b.Add, bearertest.StoreHooks{}, hooks)
				for _, want := range tt.want {
					assertBroken(t, "TestKeyStore", want, err)
				}
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
			})
		})
	}
}
