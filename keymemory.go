package bearer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/blockauth/bearer/internal/hashmap"
)

// A keyMemory is what a [KeyCache] remembers, and its look-ups that are under way.
// ForgetAll, Suspend and Resume put another in its place instead of emptying it. A
// look-up stays in the memory in which it began: no call that comes later reads
// what it finds, however late that is.
type keyMemory struct {
	store   KeyStore
	ttl     time.Duration
	keys    *hashmap.Expiring[*Principal]
	missing *hashmap.Expiring[struct{}]

	mu      sync.Mutex // guards lookups, and what one that ends remembers
	lookups map[KeyHash]*lookup
}

const (
	// What is not there is remembered for a shorter time, since a key may be
	// created, and in a map of its own, since callers without a key fill it.
	missingTTL = time.Second
	maxMissing = 4096
)

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

func (c *KeyCache) newMemory() *keyMemory {
	return &keyMemory{
		store:   c.store,
		ttl:     c.config.TTL,
		keys:    hashmap.NewExpiring[*Principal](c.config.MaxKeys),
		missing: hashmap.NewExpiring[struct{}](maxMissing),
		lookups: make(map[KeyHash]*lookup),
	}
}

// remembered returns what the store said of a hash: a key, or ErrKeyNotFound. It
// reports false if that is not remembered.
func (m *keyMemory) remembered(hash KeyHash) (key *Key, ok bool, err error) {
	if p, ok := m.keys.Load(hash); ok {
		return p.Key, true, nil
	}
	if _, ok := m.missing.Load(hash); ok {
		return nil, true, ErrKeyNotFound
	}
	return nil, false, nil
}

// forget removes what is remembered of a hash, and takes the look-up that is under
// way from those that callers may join.
func (m *keyMemory) forget(hash KeyHash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lookups, hash)
	m.keys.Remove(hash)
	m.missing.Remove(hash)
}

// join returns the lookup of a hash to wait for, and starts one if there is none.
// If one has just ended, it returns what that found, and no lookup.
func (m *keyMemory) join(ctx context.Context, hash KeyHash) (*lookup, *Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lookups[hash]
	if l == nil {
		if key, ok, err := m.remembered(hash); ok {
			return nil, key, err
		}
		l = &lookup{done: make(chan struct{}), err: errAbandoned}
		ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		m.lookups[hash] = l
		go m.ask(ctx, hash, l, time.Now())
	}
	l.waiting++
	return l, nil, nil
}

// leave cancels a lookup that no caller waits for any more.
func (m *keyMemory) leave(hash KeyHash, l *lookup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.waiting--
	if l.waiting == 0 {
		l.cancel()
		m.unlist(hash, l)
	}
}

// ask asks the store, and remembers the answer unless it was forgotten meanwhile.
func (m *keyMemory) ask(ctx context.Context, hash KeyHash, l *lookup, started time.Time) {
	defer close(l.done) // also if the store ends this goroutine
	key, err := askStore(ctx, m.store, hash)
	var p *Principal // of the key that was asked for, and no other
	if err == nil && key != nil && key.Hash == hash {
		p = new(Principal)
		key.principal(p)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	l.key, l.err = key, err
	if !m.unlist(hash, l) {
		return
	}
	switch {
	case err == ErrKeyNotFound: //nolint:errorlint // askStore returns it as it is
		m.missing.Store(hash, struct{}{}, started.Add(min(missingTTL, m.ttl)))
	case p != nil:
		m.keys.Store(hash, p, started.Add(m.ttl))
	}
}

// unlist takes a lookup from those that callers may join. It reports whether it
// still was one of them.
func (m *keyMemory) unlist(hash KeyHash, l *lookup) bool {
	if m.lookups[hash] != l {
		return false
	}
	delete(m.lookups, hash)
	return true
}
