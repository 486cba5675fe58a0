package bearertest_test

import (
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

type (
	bucket  = bearer.Bucket
	limit   = bearer.Limit
	usage   = bearer.Usage
	buckets = bearer.Buckets
)

// A takeFunc is a limiter, most often a good one with one mistake.
type takeFunc func(ctx context.Context, b bucket, n int, l limit) (usage, error)

func (f takeFunc) Take(ctx context.Context, b bucket, n int, l limit) (usage, error) {
	return f(ctx, b, n, l)
}

// around replaces Take.
func around(take func(good *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error)) func() bearer.Limiter {
	return func() bearer.Limiter {
		var good buckets
		return takeFunc(func(ctx ctxt, b bucket, n int, l limit) (usage, error) {
			return take(&good, ctx, b, n, l)
		})
	}
}

// asking changes what a good limiter is asked.
func asking(change func(b *bucket, n *int, l *limit)) func() bearer.Limiter {
	return around(func(good *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
		asked := l
		change(&b, &n, &l)
		u, err := good.Take(ctx, b, n, l)
		u.Limit = asked
		return u, err
	})
}

// naming changes the ID that a good limiter is asked for.
func naming(change func(id string) string) func() bearer.Limiter {
	return asking(func(b *bucket, _ *int, _ *limit) { b.ID = change(b.ID) })
}

// answering changes what a good limiter answers.
func answering(change func(n int, u *usage)) func() bearer.Limiter {
	return around(func(good *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
		u, err := good.Take(ctx, b, n, l)
		change(n, &u)
		return u, err
	})
}

// A tokenBucket is the bucket of textbooks.
type tokenBucket struct {
	tokens float64
	last   time.Time
	limit  limit
}

// A mapLimiter holds token buckets in a map. Its functions are its mistakes.
type mapLimiter struct {
	mu      sync.Mutex
	buckets map[any]*tokenBucket

	name  func(bucket, limit) any                                        // zero: the bucket
	now   func() time.Time                                               // zero: time.Now
	flow  func(b *tokenBucket, elapsed time.Duration, l limit) float64   // zero: at the rate
	known func(m map[any]*tokenBucket, name any, now time.Time, l limit) // before a look-up
}

func (m *mapLimiter) Take(_ ctxt, k bucket, n int, l limit) (usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bucket(k, l).take(n, l), nil
}

// bucket returns a bucket as it is now.
func (m *mapLimiter) bucket(k bucket, l limit) *tokenBucket {
	var name any = k
	if m.name != nil {
		name = m.name(k, l)
	}
	now := time.Now()
	if m.now != nil {
		now = m.now()
	}
	if m.known != nil {
		m.known(m.buckets, name, now, l)
	}
	b := m.buckets[name]
	if b == nil {
		b = &tokenBucket{tokens: float64(l.Burst), last: now}
		m.buckets[name] = b
	}
	in := now.Sub(b.last).Seconds() * float64(l.Rate)
	if m.flow != nil {
		in = m.flow(b, now.Sub(b.last), l)
	}
	b.tokens, b.last, b.limit = min(float64(l.Burst), b.tokens+in), now, l
	return b
}

func (b *tokenBucket) take(n int, l limit) usage {
	u := usage{Limit: l, Allowed: float64(n) <= b.tokens && n <= l.Burst || n == 0}
	if u.Allowed {
		b.tokens -= float64(n)
	}
	until := func(n int) time.Duration {
		if l.Rate <= 0 {
			return 0
		}
		return max(0, time.Duration((float64(n)-b.tokens)/float64(l.Rate)*float64(time.Second)))
	}
	u.Remaining, u.Reset = max(0, int(b.tokens)), until(l.Burst)
	switch {
	case u.Allowed:
	case n > l.Burst || l.Rate <= 0:
		u.Wait = -1
	default:
		u.Wait = max(1, until(n))
	}
	return u
}

func counting(m *mapLimiter) func() bearer.Limiter {
	return func() bearer.Limiter {
		return &mapLimiter{buckets: make(map[any]*tokenBucket), name: m.name, now: m.now, flow: m.flow, known: m.known}
	}
}

// joined returns the name of a bucket as a text.
func joined(b bucket) string { return b.Policy + ":" + b.Class + ":" + b.ID }

// A rateLimiter is a map of rate.Limiters.
type rateLimiter struct {
	mu sync.Mutex
	m  map[string]*rate.Limiter
}

func newRateLimiter() bearer.Limiter { return &rateLimiter{m: make(map[string]*rate.Limiter)} }

func (r *rateLimiter) Take(_ ctxt, b bucket, n int, l limit) (usage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter := r.m[joined(b)]
	if limiter == nil {
		limiter = rate.NewLimiter(l.Rate, l.Burst)
		r.m[joined(b)] = limiter
	}
	now := time.Now()
	if limiter.Limit() != l.Rate || limiter.Burst() != l.Burst {
		limiter.SetLimitAt(now, l.Rate)
		limiter.SetBurstAt(now, l.Burst)
	}
	u := usage{Allowed: limiter.AllowN(now, n), Limit: l}
	tokens := limiter.TokensAt(now)
	u.Remaining = int(tokens)
	u.Reset = time.Duration((float64(l.Burst) - tokens) / float64(l.Rate) * 1e9)
	if !u.Allowed {
		u.Wait = time.Duration((float64(n) - tokens) / float64(l.Rate) * 1e9)
	}
	if n > l.Burst {
		u.Wait = -1
	}
	return u, nil
}

// A waitLimiter waits for tokens, up to the deadline.
type waitLimiter struct{ rateLimiter }

func newWaitLimiter() bearer.Limiter {
	return &waitLimiter{rateLimiter{m: make(map[string]*rate.Limiter)}}
}

func (w *waitLimiter) Take(ctx ctxt, b bucket, n int, l limit) (usage, error) {
	u, err := w.rateLimiter.Take(ctx, b, 0, l)
	if err != nil || n > l.Burst {
		return w.rateLimiter.Take(ctx, b, n, l)
	}
	w.mu.Lock()
	limiter := w.m[joined(b)]
	w.mu.Unlock()
	if err := limiter.WaitN(ctx, n); err != nil {
		return u, err
	}
	return w.rateLimiter.Take(ctx, b, 0, l)
}

// An arrivalLimiter keeps the time at which a bucket is full, in whole units, as a
// script over a server does.
type arrivalLimiter struct {
	mu   sync.Mutex
	unit time.Duration
	full map[string]int64
}

func newArrivalLimiter(unit time.Duration) func() bearer.Limiter {
	return func() bearer.Limiter { return &arrivalLimiter{unit: unit, full: make(map[string]int64)} }
}

func (a *arrivalLimiter) Take(_ ctxt, b bucket, n int, l limit) (usage, error) {
	u := usage{Limit: l}
	if l.Burst < 1 || l.Rate <= 0 {
		return usage{Limit: l, Allowed: n == 0, Wait: -1}, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	interval := float64(time.Second/a.unit) / float64(l.Rate)
	depth := int64(interval * float64(l.Burst))
	now := time.Now().UnixNano() / int64(a.unit)
	name := "limit:{" + joined(b) + "}"
	full := min(max(a.full[name], now), now+depth)
	after := full + int64(interval*float64(n))
	if u.Allowed = n == 0 || n <= l.Burst && after <= now+depth; u.Allowed {
		full = after
	} else {
		u.Wait = time.Duration(after-now-depth) * a.unit
	}
	if n > l.Burst {
		u.Wait = -1
	}
	a.full[name] = full
	u.Remaining = int(float64(now+depth-full)/interval + 1e-6)
	u.Reset = time.Duration(full-now) * a.unit
	return u, nil
}

// A secondsLimiter keeps the time at which a bucket is full, in seconds since 1970,
// of which a float64 tells a quarter of a microsecond.
type secondsLimiter struct {
	mu   sync.Mutex
	full map[string]float64
}

func newSecondsLimiter() bearer.Limiter { return &secondsLimiter{full: make(map[string]float64)} }

func (s *secondsLimiter) Take(_ ctxt, b bucket, n int, l limit) (usage, error) {
	if l.Burst < 1 || l.Rate <= 0 {
		return usage{Limit: l, Allowed: n == 0, Wait: -1}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const slack = 1e-6 // seconds
	u, now := usage{Limit: l}, float64(time.Now().UnixNano())/1e9
	interval := 1 / float64(l.Rate)
	empty := now + interval*float64(l.Burst)
	full := min(max(s.full[joined(b)], now), empty)
	after := full + interval*float64(n)
	if u.Allowed = n == 0 || n <= l.Burst && after <= empty+slack; u.Allowed {
		full = after
	} else {
		u.Wait = max(1, time.Duration((after-empty)*1e9))
	}
	if n > l.Burst {
		u.Wait = -1
	}
	s.full[joined(b)] = full
	u.Remaining = min(l.Burst, max(0, int((empty-full)/interval+1e-3)))
	u.Reset = max(0, time.Duration((full-now)*1e9))
	return u, nil
}

// newExpiringLimiter forgets a bucket a millisecond after it is full, as a server
// does whose entries expire.
func newExpiringLimiter() bearer.Limiter {
	return counting(&mapLimiter{
		now: func() time.Time { return time.UnixMicro(time.Now().UnixMicro()) },
		known: func(m map[any]*tokenBucket, name any, now time.Time, _ limit) {
			if b := m[name]; b != nil && b.limit.Rate > 0 {
				fill := math.Ceil((float64(b.limit.Burst)-b.tokens)/float64(b.limit.Rate)*1e3) + 1
				if now.Sub(b.last).Seconds()*1e3 >= fill {
					delete(m, name)
				}
			}
		},
	})()
}

// fast changes the answers about limits that are fast enough to be waited for.
func fast(change func(u *usage)) func() bearer.Limiter {
	return answering(func(_ int, u *usage) {
		if u.Limit.Rate > 1 && u.Reset > 0 {
			change(u)
		}
	})
}

// slower changes limits of less than a token a second.
func slower(change func(perSecond float64) float64) func() bearer.Limiter {
	return asking(func(_ *bucket, _ *int, l *limit) {
		if l.Rate > 0 && l.Rate < 1 {
			l.Rate = rate.Limit(change(float64(l.Rate)))
		}
	})
}

// joining names buckets by one text.
func joining(name func(b bucket) string) func() bearer.Limiter {
	return asking(func(b *bucket, _ *int, _ *limit) { *b = bucket{Class: "key", ID: name(*b)} })
}

// classing changes the class that a good limiter is asked for.
func classing(change func(class string) string) func() bearer.Limiter {
	return asking(func(b *bucket, _ *int, _ *limit) { b.Class = change(b.Class) })
}

// mapping changes the letters of IDs.
func mapping(change func(r rune) rune) func() bearer.Limiter {
	return naming(func(id string) string { return strings.Map(change, id) })
}

// knowing forgets the bucket that was asked for longest ago, where there are more
// than so many.
func knowing(most int) func() bearer.Limiter {
	return func() bearer.Limiter {
		var queue []any
		return counting(&mapLimiter{known: func(m map[any]*tokenBucket, name any, _ time.Time, _ limit) {
			if m[name] != nil {
				return
			}
			if queue = append(queue, name); len(queue) > most {
				delete(m, queue[0])
				queue = queue[1:]
			}
		}})()
	}
}

// expiringBySeconds forgets a bucket when it should be full, rounded down.
func expiringBySeconds() bearer.Limiter {
	return counting(&mapLimiter{known: func(m map[any]*tokenBucket, name any, now time.Time, _ limit) {
		if b := m[name]; b != nil && b.limit.Rate > 0 {
			fill := time.Duration((float64(b.limit.Burst) - b.tokens) / float64(b.limit.Rate) * float64(time.Second))
			if fill > time.Second && now.Sub(b.last) >= fill.Truncate(time.Second) {
				delete(m, name)
			}
		}
	}})()
}

// before cuts IDs off at a text.
func before(text string) func(string) string {
	return func(id string) string {
		cut, _, _ := strings.Cut(id, text)
		return cut
	}
}

// overdue tells when a bucket was full, also where that is long ago.
func overdue() bearer.Limiter {
	var full sync.Map
	return around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
		u, err := g.Take(ctx, b, n, l)
		if u.Reset > 0 {
			full.Store(b, time.Now().Add(u.Reset))
		} else if at, ok := full.Load(b); ok {
			u.Reset = time.Until(at.(time.Time))
		}
		return u, err
	})()
}

// leaving answers those whose context is done.
func leaving(answer func(limit) (usage, error)) func() bearer.Limiter {
	return around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
		if isDone(ctx) {
			return answer(l)
		}
		return g.Take(ctx, b, n, l)
	})
}

// wholeTokens lets no part of a token flow in.
func wholeTokens(_ *tokenBucket, elapsed time.Duration, l limit) float64 {
	return math.Floor(elapsed.Seconds() * float64(l.Rate))
}

// forgetting forgets a bucket for which no client asks.
func forgetting(after time.Duration) func(m map[any]*tokenBucket, name any, now time.Time, l limit) {
	return func(m map[any]*tokenBucket, name any, now time.Time, _ limit) {
		if b := m[name]; b != nil && now.Sub(b.last) > after {
			delete(m, name)
		}
	}
}

// changingLimits changes a bucket whose limit changes.
func changingLimits(change func(b *tokenBucket, l limit)) func() bearer.Limiter {
	return counting(&mapLimiter{known: func(m map[any]*tokenBucket, name any, _ time.Time, l limit) {
		if b := m[name]; b != nil && b.limit != l {
			change(b, l)
		}
	}})
}

// loweringLimits changes the answers about buckets that held more at first.
func loweringLimits(change func(u *usage)) func() bearer.Limiter {
	return func() bearer.Limiter {
		var first sync.Map
		return around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			burst, _ := first.LoadOrStore(b, l.Burst)
			u, err := g.Take(ctx, b, n, l)
			if burst.(int) > l.Burst {
				change(&u)
			}
			return u, err
		})()
	}
}

// makingTwice makes a bucket without looking whether another call does.
func makingTwice() bearer.Limiter {
	var limiters sync.Map
	return takeFunc(func(ctx ctxt, b bucket, n int, l limit) (usage, error) {
		made, ok := limiters.Load(b)
		if !ok {
			runtime.Gosched()
			made = new(buckets)
			limiters.Store(b, made)
		}
		return made.(*buckets).Take(ctx, b, n, l)
	})
}

// firstLimit remembers the limit that a bucket was made with.
func firstLimit() bearer.Limiter {
	var first sync.Map
	return asking(func(b *bucket, _ *int, l *limit) {
		known, _ := first.LoadOrStore(*b, *l)
		*l = known.(limit)
	})()
}

// waitForFirst tells a wait for as many tokens as a bucket held at first.
func waitForFirst() bearer.Limiter {
	var first sync.Map
	return around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
		burst, _ := first.LoadOrStore(b, l.Burst)
		u, err := g.Take(ctx, b, n, l)
		if n > l.Burst && n <= burst.(int) {
			u.Wait = time.Hour
		}
		return u, err
	})()
}

// window counts in fixed windows of the time that fills a bucket.
func window() bearer.Limiter {
	var taken sync.Map // counters by bucket and window
	return takeFunc(func(_ ctxt, b bucket, n int, l limit) (usage, error) {
		if l.Burst <= 0 || n > l.Burst {
			return usage{Limit: l, Remaining: max(0, l.Burst), Wait: -1}, nil
		}
		length := int64(float64(l.Burst) / float64(l.Rate) * float64(time.Second))
		now := time.Now().UnixNano()
		counter, _ := taken.LoadOrStore([2]any{b, now / length}, new(atomic.Int64))
		left := l.Burst - int(counter.(*atomic.Int64).Load())
		u := usage{Limit: l, Allowed: n <= left, Remaining: left, Reset: time.Duration(length - now%length)}
		if u.Allowed {
			counter.(*atomic.Int64).Add(int64(n))
			u.Remaining -= n
		} else {
			u.Wait = u.Reset
		}
		if u.Remaining == l.Burst {
			u.Reset = 0
		}
		return u, nil
	})
}
