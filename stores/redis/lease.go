package bearerredis

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// leases hold tokens that were taken from hot buckets to be handed out here. A
// bucket is hot if this process asks for a lease's worth of tokens in a tenth of a
// second, and only if it holds ten times as much: of a smaller one, a lease would
// be too large a part.
//
// A take that finds none brings a lease along: at 10 tokens a lease, a take of one
// takes that one, and up to 10 more if they are there. What is handed out was
// taken before, so that no more is admitted over time than the bucket allows. But
// what was taken earlier may be handed out in one moment with all that the bucket
// holds: that moment admits up to one lease more for each process.
//
// A lease that is a tenth of a second old is not handed out any longer. The next
// take gives back what is left of it, unless the bucket has been full since then.
// If none comes, it is lost: it was for a bucket that was hot, and its tokens flow
// in again.
//
// What a take from a lease tells of the bucket is what Redis told with the lease,
// as the time since then has changed it: it is off by what flows in during a round
// trip, and by what other processes took. That is why a limiter with leases cannot
// pass every rule of bearertest.TestLimiter.
//
// Each bucket has one place, by its hash. Another bucket of that place has no
// lease as long as the first is in use.
type leases [1 << 14]atomic.Pointer[lease]

const (
	leaseTime  = 100 * time.Millisecond
	leaseParts = 10 // the smallest burst, in leases
)

// A lease is what is known of one bucket.
type lease struct {
	hash uint64

	mu      sync.Mutex
	limit   bearer.Limit // of the tokens
	cost    span         // of one
	left    int          // tokens
	at      time.Time    // when Redis had given them
	missing span         // from the bucket then, after all of them were taken
	asking  bool         // for more

	since time.Time // when the count began
	count int       // tokens that were asked for since then
	hot   bool      // there were enough in the time before
}

// of returns the lease of a bucket, or nil if it has none.
func (s *leases) of(m *member, size int, now time.Time) *lease {
	if s == nil || m.limit.Burst/leaseParts < size || m.n > size {
		return nil
	}
	place := &s[m.hash%uint64(len(s))]
	known := place.Load()
	if known != nil && known.hash == m.hash {
		return known
	}
	if known != nil && known.isInUse(now) {
		return nil
	}
	own := &lease{hash: m.hash}
	if !place.CompareAndSwap(known, own) {
		return nil // the next take finds out whose it is
	}
	return own
}

// isInUse reports whether the bucket was asked for lately.
func (s *lease) isInUse(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asking || now.Sub(s.since) < 2*leaseTime
}

// take hands tokens out. The answer is what Redis would say if they were in the
// bucket still, and no one else had taken. It also returns whether there are
// tokens that are to go back: then the bucket may hold more than it is known to.
func (s *lease) take(m *member, now time.Time, size int) (u bearer.Usage, ok, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := now.Sub(s.at)
	if m.n > 0 {
		s.counted(m.n, now, size)
	}
	if old := s.limit != m.limit || since >= leaseTime; old || m.n == 0 || s.left < m.n {
		return u, false, old && s.left > 0
	}
	s.left -= m.n
	missing := s.missing.sub(spanOf(max(0, since))).sub(s.cost.times(s.left))
	return m.usage(true, missing), true, false
}

// unspent returns what is missing from a bucket, less the tokens that are here.
func (s *lease) unspent(m *member, now time.Time) span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit != m.limit || now.Sub(s.at) >= leaseTime {
		return m.missing
	}
	return m.missing.sub(s.cost.times(s.left))
}

// counted counts what is asked for, to know whether the bucket is hot.
func (s *lease) counted(n int, now time.Time, size int) {
	if d := now.Sub(s.since); d >= leaseTime {
		s.hot = d < 2*leaseTime && s.count >= size
		s.since, s.count = now, 0
	}
	s.count += n
}

// along returns what is to be asked of Redis with a take: what is left of an old
// lease goes back, and a new one is taken if the bucket is hot. Redis gives as
// many of its tokens as there are.
func (s *lease) along(l *Limiter, m *member, now time.Time) (before, after *ask) {
	size, one := l.config.Lease, l.prices.of(1, m.limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking {
		return nil, nil
	}
	if old := now.Sub(s.at) >= leaseTime || s.limit != m.limit; old && s.left > 0 {
		if s.missing.exceeds(spanOf(now.Sub(s.at))) { // it has not been full
			back := *m
			back.price = one.costing(s.cost.times(s.left)) // of the limit that they were taken by
			before = newAsk(giveBack, []member{back})
		}
		s.left = 0
	}
	if s.left >= size || m.n == 0 || !s.hot && s.count < size {
		return before, nil
	}
	token := *m
	token.price = one
	after = newAsk(take, []member{token})
	after.copies = size - s.left
	after.settled = s.fill
	s.asking = true
	return before, after
}

// fill takes in what Redis gave.
func (s *lease) fill(a *ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
	if m := &a.members[0]; a.err == nil && a.taken > 0 {
		s.limit, s.cost, s.left = m.limit, m.cost, s.left+a.taken
		s.at, s.missing = a.told, m.missing
	}
}
