package gcra

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A shard is a part of the buckets, so that growing stops few callers at a time:
// an open-addressing table with linear probing.
type shard struct {
	slots atomic.Pointer[[]slot] // the length is a power of two

	mu       sync.Mutex
	most     int   // buckets that the shard may hold
	used     int   // slots whose hash is not 0
	held     int   // slots whose hash is neither 0 nor tombstone: at least as many as there are buckets
	inserted int64 // the time of the last insert: buckets that were full by then may be forgotten
	moved    bool  // the buckets are in another epoch: see moveTo

	_ [8]byte // shards do not share a cache line
}

const minSlots = 16

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

// insert takes from a bucket that has no slot, or had none a moment ago. It
// returns false if the buckets have moved to another epoch.
func (d *shard) insert(q *request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved {
		return false
	}
	if q.now < d.inserted { // buckets that filled up since q.now may be forgotten: judge by the present
		q.now = max(q.now, q.epoch.clock())
	}
	d.inserted = q.now
	for {
		if s := d.find(q.hash); s != nil && s.take(q) {
			return true
		}
		if q.n == 0 {
			q.arrival, q.allowed = q.now, true
			return true
		}
		if s := d.claim(q); s != nil {
			q.arrival, q.allowed = q.now+q.pace.cost(q.now, q.n), true
			s.hash.Store(q.hash)
			s.arrival.Store(q.arrival) // last: until now the slot was locked
			return true
		}
	}
}

// claim returns a slot for a new bucket, locked. It returns nil if a take was
// faster, or if no bucket could be evicted: the caller tries again.
//
// The slot is the first behind the bucket's hash that is empty or whose bucket
// is full again. Say that the hash leads to slot 5, that slot 5 holds a bucket
// with an arrival in the future, that the arrival of slot 6 has passed, and that
// slot 7 is empty. The search skips slot 5, locks slot 6 by a compare-and-swap
// of its arrival, and returns it. If slot 6's own bucket is taken from in that
// moment, one of the two swaps fails: either the take tries again and waits for
// the shard's lock, or claim returns nil, since slot 6 is not full any more.
func (d *shard) claim(q *request) *slot {
	if p := d.slots.Load(); p == nil || d.used*4 >= len(*p)*3 {
		d.rebuild(q.now)
	}
	slots := *d.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := q.hash & mask; ; i = (i + 1) & mask {
		s := &slots[i]
		was, hash := s.arrival.Load(), s.hash.Load()
		if hash != 0 && was > q.now {
			continue
		}
		if hash <= tombstone {
			if d.held >= d.most && !d.evict(q.now+q.pace.cost(q.now, q.n)) {
				return nil
			}
			d.held++
		}
		if !s.arrival.CompareAndSwap(was, locked) {
			return nil
		}
		if hash == 0 {
			d.used++
		}
		return s
	}
}

const (
	sampled  = 8  // buckets that evict looks at
	searched = 64 // buckets that it looks at if all are emptier than the new one
)

// evict makes room for a new bucket, whose arrival will be newArrival. It forgets
// the bucket that is nearest to full among a few: its caller loses least.
//
// Say that the 8 buckets of the sample have arrivals that are 90, 40, 75, 12, 88,
// 60, 95 and 31 ms ahead, and that the new bucket's will be 10 ms ahead. All of
// them are emptier than the new one, and the fullest, 12 ms, would get 12 ms of
// tokens for nothing. If this is a flood of new names that take one token each,
// then buckets that are 10 ms ahead or less are nearly everywhere: evict looks at
// up to 64 until it meets one, and so the flood evicts its own buckets. If it
// meets none, the fullest of the 64 goes.
//
// The buckets are met by a random stride. Those beside each other are no fair
// sample: where a flood has evicted all but the emptiest buckets, a sample of
// eight in a row would be these.
//
// The slot of the evicted bucket keeps its arrival and becomes a tombstone. It
// is given away when the arrival has passed, as others are; a rebuild drops it.
func (d *shard) evict(newArrival int64) bool {
	slots := *d.slots.Load()
	mask := uint64(len(slots) - 1)
	at, stride := rand.Uint64(), rand.Uint64()|1 //nolint:gosec // nothing secret depends on it
	var victim *slot
	earliest := int64(math.MaxInt64)
	for i, seen := uint64(0), 0; i <= mask && (seen < sampled || seen < searched && earliest > newArrival); i++ {
		s := &slots[(at+i*stride)&mask]
		arrival := s.arrival.Load()
		if s.hash.Load() <= tombstone {
			continue
		}
		seen++
		if arrival < earliest {
			victim, earliest = s, arrival
		}
	}
	return victim != nil && d.forget(victim, earliest)
}

// forget makes the slot of a bucket a tombstone. It returns false if a take has
// changed the arrival meanwhile.
func (d *shard) forget(s *slot, arrival int64) bool {
	if !s.arrival.CompareAndSwap(arrival, locked) {
		return false
	}
	s.hash.Store(tombstone)
	s.arrival.Store(arrival)
	d.held--
	return true
}

// all is how many tokens a request gives back if the bucket is to be full.
const all = -1

// giveBack gives tokens back. It returns false if the buckets have moved to
// another epoch.
//
// Say that a bucket of 10 tokens, one each 100 ms, was full at 12:00:00 and that
// 3 were taken: its arrival is 12:00:00.3. If 2 come back at once, it is
// 12:00:00.1, which is still ahead. If all 3 come back, the arrival would be the
// present; then the bucket is forgotten, and so is full. Its slot keeps the
// arrival of 12:00:00.3 and becomes a tombstone, since an arrival that was
// lowered to the present might be one that the slot has had before, with another
// bucket: see slot.
func (d *shard) giveBack(q *request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved {
		return false
	}
	for {
		s := d.find(q.hash)
		if s == nil {
			return true
		}
		old := s.arrival.Load()
		if old <= q.now {
			return true
		}
		lower := q.now
		if q.n != all {
			lower = old - q.pace.refund(old, q.n)
		}
		if lower > q.now && s.arrival.CompareAndSwap(old, lower) {
			return true
		}
		if lower <= q.now && d.forget(s, old) {
			d.inserted = max(d.inserted, q.now) // older readings do not find it full
			return true
		}
	}
}

// A bucket is what a slot holds, while it moves.
type bucket struct {
	hash    uint64
	arrival int64
}

// rebuild moves the buckets that are not full to new slots, twice as many as
// there are buckets or more.
func (d *shard) rebuild(now int64) { d.fill(d.lockAll(now)) }

// lockAll locks all slots and returns the buckets that are not full at the time
// now: takes that still read them try again under the shard's lock.
//
// The swap of the arrival is what makes this safe. Say that a bucket of 10
// tokens has 3 left, and that two takes of 3 race with lockAll. The first swaps
// the arrival before lockAll does, which moves a bucket with no tokens. The second
// finds the arrival locked, and takes from the moved bucket: it is refused.
func (d *shard) lockAll(now int64) []bucket {
	p := d.slots.Load()
	if p == nil {
		return nil
	}
	kept := make([]bucket, 0, d.held)
	for i := range *p {
		s := &(*p)[i]
		arrival := s.arrival.Swap(locked)
		if hash := s.hash.Load(); hash > tombstone && arrival > now {
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

// moveTo moves the buckets to the shard of another epoch, whose times are less
// by offset. What is full at the other's base stays behind.
func (d *shard) moveTo(to *shard, offset int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.lockAll(offset)
	for i := range kept {
		kept[i].arrival = min(kept[i].arrival-offset, maxDepth)
	}
	to.fill(kept)
	d.moved = true
}

// lastInsert returns the time of the last insert.
func (d *shard) lastInsert() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inserted
}
