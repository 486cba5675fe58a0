// Package hashmap has maps from digests to values that are read without a lock.
// Two cores that look up keys would otherwise pass the cache line of the lock to
// and fro, which takes longer than the look-up: see BenchmarkKey of package
// bearer, parallel.
package hashmap

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A Digest is a key of a map. Its first 8 bytes are well spread.
type Digest = [32]byte

// A Map is a map from digests to values. The zero value is an empty map. A Map
// is safe for concurrent use.
type Map[V any] struct {
	table atomic.Pointer[table[V]]

	mu   sync.Mutex // held to change the map
	held int        // entries that were not removed
	used int        // slots that are not nil
}

// An Entry is a digest and its value. It does not change once it is in a map:
// another takes its place.
type Entry[V any] struct {
	Digest  Digest
	removed bool // here, since a look-up waits for the line of memory of Digest anyway
	Value   V
}

// A table is an open-addressing table with linear probing, at most half full.
type table[V any] struct {
	slots []atomic.Pointer[Entry[V]] // the length is a power of two
	seed  uint64
}

const minSlots = 16

// find returns the slot of a digest and the entry in it, or the slot that the
// digest would get and nil.
//
// The slot depends on a random seed: callers can look for texts whose digests
// begin alike, but not for those that are alike after a multiplication by a
// number that they do not know.
func (t *table[V]) find(digest *Digest) (*atomic.Pointer[Entry[V]], *Entry[V]) {
	mask := uint64(len(t.slots) - 1)
	i := binary.LittleEndian.Uint64(digest[:]) * t.seed >> bits.LeadingZeros64(mask)
	for ; ; i++ {
		slot := &t.slots[i&mask]
		e := slot.Load()
		if e == nil || e.Digest == *digest {
			return slot, e
		}
	}
}

// Load returns the value of a digest, to read only, or nil.
func (m *Map[V]) Load(digest *Digest) *V {
	if t := m.table.Load(); t != nil {
		if _, e := t.find(digest); e != nil && !e.removed {
			return &e.Value
		}
	}
	return nil
}

// Put takes an entry in, in place of the one that has its digest.
func (m *Map[V]) Put(e *Entry[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(e)
}

// Add takes entries in, in one step, up to the first whose digest the map has. It
// returns how many it took in.
func (m *Map[V]) Add(entries ...*Entry[V]) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n < len(entries) && m.Load(&entries[n].Digest) == nil {
		m.put(entries[n])
		n++
	}
	return n
}

// Replace takes an entry in, if the map has its digest. It reports whether it
// did.
func (m *Map[V]) Replace(e *Entry[V]) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Load(&e.Digest) == nil {
		return false
	}
	m.put(e)
	return true
}

// Remove removes a digest, if it is there.
func (m *Map[V]) Remove(digest Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.table.Load(); t != nil {
		if slot, e := t.find(&digest); e != nil && !e.removed {
			m.drop(slot, e)
			m.shrink()
		}
	}
}

// RemoveFunc removes the values that match reports, and returns how many. It
// reads the whole map.
func (m *Map[V]) RemoveFunc(match func(*V) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for slot, e := range m.all(0) {
		if match(&e.Value) {
			m.drop(slot, e)
			n++
		}
	}
	m.shrink()
	return n
}

// The methods below are called with mu held.

// put takes an entry in, in place of the one that has its digest.
func (m *Map[V]) put(e *Entry[V]) {
	t := m.table.Load()
	if t == nil || 2*m.used >= len(t.slots) {
		t = m.rebuild()
	}
	slot, old := t.find(&e.Digest)
	if old == nil {
		m.used++
	}
	if old == nil || old.removed {
		m.held++
	}
	slot.Store(e)
}

// drop marks the entry in a slot as removed. The slot is not emptied, since
// searches for other digests go on behind it.
func (m *Map[V]) drop(slot *atomic.Pointer[Entry[V]], e *Entry[V]) {
	slot.Store(&Entry[V]{Digest: e.Digest, removed: true})
	m.held--
}

// shrink gives memory back if most of what was there is gone.
func (m *Map[V]) shrink() {
	if m.used > minSlots && m.held < m.used/4 {
		m.rebuild()
	}
}

// removeAny removes an entry at random. The map is not empty.
func (m *Map[V]) removeAny() {
	for slot, e := range m.all(rand.Uint64()) { //nolint:gosec // nothing secret depends on it
		m.drop(slot, e)
		return
	}
}

// all goes through the entries, from a slot on.
func (m *Map[V]) all(start uint64) iter.Seq2[*atomic.Pointer[Entry[V]], *Entry[V]] {
	return func(yield func(*atomic.Pointer[Entry[V]], *Entry[V]) bool) {
		t := m.table.Load()
		if t == nil {
			return
		}
		for i := range uint64(len(t.slots)) {
			slot := &t.slots[(start+i)&uint64(len(t.slots)-1)]
			if e := slot.Load(); e != nil && !e.removed && !yield(slot, e) {
				return
			}
		}
	}
}

// rebuild moves the entries to a table that is at most a quarter full: 5 entries
// get 32 slots, and the next rebuild comes when 16 of them are used. Readers of
// the old table find what was there.
func (m *Map[V]) rebuild() *table[V] {
	n := minSlots
	for n < 4*m.held {
		n *= 2
	}
	t := &table[V]{slots: make([]atomic.Pointer[Entry[V]], n)}
	t.seed = rand.Uint64() | 1 //nolint:gosec // its generator is a ChaCha8 that was seeded by the system
	for _, e := range m.all(0) {
		slot, _ := t.find(&e.Digest)
		slot.Store(e)
	}
	m.used = m.held
	m.table.Store(t)
	return t
}
