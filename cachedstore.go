package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/blockauth/bearer/internal/hashmap"
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

	// What is not there is remembered for a shorter time, since a key may be
	// created, and in a map of its own, since callers without a key fill it.
	missingTTL = time.Second
	maxMissing = 4096
)

// A KeyCache is a [KeyStore] in front of a slower one: see [CachedStore].
type KeyCache struct {
	store   KeyStore
	ttl     time.Duration
	keys    *hashmap.Expiring[*Principal]
	missing *hashmap.Expiring[struct{}]

	mu      sync.Mutex // guards lookups, and what one that ends remembers
	lookups map[KeyHash]*lookup
}

// A lookup is one question to the store, for whose answer any number of callers
// wait.
type lookup struct {
	done    chan struct{} // closed once key and err are there
	key     *Key
	err     error
	cancel  context.CancelFunc
	waiting int // callers; the last to leave cancels the look-up
}

var errAbandoned = errors.New("bearer: the key store ended the look-up's goroutine")

// CachedStore returns a cache of the keys in store, safe for concurrent use.
// Many requests for a key that is not remembered make one look-up, which goes on
// as long as one of them waits. While a key is remembered, the store is not
// asked, and may be out of order; its errors are never remembered. That a key is
// not there is remembered for up to a second. A key is never remembered beyond
// its ExpiresAt. The store must not change a key that it has returned.
//
// Call [KeyCache.Forget] when a key was changed or revoked, in each process
// that has a cache.
func CachedStore(store KeyStore, config CacheConfig) *KeyCache {
	if config.TTL <= 0 {
		config.TTL = defaultCacheTTL
	}
	if config.MaxKeys <= 0 {
		config.MaxKeys = defaultCacheKeys
	}
	return &KeyCache{
		store:   store,
		ttl:     config.TTL,
		keys:    hashmap.NewExpiring[*Principal](config.MaxKeys),
		missing: hashmap.NewExpiring[struct{}](maxMissing),
		lookups: make(map[KeyHash]*lookup),
	}
}

// FindKey implements [KeyStore]. The key is shared by all callers and must not
// be changed.
func (c *KeyCache) FindKey(ctx context.Context, hash KeyHash) (*Key, error) {
	now := time.Now()
	if key, ok, err := c.remembered(hash, now); ok {
		return key, err
	}
	l, key, err := c.join(ctx, hash, now)
	if l == nil {
		return key, err
	}
	defer c.leave(hash, l)
	select {
	case <-l.done:
		return l.key, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("bearer: waiting for the key store: %w", context.Cause(ctx))
	}
}

// remembered returns what the store said of a hash: a key, or ErrKeyNotFound. It
// reports false if that is not remembered.
func (c *KeyCache) remembered(hash KeyHash, now time.Time) (key *Key, ok bool, err error) {
	if p, ok := c.keys.Load(hash, now); ok {
		return p.Key, true, nil
	}
	if _, ok := c.missing.Load(hash, now); ok {
		return nil, true, ErrKeyNotFound
	}
	return nil, false, nil
}

// principal returns the principal of a key that is remembered, or nil.
func (c *KeyCache) principal(hash *KeyHash) *Principal {
	if c.keys == nil {
		return nil // the zero KeyCache: its FindKey panics, which the guard answers with 503
	}
	p, _ := c.keys.Load(*hash, time.Now())
	return p
}

// Forget makes the next FindKey of the hash ask the store. A look-up that is
// under way will not be remembered, nor answer a call that comes after Forget:
// once a key was revoked in the store and then forgotten, it stays so.
func (c *KeyCache) Forget(hash KeyHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lookups, hash)
	c.keys.Remove(hash)
	c.missing.Remove(hash)
}

// Format implements [fmt.Formatter], so that no verb shows hashes.
func (c *KeyCache) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearer.KeyCache") }

// join returns the lookup of a hash to wait for, and starts one if there is none.
// If one has just ended, it returns what that found, and no lookup.
func (c *KeyCache) join(ctx context.Context, hash KeyHash, now time.Time) (*lookup, *Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lookups[hash]
	if l == nil {
		if key, ok, err := c.remembered(hash, now); ok {
			return nil, key, err
		}
		l = &lookup{done: make(chan struct{}), err: errAbandoned}
		ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		c.lookups[hash] = l
		go c.ask(ctx, hash, l, now)
	}
	l.waiting++
	return l, nil, nil
}

// leave cancels a lookup that no caller waits for any more.
func (c *KeyCache) leave(hash KeyHash, l *lookup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.waiting--
	if l.waiting == 0 {
		l.cancel()
		c.unlist(hash, l)
	}
}

// ask asks the store, and remembers the answer unless it was forgotten meanwhile.
func (c *KeyCache) ask(ctx context.Context, hash KeyHash, l *lookup, started time.Time) {
	defer close(l.done) // also if the store ends this goroutine
	key, err := askStore(ctx, c.store, hash)
	var p *Principal // of the key that was asked for, and no other
	if err == nil && key != nil && key.Hash == hash {
		p = new(Principal)
		key.principal(p)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	l.key, l.err = key, err
	if !c.unlist(hash, l) {
		return
	}
	switch {
	case err == ErrKeyNotFound: //nolint:errorlint // askStore returns it as it is
		c.missing.Store(hash, struct{}{}, started.Add(min(missingTTL, c.ttl)))
	case p != nil:
		if until := earlier(started.Add(c.ttl), key.ExpiresAt); started.Before(until) {
			c.keys.Store(hash, p, until)
		}
	}
}

// unlist takes a lookup from those that callers may join. It reports whether it
// still was one of them.
func (c *KeyCache) unlist(hash KeyHash, l *lookup) bool {
	if c.lookups[hash] != l {
		return false
	}
	delete(c.lookups, hash)
	return true
}

// earlier returns the first of two instants; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}
