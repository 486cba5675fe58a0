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
	hash    uint64
	at      time.Time // when Redis was asked, which is before it answered
	missing span
}

const remembered = time.Second

func (e *empties) placeOf(hash uint64) *atomic.Pointer[emptied] { return &e[hash%uint64(len(e))] }

// note remembers the buckets of asks that were refused, and forgets those that
// got tokens back.
func (e *empties) note(asks []*ask, sent time.Time) {
	for _, a := range asks {
		for i := range a.members {
			m := &a.members[i]
			switch {
			case a.err != nil:
			case a.op == giveBack:
				e.forget(m.hash)
			case a.op == take && a.taken < a.copies:
				e.placeOf(m.hash).Store(&emptied{m.hash, sent, m.missing})
			}
		}
	}
}

func (e *empties) forget(hash uint64) {
	p := e.placeOf(hash)
	if old := p.Load(); old != nil && old.hash == hash {
		p.CompareAndSwap(old, nil)
	}
}

// missing returns what is missing from a bucket at least, if that is known. A
// bucket that has been given a smaller limit is not known: Redis has to cut off
// what it lacks.
func (e *empties) missing(m *member) (span, bool) {
	known := e.placeOf(m.hash).Load()
	if known == nil || known.hash != m.hash {
		return span{}, false
	}
	since := time.Since(known.at)
	if since >= remembered || since < 0 || known.missing.exceeds(m.depth) {
		return span{}, false
	}
	return known.missing.sub(spanOf(since)), true
}

// refusal returns the refusal of a take from a bucket that is known to be too
// empty for it.
func (e *empties) refusal(m *member) (u bearer.Usage, ok bool) {
	if m.n == 0 || m.n > m.limit.Burst {
		return u, false
	}
	missing, ok := e.missing(m)
	if !ok || m.fits(missing) {
		return u, false
	}
	return m.usage(false, missing), true
}

// refusals fills in the usages of buckets of which one is known to refuse. It
// returns false if none is, or if it does not know all: an answer tells of each.
func (e *empties) refusals(members []member, usages []bearer.Usage) bool {
	refused := false
	for i := range members {
		m := &members[i]
		missing, ok := e.missing(m)
		if !ok {
			return false
		}
		fits := m.fits(missing)
		refused = refused || !fits && m.n <= m.limit.Burst
		usages[m.index] = m.usage(fits, missing)
	}
	return refused
}
