package gcra

import (
	"math"
	"sync/atomic"
)

// A slot holds one bucket. It is empty as long as its hash is 0.
//
// A take finds the slot of its bucket and changes the arrival by
// compare-and-swap, without a lock. A claim, which gives the slot to another
// bucket, holds the lock of the shard and first swaps the arrival for locked: a
// take that races with it fails to swap, and tries again under the lock.
//
// A slot is given away only after its arrival has passed, and gets a later one.
// So a take that read the arrival and then slept cannot succeed on a bucket that
// is not its own: say that it read 12:00:00.3 and that another bucket gets the
// slot at 12:00:00.3 or later. The arrival is now later than 12:00:00.3, never
// the same, and the compare-and-swap fails.
type slot struct {
	hash    atomic.Uint64 // of the bucket; 0 or tombstone: of none
	arrival atomic.Int64  // a time, or locked
}

const (
	locked    = math.MinInt64 // an arrival: the slot is being emptied or given away
	tombstone = 1             // a hash: the bucket was evicted, and searches go on behind it
)

// A request is what is asked of one bucket, and the answer to it.
type request struct {
	pace pace
	n    int // tokens; 0 only looks

	epoch *epoch
	hash  uint64
	now   int64

	arrival int64 // of the last token, after the take
	allowed bool
}

// take takes from the slot. It returns false if the slot does not hold the
// request's bucket any more.
func (s *slot) take(q *request) bool {
	for {
		old := s.arrival.Load()
		// The order matters: a slot is locked before its hash changes.
		if old == locked || s.hash.Load() != q.hash {
			return false
		}
		latest := q.now + q.pace.depth
		if old > latest {
			s.clamp(q, old)
			q.arrival, q.allowed = latest, q.n == 0
			return true
		}
		q.arrival = max(old, q.now)
		if q.n == 0 {
			q.allowed = true
			return true
		}
		cost := q.pace.cost(q.arrival, q.n)
		if q.arrival > latest-cost {
			q.allowed = false
			return true
		}
		if s.arrival.CompareAndSwap(old, q.arrival+cost) {
			q.arrival, q.allowed = q.arrival+cost, true
			return true
		}
	}
}

// clamp corrects the arrival of a bucket that is emptier than its depth allows.
// Say that the burst was lowered from 100 to 10, at 10 tokens a second: an
// arrival that is 10 s ahead becomes one that is 1 s ahead, which is an empty
// bucket of the new limit. The same helps after the clock was set back. But a
// take whose clock reading is a little older than another's may see such an
// arrival too, and then nothing is wrong: so the clock is read again.
func (s *slot) clamp(q *request, old int64) {
	if empty := q.epoch.clock() + q.pace.depth; old > empty {
		s.arrival.CompareAndSwap(old, empty)
	}
}
