package bearer

import (
	"sync"
	"sync/atomic"
	"time"
)

// expiring is a bounded map from digests to values that end by themselves. It
// is parted, so that readers on several cores seldom meet. A full map forgets a
// value at random: nobody can aim at another's.
type expiring[V any] struct {
	parts []expiringPart[V] // a power of two
	most  int64             // values in all parts
	held  atomic.Int64
}

type expiringPart[V any] struct {
	mu sync.RWMutex
	m  map[KeyHash]expiringValue[V]
	_  [96]byte // the next part's lock is on another cache line
}

type expiringValue[V any] struct {
	value V
	until time.Time
}

// newExpiring returns a map of up to most values.
func newExpiring[V any](most int) *expiring[V] {
	n := 1
	for n < 64 && most/(2*n) >= 64 {
		n *= 2
	}
	e := &expiring[V]{parts: make([]expiringPart[V], n), most: int64(most)}
	for i := range e.parts {
		e.parts[i].m = make(map[KeyHash]expiringValue[V])
	}
	return e
}

func (e *expiring[V]) part(digest *KeyHash) *expiringPart[V] {
	return &e.parts[int(digest[0])&(len(e.parts)-1)]
}

// load returns a value that has not ended.
func (e *expiring[V]) load(digest KeyHash, now time.Time) (V, bool) {
	p := e.part(&digest)
	p.mu.RLock()
	entry, ok := p.m[digest]
	p.mu.RUnlock()
	return entry.value, ok && now.Before(entry.until)
}

// store holds a value until an instant. Where the map is full, it takes the
// place of another in the same part; a part with none holds nothing more.
func (e *expiring[V]) store(digest KeyHash, v V, until time.Time) {
	p := e.part(&digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.m[digest]; !ok && e.held.Add(1) > e.most {
		e.held.Add(-1)
		if len(p.m) == 0 {
			return
		}
		for victim := range p.m {
			delete(p.m, victim)
			break
		}
	}
	p.m[digest] = expiringValue[V]{v, until}
}

func (e *expiring[V]) remove(digest KeyHash) {
	p := e.part(&digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.m[digest]; ok {
		delete(p.m, digest)
		e.held.Add(-1)
	}
}

// earlier returns the first of two instants; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}
