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
	hash        uint64
	asked, told time.Time // Redis looked in between
	missing     span
}

const remembered = time.Second

func (e *empties) placeOf(hash uint64) *atomic.Pointer[emptied] { return &e[hash%uint64(len(e))] }

// note remembers the buckets of an ask that was refused. It forgets those that got
// tokens back, and those from which tokens were taken: an answer by what is
// remembered would tell of more than is left.
func (e *empties) note(a *ask) {
	for i := range a.members {
		m := &a.members[i]
		switch {
		case a.err != nil:
		case a.op == take && a.taken == 0 && m.isKnown(a.told.Sub(a.asked)):
			e.placeOf(m.hash).Store(&emptied{m.hash, a.asked, a.told, m.missing})
		case a.op != look && m.n > 0:
			e.forget(m.hash)
		}
	}
}

// isKnown reports whether it is known well enough when a bucket was looked into,
// if that took so long: to two milliseconds, or a ten-thousandth of the time that
// callers are told to wait.
func (m *member) isKnown(took time.Duration) bool {
	const closely, parts = 2 * time.Millisecond, 10_000
	return took <= closely || took <= m.missing.add(m.cost).sub(m.depth).duration()/parts
}

func (e *empties) forget(hash uint64) {
	p := e.placeOf(hash)
	if old := p.Load(); old != nil && old.hash == hash {
		p.CompareAndSwap(old, nil)
	}
}

// missing returns what is missing from a bucket, at least and at most but for what
// others took, if that is known: the least decides whether to ask Redis, and the
// most is what callers have to wait for. A bucket that has been given a smaller
// limit is not known: Redis has to cut off what it lacks.
func (e *empties) missing(m *member, now time.Time) (least, most span, ok bool) {
	known := e.placeOf(m.hash).Load()
	if known == nil || known.hash != m.hash {
		return span{}, span{}, false
	}
	since := now.Sub(known.asked)
	if since >= remembered || since < 0 || known.missing.exceeds(m.depth) {
		return span{}, span{}, false
	}
	return known.missing.sub(spanOf(since)), known.missing.sub(spanOf(max(0, now.Sub(known.told)))), true
}

// refusal returns the refusal of a take from a bucket that is known to be too
// empty for it.
func (e *empties) refusal(m *member, now time.Time) (u bearer.Usage, ok bool) {
	if m.n == 0 || m.n > m.limit.Burst {
		return u, false
	}
	least, most, ok := e.missing(m, now)
	if !ok || m.fits(least) {
		return u, false
	}
	return m.usage(false, most), true
}

// refusals fills in the usages of buckets of which one is known to refuse. It
// returns false if none is, or if it does not know all: an answer tells of each.
func (e *empties) refusals(members []member, usages []bearer.Usage) bool {
	refused, now := false, time.Now()
	for i := range members {
		m := &members[i]
		least, most, ok := e.missing(m, now)
		fits := m.fits(most)
		if !ok || fits != m.fits(least) {
			return false
		}
		refused = refused || !fits && m.n <= m.limit.Burst
		usages[m.index] = m.usage(fits, most)
	}
	return refused
}
