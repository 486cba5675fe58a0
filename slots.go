package bearer

import (
	"math"
	"sync/atomic"
)

// This file is what is in the table under Buckets. A bucket is one integer, the
// time of arrival of its last token: the "theoretical arrival time" of the
// generic cell rate algorithm (ITU-T I.371). A time that has passed is a full
// bucket, and its slot is free for any other.

// A slot is one bucket. It is empty while hash is 0.
//
// Whoever finds its bucket takes from it by compare-and-swap, without a lock.
// Whoever wants the slot for another bucket holds the lock of the shard and
// swaps the time for a mark first: a take that races with it fails, and goes
// the slow way, under the lock. A slot is given away only once its time has
// passed, and gets a later one: a take that has slept since cannot mistake the
// new bucket for its own.
type slot struct {
	hash    atomic.Uint64
	arrival atomic.Int64 // a time, or moving
}

const (
	moving = math.MinInt64 // in place of a time: the slot is being emptied or given away
	nobody = 1             // in place of a hash: the bucket was evicted
)

// A take is what is asked of one bucket: n tokens, of which 0 only look.
type take struct {
	hash uint64
	now  int64
	n    int
	pace pace
	age  *age
}

// A verdict is what became of a take.
type verdict int

const (
	refused verdict = iota
	allowed
	gone // not decided: what was asked for is somewhere else by now
)

// take returns the time of arrival after the take. It is gone if the slot
// belongs to another bucket by now.
func (s *slot) take(t *take) (arrival int64, v verdict) {
	for {
		old := s.arrival.Load()
		// The order matters: a slot changes its time before its hash.
		if old == moving || s.hash.Load() != t.hash {
			return 0, gone
		}
		latest := t.now + t.pace.depth
		if old > latest {
			s.heal(t, old)
			return latest, t.look()
		}
		arrival = max(old, t.now)
		if t.n == 0 {
			return arrival, allowed
		}
		cost := t.pace.cost(arrival, t.n)
		if arrival > latest-cost {
			return arrival, refused
		}
		if s.arrival.CompareAndSwap(old, arrival+cost) {
			return arrival + cost, allowed
		}
	}
}

// look is the verdict of a take that finds nothing.
func (t *take) look() verdict {
	if t.n == 0 {
		return allowed
	}
	return refused
}

// heal mends a bucket that is emptier than its depth allows. Either t.now is
// older than the reading of another take, which changes nothing; or the limit
// was lowered or the clock set back: then the bucket is made empty, no more,
// so that it fills from now on.
func (s *slot) heal(t *take, old int64) {
	if empty := t.age.clock() + t.pace.depth; old > empty {
		s.arrival.CompareAndSwap(old, empty)
	}
}
