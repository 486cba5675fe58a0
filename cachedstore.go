package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// A CacheConfig says what a [KeyCache] may remember.
type CacheConfig struct {
	// TTL is how long a key is remembered, counted from before its look-up, and
	// so the longest that a change in the store goes unnoticed if Forget is not
	// called. Zero or less: 30 seconds.
	TTL time.Duration

	// MaxKeys is the most keys that are remembered; beyond it, one is forgotten
	// at random. Zero or less: 10,000.
	MaxKeys int
}

const (
	defaultCacheTTL  = 30 * time.Second
	defaultCacheKeys = 10_000
)

// A KeyCache is a [KeyStore] in front of a slower one: see [CachedStore]. It is
// safe for concurrent use. The zero value has no store: it finds no key, and New
// refuses it.
type KeyCache struct {
	store  KeyStore
	config CacheConfig

	// memory is what the cache remembers; nil: it is suspended.
	memory atomic.Pointer[keyMemory]
}

var errNoStore = errors.New("bearer: a KeyCache without a store")

// CachedStore returns a cache of the keys in store, safe for concurrent use.
// Many requests for a key that is not remembered make one look-up, which goes on
// as long as one of them waits. While a key is remembered, the store is not
// asked, and may be out of order; its errors are never remembered. That a key is
// not there is remembered for up to a second. Keys that are revoked or expired
// are remembered like all others: the guard judges them on each request, so that
// ExpiresAt and EndsAt are exact. The store must not change a key that it has
// returned.
//
// Call [KeyCache.Forget] when a key was changed or revoked, in each process
// that has a cache. If the messages that tell of changes are lost for a while,
// [KeyCache.Suspend] makes the cache ask the store each time.
func CachedStore(store KeyStore, config CacheConfig) *KeyCache {
	if config.TTL <= 0 {
		config.TTL = defaultCacheTTL
	}
	if config.MaxKeys <= 0 {
		config.MaxKeys = defaultCacheKeys
	}
	c := &KeyCache{store: store, config: config}
	c.memory.Store(c.newMemory())
	return c
}

// FindKey implements [KeyStore]. The key is shared by all callers and must not
// be changed.
func (c *KeyCache) FindKey(ctx context.Context, hash KeyHash) (*Key, error) {
	if c == nil || c.store == nil {
		return nil, errNoStore
	}
	m := c.memory.Load()
	if m == nil {
		timedOf(ctx).ask()
		return askStore(ctx, c.store, hash)
	}
	if key, ok, err := m.remembered(hash); ok {
		timedOf(ctx).remember()
		return key, err
	}
	l, key, err := m.join(ctx, hash)
	if l == nil {
		timedOf(ctx).remember()
		return key, err
	}
	timedOf(ctx).ask()
	defer m.leave(hash, l)
	select {
	case <-l.done:
		return l.key, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("bearer: waiting for the key store: %w", context.Cause(ctx))
	}
}

// principal returns the principal of a key that is remembered, or nil.
func (c *KeyCache) principal(hash *KeyHash) *Principal {
	m := c.memory.Load()
	if m == nil {
		return nil
	}
	p, _ := m.keys.Load(*hash)
	return p
}

// Forget makes the next FindKey of the hash ask the store. A look-up that is
// under way will not be remembered, nor answer a call that comes after Forget:
// once a key was revoked in the store and then forgotten, it stays so.
func (c *KeyCache) Forget(hash KeyHash) {
	if m := c.memory.Load(); m != nil {
		m.forget(hash)
	}
}

// ForgetAll is [KeyCache.Forget] of every hash.
func (c *KeyCache) ForgetAll() {
	// If another call replaces the memory meanwhile, the new one began after
	// this call, and holds nothing that is to be forgotten.
	if m := c.memory.Load(); m != nil {
		c.memory.CompareAndSwap(m, c.newMemory())
	}
}

// Suspend makes every FindKey ask the store for itself until [KeyCache.Resume]:
// nothing is remembered, answered from memory or shared with other calls. It is
// for the time in which changes may go unnoticed, such as that without a
// connection to what tells of them. A cache that is suspended stays so.
func (c *KeyCache) Suspend() { c.memory.Store(nil) }

// Resume ends what [KeyCache.Suspend] began. Nothing that was remembered before
// is used, nor is a look-up that is under way. If the cache is not suspended,
// Resume does nothing.
func (c *KeyCache) Resume() { c.memory.CompareAndSwap(nil, c.newMemory()) }

// Format implements [fmt.Formatter], so that no verb shows hashes.
func (c *KeyCache) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.KeyCache") }
