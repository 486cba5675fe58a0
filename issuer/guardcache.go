package issuer

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// maxCached is how many keys, and how many sessions, are remembered.
const maxCached = 100_000

// A guardCache is what guards remember of keys and sessions: the Cache that a
// Watcher tells of changes. What it promises is that of [bearer.KeyCache]: a
// look-up that began before Forget answers no call that comes after it.
type guardCache struct {
	stored   storedKeys
	openings storedSessions
	ttl      time.Duration

	// Nil: nothing is remembered. A session is remembered as the Data of a key,
	// whose hash is the session's ID.
	keys, sessions *bearer.KeyCache

	subjects forgotten
	feed     feed
}

// newGuardCache returns what remembers keys and sessions for Config.CacheTTL.
func (i *Issuer) newGuardCache() *guardCache {
	g := &guardCache{stored: storedKeys{i}, openings: storedSessions{i}, ttl: i.config.CacheTTL}
	if g.ttl >= 0 {
		c := bearer.CacheConfig{TTL: g.ttl, MaxKeys: maxCached}
		g.keys = bearer.CachedStore(g.stored, c)
		g.sessions = bearer.CachedStore(sessionKeys{g.openings}, c)
	}
	return g
}

// keyStore returns the keys for guards.
func (g *guardCache) keyStore() bearer.KeyStore {
	if g.keys == nil {
		return g.stored
	}
	return g.keys
}

// judge returns the judge of tokens for guards.
func (g *guardCache) judge() judge { return judge{g.keyStore(), g.session} }

// Forget implements [Cache].
func (g *guardCache) Forget(c Change) {
	if g.keys == nil {
		return
	}
	if c.Key != (bearer.KeyHash{}) {
		g.keys.Forget(c.Key)
	}
	if hash, ok := cacheHash(c.Session); ok {
		g.sessions.Forget(hash)
	}
	if c.Subject != "" {
		g.subjects.forget(c.Subject, g.ttl)
	}
	if c.Client != "" {
		g.subjects.forget(clientSubject+c.Client, g.ttl)
		g.subjects.forget(credentialSubject+c.Client, g.ttl)
	}
}

// ForgetAll implements [Cache].
func (g *guardCache) ForgetAll() { g.each((*bearer.KeyCache).ForgetAll) }

// Suspend implements [Cache].
func (g *guardCache) Suspend() { g.suspend(errFeedLost) }

// suspend is Suspend for a reason.
func (g *guardCache) suspend(why error) {
	g.feed.set(why)
	g.each((*bearer.KeyCache).Suspend)
}

// Resume implements [Cache]. If the cache is not suspended, it forgets all: the
// feed has only now begun, and what was remembered before may have changed.
func (g *guardCache) Resume() {
	g.each((*bearer.KeyCache).ForgetAll)
	g.each((*bearer.KeyCache).Resume)
	g.feed.set(nil)
}

func (g *guardCache) each(call func(*bearer.KeyCache)) {
	if g.keys != nil {
		call(g.keys)
		call(g.sessions)
	}
}

// generation returns a number that grows each time that a subject is forgotten.
func (g *guardCache) generation() uint64 { return g.subjects.generation.Load() }

// session returns a session that is remembered, or reads it.
func (g *guardCache) session(ctx context.Context, id string) (*opening, error) {
	hash, ok := cacheHash(id)
	if !ok || g.sessions == nil {
		return g.openings.find(ctx, id)
	}
	for range 2 {
		key, err := g.sessions.FindKey(ctx, hash)
		if err != nil {
			return nil, err
		}
		o, _ := key.Data.(*opening)
		switch {
		case o == nil:
			return nil, errNoSession
		case o.id != id:
			return nil, bearer.ErrKeyNotFound
		case !g.subjects.isStale(o):
			return o, nil
		}
		g.sessions.Forget(hash)
	}
	return g.openings.find(ctx, id) // its subject is forgotten again and again
}

var errNoSession = errors.New("issuer: what is remembered is no session")

// cacheHash returns the hash of a session in the cache of keys: its ID, with zero
// bytes after it, mixed. It reports false of an ID that cannot be one.
func cacheHash(id string) (hash bearer.KeyHash, ok bool) {
	ok = copy(hash[:], id) == len(id) && id != ""
	mix(&hash)
	return hash, ok
}

// mix changes the first 8 bytes of a hash by the next 8, and so does it back. A
// cache takes hashes, whose first bytes are well spread. Those of an ID are a
// prefix and a few letters, which would stand in one heap.
func mix(hash *bearer.KeyHash) {
	x := binary.LittleEndian.Uint64(hash[8:])
	x = (x ^ x>>32) * 0x9e3779b97f4a7c15 // odd numbers with many digits
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	first := binary.LittleEndian.Uint64(hash[:])
	binary.LittleEndian.PutUint64(hash[:], first^x^x>>32)
}

// sessionKeys are sessions in the form of keys, for a cache of keys.
type sessionKeys struct{ sessions storedSessions }

// FindKey implements [bearer.KeyStore].
func (s sessionKeys) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	o, err := s.sessions.find(ctx, idOf(hash))
	if err != nil {
		return nil, err
	}
	return &bearer.Key{ID: o.id, Hash: hash, Data: o}, nil
}

// idOf returns the ID that cacheHash made a hash of.
func idOf(hash bearer.KeyHash) string {
	mix(&hash)
	n := len(hash)
	for n > 0 && hash[n-1] == 0 {
		n--
	}
	return string(hash[:n])
}

// A forgotten says which subjects were forgotten, and in which generation: each
// call of forget begins a new one. The cache finds sessions by their IDs alone, so
// that those of a subject stay in it when the subject is forgotten; isStale keeps
// them from being used.
//
// Say that the generation is 7. A look-up of a session of user:42 begins, and
// notes 7. Meanwhile user:42 is forgotten, which begins generation 8. What the
// look-up finds is stale, since 7 is less than 8, and is not used. The next
// look-up notes 8, and what it finds is used.
type forgotten struct {
	generation atomic.Uint64
	floor      atomic.Uint64 // what began before it is not used, whatever its subject
	subjects   sync.Map      // string → uint64

	mu    sync.Mutex // held to forget
	queue []forgetting
}

// A forgetting is one subject that was forgotten.
type forgetting struct {
	subject    string
	generation uint64
	at         time.Time
}

// forget makes all be stale that is known of a subject. It drops what has become
// too old to matter: what began before that is remembered no more.
func (f *forgotten) forget(subject string, ttl time.Duration) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	generation := f.generation.Add(1)
	f.subjects.Store(subject, generation)
	f.queue = append(f.queue, forgetting{subject, generation, now})
	for len(f.queue) > maxCached || now.Sub(f.queue[0].at) > ttl {
		oldest := f.queue[0]
		f.floor.Store(oldest.generation)
		f.subjects.CompareAndDelete(oldest.subject, oldest.generation)
		f.queue = f.queue[1:]
	}
}

// isStale reports whether a session was read before its subject was forgotten.
func (f *forgotten) isStale(o *opening) bool {
	if o.began == f.generation.Load() {
		return false
	}
	generation, _ := f.subjects.Load(o.name)
	at, _ := generation.(uint64)
	return o.began < max(at, f.floor.Load()) // the floor last: forget raises it before it drops a subject
}
