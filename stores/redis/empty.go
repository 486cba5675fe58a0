package bearerredis

import (
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// empties remembers what Redis said of buckets that refused, so that clients that
// go on asking cost no round trip. What is missing from a bucket only ever gets
// more by other takes, so that the bucket is at least as empty as it would be
// without them. It may hold more than is remembered after another process gave
// tokens back or an operator deleted its key; so it is remembered for a second at
// most, and Redis is asked again.
//
// Each bucket has one place, by its hash, which it may lose to another.
type empties [1 << 16]atomic.Pointer[emptied]

// An emptied is a bucket that refused. It does not change.
type emptied struct {
	hash       uint64
	sent, back time.Time // when Redis was asked, and when the answer was here
	missing    span      // at a time in between
}

const remembered = time.Second

func (e *empties) placeOf(hash uint64) *atomic.Pointer[emptied] { return &e[hash%uint64(len(e))] }

// note remembers the buckets of an ask that was refused, and forgets those that
// got tokens back.
func (e *empties) note(a *ask) {
	for i := range a.members {
		m := &a.members[i]
		switch {
		case a.err != nil:
		case a.op == giveBack:
			e.forget(m.hash)
		case a.op == take && a.taken == 0:
			e.placeOf(m.hash).Store(&emptied{m.hash, a.sent, a.back, m.missing})
		}
	}
}

func (e *empties) forget(hash uint64) {
	p := e.placeOf(hash)
	if old := p.Load(); old != nil && old.hash == hash {
		p.CompareAndSwap(old, nil)
	}
}

// missing returns what is missing from a bucket at least, if that is known, and
// what is told of it: a caller who waits for that finds the tokens. A bucket that
// has been given a smaller limit is not known: Redis has to cut off what it lacks.
//
// Say that Redis was asked at 0 ms, that the answer was here at 4 ms, and that 90 ms
// were missing. At 50 ms, 40 to 44 ms are still missing: at least 40, and 44 are
// told.
func (e *empties) missing(m *member, now time.Time) (least, told span, ok bool) {
	known := e.placeOf(m.hash).Load()
	if known == nil || known.hash != m.hash {
		return least, told, false
	}
	since := now.Sub(known.sent)
	if since >= remembered || since < 0 || known.missing.exceeds(m.depth) {
		return least, told, false
	}
	return known.missing.sub(spanOf(since)), known.missing.sub(spanOf(max(0, now.Sub(known.back)))), true
}

// refusal returns the refusal of a take from a bucket that is known to be too
// empty for it.
func (e *empties) refusal(m *member, now time.Time) (u bearer.Usage, ok bool) {
	if m.n == 0 || m.n > m.limit.Burst {
		return u, false
	}
	least, told, ok := e.missing(m, now)
	if !ok || m.fits(least) {
		return u, false
	}
	return m.usage(false, told), true
}

// refusals fills in the usages of buckets of which one is known to refuse. It
// returns false if none is, or if it does not know all: an answer tells of each.
func (e *empties) refusals(members []member, usages []bearer.Usage) bool {
	refused, now := false, time.Now()
	for i := range members {
		m := &members[i]
		least, told, ok := e.missing(m, now)
		if !ok {
			return false
		}
		fits := m.fits(least)
		refused = refused || !fits && m.n <= m.limit.Burst
		usages[m.index] = m.usage(fits, told)
	}
	return refused
}
