package bearer

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// This file is the table that the slots of Buckets are in.

// A slotTable is the buckets of one kind of caller, parted into shards so that
// growing stops few callers at a time.
type slotTable struct {
	shards []shard
}

const (
	maxShards = 64
	minSlots  = 16
	sampled   = 8  // buckets looked at to find one to evict
	searched  = 64 // and to find one that is nearer to full than the newcomer
)

// init makes an empty table for up to most buckets.
func (x *slotTable) init(most int) {
	n := 1
	most = max(most, sampled)
	for n < maxShards && most/(2*n) >= 256 { // the shards of a small table fill unevenly
		n *= 2
	}
	x.shards = make([]shard, n)
	for i := range x.shards {
		x.shards[i].most = most / n
		if i < most%n {
			x.shards[i].most++
		}
	}
}

// take is gone if the table's buckets have moved to another.
func (x *slotTable) take(t *take) (arrival int64, v verdict) {
	d := &x.shards[t.hash>>32&uint64(len(x.shards)-1)]
	s := d.find(t.hash)
	switch {
	case s == nil && t.n == 0:
		return t.now, allowed // a full bucket is not worth a slot
	case s != nil:
		if arrival, v = s.take(t); v != gone {
			return arrival, v
		}
	}
	return d.insert(t)
}

// latest returns the time of the last insert into any shard.
func (x *slotTable) latest() int64 {
	latest := int64(math.MinInt64)
	for i := range x.shards {
		d := &x.shards[i]
		d.mu.Lock()
		latest = max(latest, d.latest)
		d.mu.Unlock()
	}
	return latest
}

// moveTo moves the buckets to another table, whose times are less by shift.
func (x *slotTable) moveTo(to *slotTable, shift int64) {
	for i := range x.shards {
		d := &x.shards[i]
		d.mu.Lock()
		kept := d.empty(shift) // what is full at the other's base stays behind
		for i := range kept {
			kept[i].arrival = min(kept[i].arrival-shift, maxDepth)
		}
		to.shards[i].fill(kept)
		d.moved = true
		d.mu.Unlock()
	}
}

// A shard is an open-addressing table with linear probing.
type shard struct {
	slots atomic.Pointer[[]slot] // the length is a power of two

	mu     sync.Mutex
	most   int   // the most buckets held
	used   int   // slots that are not empty
	held   int   // slots that are neither empty nor nobody's: at least as many as there are buckets
	latest int64 // the time of the last insert: buckets that were full by then may be forgotten
	moved  bool  // the buckets are in another table: see moveTo

	_ [8]byte // shards do not share a cache line
}

// find returns the slot of a bucket, or nil. It takes no lock, so that both may
// be wrong by the time that the caller looks: see slot.take.
func (d *shard) find(hash uint64) *slot {
	p := d.slots.Load()
	if p == nil {
		return nil
	}
	slots := *p
	mask := uint64(len(slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch slots[i].hash.Load() {
		case hash:
			return &slots[i]
		case 0:
			return nil
		}
	}
}

// insert takes from a bucket that is in no slot, or was not a moment ago.
func (d *shard) insert(t *take) (arrival int64, v verdict) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved {
		return 0, gone
	}
	if t.now < d.latest { // a bucket that was not full at that old time may be forgotten
		t.now = max(t.now, t.age.clock())
	}
	d.latest = t.now
	for {
		if s := d.find(t.hash); s != nil {
			if arrival, v = s.take(t); v != gone {
				return arrival, v
			}
		}
		if t.n == 0 {
			return t.now, allowed
		}
		if s := d.claim(t); s != nil {
			arrival = t.now + t.pace.cost(t.now, t.n)
			s.hash.Store(t.hash)
			s.arrival.Store(arrival) // last: until now the slot was marked
			return arrival, allowed
		}
	}
}

// claim returns a slot for a new bucket, marked as moving. It returns nil if
// it lost a race for one, or had to make room first: try again.
func (d *shard) claim(t *take) *slot {
	if p := d.slots.Load(); p == nil || d.used*4 >= len(*p)*3 {
		d.rebuild(t.now)
	}
	slots := *d.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := t.hash & mask; ; i = (i + 1) & mask {
		s := &slots[i]
		was, hash := s.arrival.Load(), s.hash.Load()
		if hash != 0 && was > t.now {
			continue
		}
		if hash <= nobody {
			if d.held >= d.most && !d.evict(t.now+t.pace.cost(t.now, t.n)) {
				return nil
			}
			d.held++
		}
		if !s.arrival.CompareAndSwap(was, moving) {
			return nil // its own bucket took from it: it is not full any more
		}
		if hash == 0 {
			d.used++
		}
		return s
	}
}

// evict makes room for one bucket, whose last token arrives at newcomer: it
// forgets the one that is nearest to full among a few. While these are all
// more spent than the newcomer, it looks on for one that is not, so that a flood
// that takes less of each bucket than they have lost evicts its own. The slot
// keeps its time and is nobody's until that has passed, or until the next
// rebuild.
func (d *shard) evict(newcomer int64) bool {
	slots := *d.slots.Load()
	mask := uint64(len(slots) - 1)
	// A random stride, since neighbours are not a fair sample: where a flood
	// left only spent buckets standing, they would be all that is seen.
	at, stride := rand.Uint64(), rand.Uint64()|1 //nolint:gosec // nothing secret depends on it
	var victim *slot
	earliest := int64(math.MaxInt64)
	for i, seen := uint64(0), 0; i <= mask && (seen < sampled || seen < searched && earliest > newcomer); i++ {
		s := &slots[(at+i*stride)&mask]
		arrival := s.arrival.Load()
		if s.hash.Load() <= nobody {
			continue
		}
		seen++
		if arrival < earliest {
			victim, earliest = s, arrival
		}
	}
	if victim == nil || !victim.arrival.CompareAndSwap(earliest, moving) {
		return false
	}
	victim.hash.Store(nobody)
	victim.arrival.Store(earliest)
	d.held--
	return true
}

// A bucket is what a slot holds, while it moves.
type bucket struct {
	hash    uint64
	arrival int64
}

// rebuild moves the buckets that are not full to a table of twice as many slots
// or more.
func (d *shard) rebuild(now int64) { d.fill(d.empty(now)) }

// empty returns the buckets that are not full, and marks all slots: whoever
// still reads them comes the slow way.
func (d *shard) empty(now int64) []bucket {
	p := d.slots.Load()
	if p == nil {
		return nil
	}
	kept := make([]bucket, 0, d.held)
	for i := range *p {
		s := &(*p)[i]
		arrival := s.arrival.Swap(moving)
		if hash := s.hash.Load(); hash > nobody && arrival > now {
			kept = append(kept, bucket{hash, arrival})
		}
	}
	return kept
}

// fill gives the shard new slots that hold the buckets.
func (d *shard) fill(kept []bucket) {
	n := minSlots
	for n < 2*len(kept) {
		n *= 2
	}
	slots := make([]slot, n)
	for _, b := range kept {
		i := b.hash & uint64(n-1)
		for slots[i].hash.Load() != 0 {
			i = (i + 1) & uint64(n-1)
		}
		slots[i].hash.Store(b.hash)
		slots[i].arrival.Store(b.arrival)
	}
	d.used, d.held = len(kept), len(kept)
	d.slots.Store(&slots)
}
