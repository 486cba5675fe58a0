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

// mostRemembered is how many keys, and how many sessions, are remembered.
const mostRemembered = 100_000

const defaultCacheTTL = 30 * time.Second

// A memory is what guards remember of keys and sessions. It is the Cache that a
// Watcher tells of changes. What it promises is that of [bearer.KeyCache]: a
// look-up that began before Forget answers no call that comes after it.
type memory struct {
	stored   storedKeys
	openings storedSessions
	ttl      time.Duration

	// Nil: nothing is remembered. A session is remembered as the Data of a key,
	// whose hash is the session's ID.
	keys, sessions *bearer.KeyCache

	subjects forgotten
	feed     feed
}

// newMemory returns what remembers keys and sessions for Config.CacheTTL.
func (i *Issuer) newMemory() *memory {
	m := &memory{stored: storedKeys{i}, openings: storedSessions{i}, ttl: i.config.CacheTTL}
	if m.ttl == 0 {
		m.ttl = defaultCacheTTL
	}
	if m.ttl >= 0 {
		c := bearer.CacheConfig{TTL: m.ttl, MaxKeys: mostRemembered}
		m.keys = bearer.CachedStore(m.stored, c)
		m.sessions = bearer.CachedStore(sessionKeys{m.openings}, c)
	}
	return m
}

// keyStore returns the keys for guards.
func (m *memory) keyStore() bearer.KeyStore {
	if m.keys == nil {
		return m.stored
	}
	return m.keys
}

// judge returns the judge of tokens for guards.
func (m *memory) judge() judge { return judge{m.keyStore(), m.session} }

// Forget implements [Cache].
func (m *memory) Forget(c Change) {
	if m.keys == nil {
		return
	}
	if c.Key != (bearer.KeyHash{}) {
		m.keys.Forget(c.Key)
	}
	if name, ok := nameOf(c.Session); ok {
		m.sessions.Forget(name)
	}
	if c.Subject != "" {
		m.subjects.forget(c.Subject, m.ttl)
	}
	if c.Client != "" {
		m.subjects.forget(clientSubject+c.Client, m.ttl)
		m.subjects.forget(credentialSubject+c.Client, m.ttl)
	}
}

// ForgetAll implements [Cache].
func (m *memory) ForgetAll() { m.each((*bearer.KeyCache).ForgetAll) }

// Suspend implements [Cache].
func (m *memory) Suspend() { m.suspend(errFeedLost) }

// suspend is Suspend for a reason.
func (m *memory) suspend(why error) {
	m.feed.set(why)
	m.each((*bearer.KeyCache).Suspend)
}

// Resume implements [Cache]. If the memory is not suspended, it forgets all: the
// feed has only now begun, and what was remembered before may have changed.
func (m *memory) Resume() {
	m.each((*bearer.KeyCache).ForgetAll)
	m.each((*bearer.KeyCache).Resume)
	m.feed.set(nil)
}

func (m *memory) each(call func(*bearer.KeyCache)) {
	if m.keys != nil {
		call(m.keys)
		call(m.sessions)
	}
}

// moment returns a number that grows each time that a subject is forgotten.
func (m *memory) moment() uint64 { return m.subjects.moment.Load() }

// session returns a session that is remembered, or reads it.
func (m *memory) session(ctx context.Context, id string) (*opening, error) {
	name, ok := nameOf(id)
	if !ok || m.sessions == nil {
		return m.openings.find(ctx, id)
	}
	for range 2 {
		key, err := m.sessions.FindKey(ctx, name)
		if err != nil {
			return nil, err
		}
		o, _ := key.Data.(*opening)
		switch {
		case o == nil:
			return nil, errNoSession
		case o.id != id:
			return nil, bearer.ErrKeyNotFound
		case !m.subjects.isStale(o):
			return o, nil
		}
		m.sessions.Forget(name)
	}
	return m.openings.find(ctx, id) // its subject is forgotten all the time
}

var errNoSession = errors.New("issuer: what is remembered is no session")

// nameOf returns the name of a session in the cache: its ID, with zero bytes after
// it, mixed. It reports false of an ID that cannot be one.
func nameOf(id string) (name bearer.KeyHash, ok bool) {
	ok = copy(name[:], id) == len(id) && id != ""
	mix(&name)
	return name, ok
}

// mix changes the first 8 bytes of a name by the next 8, and so does it back. A
// cache takes hashes, whose first bytes are well spread. Those of an ID are a
// prefix and a few letters, which would stand in one heap.
func mix(name *bearer.KeyHash) {
	x := binary.LittleEndian.Uint64(name[8:])
	x = (x ^ x>>32) * 0x9e3779b97f4a7c15 // odd numbers with many digits
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	first := binary.LittleEndian.Uint64(name[:])
	binary.LittleEndian.PutUint64(name[:], first^x^x>>32)
}

// SessionKeys are sessions in the form of keys, for a cache of keys.
type sessionKeys struct{ sessions storedSessions }

// FindKey implements [bearer.KeyStore].
func (s sessionKeys) FindKey(ctx context.Context, name bearer.KeyHash) (*bearer.Key, error) {
	o, err := s.sessions.find(ctx, idOf(name))
	if err != nil {
		return nil, err
	}
	return &bearer.Key{ID: o.id, Hash: name, Data: o}, nil
}

// idOf returns the ID that nameOf made a name of.
func idOf(name bearer.KeyHash) string {
	mix(&name)
	n := len(name)
	for n > 0 && name[n-1] == 0 {
		n--
	}
	return string(name[:n])
}

// Forgotten says which subjects were forgotten, and when: in moments, which are
// counted. A cache finds sessions by their IDs alone, so that those of a subject
// are not removed from it, but not used any more.
//
// Say that moment 7 is now. A look-up of a session of user:42 begins and notes 7.
// Meanwhile user:42 is forgotten: that is moment 8. What the look-up finds is from
// before, since 7 is less than 8, and is not used. The next one notes 8, and is.
type forgotten struct {
	moment   atomic.Uint64
	floor    atomic.Uint64 // what began before it is not used, whatever its subject
	subjects sync.Map      // string → uint64

	mu    sync.Mutex // held to forget
	queue []forgetting
}

// A forgetting is one subject that was forgotten.
type forgetting struct {
	subject string
	moment  uint64
	at      time.Time
}

// forget makes all be stale that is known of a subject. It drops what has become
// too old to matter: what began before that is remembered no more.
func (f *forgotten) forget(subject string, ttl time.Duration) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	moment := f.moment.Add(1)
	f.subjects.Store(subject, moment)
	f.queue = append(f.queue, forgetting{subject, moment, now})
	for len(f.queue) > mostRemembered || now.Sub(f.queue[0].at) > ttl {
		oldest := f.queue[0]
		f.floor.Store(oldest.moment)
		f.subjects.CompareAndDelete(oldest.subject, oldest.moment)
		f.queue = f.queue[1:]
	}
}

// isStale reports whether a session was read before its subject was forgotten.
func (f *forgotten) isStale(o *opening) bool {
	if o.began == f.moment.Load() {
		return false
	}
	moment, _ := f.subjects.Load(o.name)
	at, _ := moment.(uint64)
	return o.began < max(at, f.floor.Load()) // the floor last: forget raises it before it drops a subject
}
