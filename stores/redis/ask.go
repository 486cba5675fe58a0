package bearerredis

import (
	"context"
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// An operation is what an ask does to its buckets.
type operation int

const (
	take operation = iota
	look
	giveBack
)

// An ask is what is asked of several buckets in one step, most often of one.
type ask struct {
	op      operation
	members []member
	one     [1]member // room for most
	copies  int       // how often it is to be taken; 0: it is given back

	// These are set once done receives.
	taken       int       // copies
	asked, told time.Time // Redis looked in between
	err         error

	done    chan struct{}
	gone    atomic.Bool // the caller does not wait any longer
	settled func(*ask)  // called before done receives; nil: no one
}

// askOf returns an ask of one bucket.
func (l *Limiter) askOf(op operation, m *member) *ask {
	a, _ := l.asks.Get().(*ask)
	if a == nil {
		a = newAsk(op, nil)
	}
	a.op, a.copies = op, 1
	if op == giveBack {
		a.copies = 0
	}
	a.one[0] = *m
	a.members = a.one[:]
	return a
}

// release lets another have an ask, whose answer came: then no flight has it.
func (l *Limiter) release(a *ask) {
	a.one[0] = member{} // its texts
	a.members, a.settled, a.taken = nil, nil, 0
	l.asks.Put(a)
}

func newAsk(op operation, members []member) *ask {
	a := &ask{op: op, members: members, copies: 1, done: make(chan struct{}, 1)}
	if op == giveBack {
		a.copies = 0
	}
	return a
}

// isLike reports whether asks of one bucket are the same one after the other.
func (a *ask) isLike(b *ask) bool {
	return a.op == b.op && a.op != giveBack && len(a.members) == 1 && len(b.members) == 1 &&
		a.members[0].depth == b.members[0].depth && (a.op == look || a.members[0].cost == b.members[0].cost)
}

// usage returns the answer to an ask of one bucket.
func (a *ask) usage() bearer.Usage {
	m := &a.members[0]
	return m.usage(m.n == 0 || a.op == take && a.taken > 0, m.missing)
}

// wait waits for the answer, or until the context is done. The tokens are lost
// then, if they were on their way.
func (a *ask) wait(ctx context.Context) error {
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		a.gone.Store(a.op != giveBack) // what is given back is not waited for
		return ctx.Err()
	}
}

// name gives the members their names.
func (a *ask) name(prefix string) {
	for i := range a.members {
		if m := &a.members[i]; m.name == "" {
			m.name, m.tag = nameOf(prefix, &m.bucket)
		}
	}
}

// A member is what is asked of one bucket.
type member struct {
	*price // of the tokens

	bucket    bearer.Bucket
	hash      uint64 // of the bucket, for what the limiter remembers
	name, tag string

	index int // in TakeAll

	missing span // after the ask: until the bucket is full
}

// newMember returns a member without its names, which are not always needed.
func (l *Limiter) newMember(b *bearer.Bucket, n int, limit bearer.Limit) (m member) {
	m.bucket, m.price = *b, l.prices.of(n, limit)
	if m.isConstant() {
		return m
	}
	m.hash = maphash.String(l.seed, b.ID) ^
		bits.RotateLeft64(maphash.String(l.seed, b.Class), 1) ^
		bits.RotateLeft64(maphash.String(l.seed, b.Policy), 2)
	return m
}

// isConstant reports whether the answer is the same whatever the bucket holds,
// which then has no key.
func (m *member) isConstant() bool { return m.pace.Depth == 0 }

// constant returns that answer.
func (m *member) constant() bearer.Usage {
	switch {
	case m.limit.Rate >= rate.Inf:
		return bearer.Usage{Allowed: true, Limit: m.limit, Remaining: math.MaxInt}
	case m.n == 0:
		return bearer.Usage{Allowed: true, Limit: m.limit}
	default:
		return bearer.Usage{Limit: m.limit, Wait: -1}
	}
}

// fits reports whether the tokens are there, if so much is missing.
func (m *member) fits(missing span) bool {
	return m.n == 0 || m.n <= m.limit.Burst && !missing.add(m.cost).exceeds(m.depth)
}

// usage returns what a bucket holds from which so much is missing.
func (m *member) usage(allowed bool, missing span) bearer.Usage {
	u := bearer.Usage{Allowed: allowed, Limit: m.limit, Reset: missing.duration()}
	u.Remaining = tokensIn(&m.pace, m.depth.sub(missing), m.limit.Burst)
	switch {
	case allowed:
	case m.n > m.limit.Burst || m.limit.Rate == 0:
		u.Wait = -1
	default:
		u.Wait = max(missing.add(m.cost).sub(m.depth).duration(), 1)
	}
	return u
}
