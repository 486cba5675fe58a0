package bearer

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// digests is a map from digests, whose first 8 bytes are well spread, to
// values. It is read without a lock: two cores that look up keys would
// otherwise pass the lock's cache line to and fro, which takes longer than the
// look-up (see BenchmarkKey, parallel). The zero value is an empty map.
type digests[V any] struct {
	table atomic.Pointer[digestTable[V]]

	mu   sync.Mutex // for those who change the map
	held int        // entries
	used int        // slots that are not nil
}

// A digestTable is an open-addressing table with linear probing, at most half
// full.
type digestTable[V any] struct {
	slots []atomic.Pointer[digestEntry[V]] // as many as a power of two
	seed  uint64
}

// A digestEntry does not change: another takes its place.
type digestEntry[V any] struct {
	digest  KeyHash
	value   V
	removed bool
}

const minDigests = 16 // slots

// find returns the slot of a digest and what is in it, or the slot that it
// would get and nil.
func (t *digestTable[V]) find(digest *KeyHash) (*atomic.Pointer[digestEntry[V]], *digestEntry[V]) {
	mask := uint64(len(t.slots) - 1)
	// Strangers can look for texts whose digests are alike, but not for those
	// that are after a multiplication by a random number.
	i := binary.LittleEndian.Uint64(digest[:]) * t.seed >> bits.LeadingZeros64(mask)
	for ; ; i++ {
		slot := &t.slots[i&mask]
		e := slot.Load()
		if e == nil || e.digest == *digest {
			return slot, e
		}
	}
}

// load returns the value of a digest, to read only, or nil.
func (d *digests[V]) load(digest *KeyHash) *V {
	if t := d.table.Load(); t != nil {
		if _, e := t.find(digest); e != nil && !e.removed {
			return &e.value
		}
	}
	return nil
}

// The methods below are called with mu held.

// put takes an entry in, in place of that with its digest.
func (d *digests[V]) put(e *digestEntry[V]) {
	t := d.table.Load()
	if t == nil || 2*d.used >= len(t.slots) {
		t = d.rebuild()
	}
	slot, old := t.find(&e.digest)
	if old == nil {
		d.used++
	}
	if old == nil || old.removed {
		d.held++
	}
	slot.Store(e)
}

// drop removes the entry in a slot.
func (d *digests[V]) drop(slot *atomic.Pointer[digestEntry[V]], e *digestEntry[V]) {
	slot.Store(&digestEntry[V]{digest: e.digest, removed: true})
	d.held--
}

// remove removes a digest, and reports whether it was there.
func (d *digests[V]) remove(digest KeyHash) bool {
	if t := d.table.Load(); t != nil {
		if slot, e := t.find(&digest); e != nil && !e.removed {
			d.drop(slot, e)
			d.shrink()
			return true
		}
	}
	return false
}

// removeAll removes the values that match reports, and returns how many.
func (d *digests[V]) removeAll(match func(*V) bool) (n int) {
	for slot, e := range d.all(0) {
		if match(&e.value) {
			d.drop(slot, e)
			n++
		}
	}
	d.shrink()
	return n
}

// shrink gives memory back once most of what was there is gone.
func (d *digests[V]) shrink() {
	if d.used > minDigests && d.held < d.used/4 {
		d.rebuild()
	}
}

// removeAny removes a value at random. The map is not empty.
func (d *digests[V]) removeAny() {
	for slot, e := range d.all(rand.Uint64()) { //nolint:gosec // nothing secret depends on it
		d.drop(slot, e)
		return
	}
}

// all goes through the entries, from a slot on.
func (d *digests[V]) all(start uint64) iter.Seq2[*atomic.Pointer[digestEntry[V]], *digestEntry[V]] {
	return func(yield func(*atomic.Pointer[digestEntry[V]], *digestEntry[V]) bool) {
		t := d.table.Load()
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

// rebuild moves the entries to a table that they fill to a quarter. Those who
// read the old one meanwhile find what was there.
func (d *digests[V]) rebuild() *digestTable[V] {
	n := minDigests
	for n < 4*d.held {
		n *= 2
	}
	t := &digestTable[V]{slots: make([]atomic.Pointer[digestEntry[V]], n)}
	t.seed = rand.Uint64() | 1 //nolint:gosec // its generator is a ChaCha8 that was seeded by the system
	for _, e := range d.all(0) {
		slot, _ := t.find(&e.digest)
		slot.Store(e)
	}
	d.used = d.held
	d.table.Store(t)
	return t
}
