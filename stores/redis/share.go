package bearerredis

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// While Redis is gone, a process has a part of each limit. Its bucket in memory has
// the whole burst at the rate of the part, but takes may only leave so much missing
// as the burst of the part. A take of more than that must find the bucket full:
// else no process would ever admit it. So it is paid for as any other.
//
// An example: of 20 a second and a burst of 10, one of 5 processes has 4 a second
// and a burst of 2. The bucket holds 10 tokens, and takes of one may leave 8. A take
// of 10 leaves none: the next take of one has to wait until there are 9, which is
// 2.25 s, and the next of 10 for 2.5 s.

// shareOf returns the limit of a bucket in memory, and the burst of the part.
func (l *Limiter) shareOf(m *member) (limit bearer.Limit, part int) {
	limit = bearer.Limit{Rate: m.limit.Rate / rate.Limit(l.config.Replicas), Burst: m.limit.Burst}
	if most := float64(limit.Rate) * longestFill.Seconds(); limit.Rate > 0 && most < float64(limit.Burst) {
		limit.Burst = max(1, int(most))
	}
	return limit, min(max(1, m.limit.Burst/l.config.Replicas), limit.Burst)
}

// longestFill is how long a bucket in memory takes to fill at most: package gcra
// cuts off what takes 12 years. A take of more than flows in until then is
// refused.
const longestFill = 10 * 365 * 24 * time.Hour

// takeHere takes from a bucket in memory. What it takes from the parts of others,
// it gives back at once: a moment of contention may refuse one take too many.
func (l *Limiter) takeHere(ctx context.Context, m *member) (bearer.Usage, error) {
	limit, part := l.shareOf(m)
	u, err := l.local.Take(ctx, m.bucket, m.n, limit)
	if u.Allowed && m.n > 0 && u.Remaining < limit.Burst-max(m.n, part) {
		l.returnHere(ctx, m)
		u, err = l.local.Take(ctx, m.bucket, 0, limit)
		u.Allowed = false
	}
	n := m.n
	if n <= limit.Burst {
		n = min(n, part)
	}
	of := l.newMember(&m.bucket, n, bearer.Limit{Rate: limit.Rate, Burst: part})
	u.Wait = of.usage(u.Allowed, spanOf(u.Reset)).Wait
	u.Remaining = max(0, u.Remaining-(limit.Burst-part))
	u.Limit = m.limit
	return u, err
}

// returnHere gives back what takeHere took.
func (l *Limiter) returnHere(ctx context.Context, m *member) {
	limit, _ := l.shareOf(m)
	_ = l.local.Return(ctx, m.bucket, m.n, limit)
}
