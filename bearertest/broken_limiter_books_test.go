package bearertest_test

import (
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

func TestLimitersThatKeepBooksWrongly(t *testing.T) {
	const (
		counts  = "Usage tells what is left after the take"
		parted  = "each bucket is of its own"
		refills = "tokens flow in at the limit's rate"
		keeps   = "a bucket is known until it is full again"
		change  = "a changed limit holds from the next take on"
		exact   = "concurrent takes are exact"
	)
	until := func(cut string) func(string) string {
		return func(id string) string {
			before, _, _ := strings.Cut(id, cut)
			return before
		}
	}
	assertBrokenLimiters(t, []brokenLimiter{
		{"forgets the class", asking(func(b *bucket, _ *int, _ *limit) { b.Class = "" }), parted},
		{"forgets the ID", naming(func(string) string { return "" }), parted},
		{"folds case", naming(strings.ToLower), parted},
		{"trims names", naming(strings.TrimSpace), parted},
		{"trims names on the left", naming(func(id string) string { return strings.TrimLeft(id, " ") }), parted},
		{"cuts names to 64 bytes", naming(func(id string) string { return cut(id, 64) }), "long IDs: got"},
		{"cuts names to 128 bytes", naming(func(id string) string { return cut(id, 128) }), "long IDs: got"},
		{"cuts names at a zero byte", naming(until("\x00")), "a zero byte: got"},
		{"cuts names at a line end", naming(until("\n")), "a line end: got"},
		{"replaces slashes", naming(func(id string) string { return strings.ReplaceAll(id, "/", "_") }), "a slash: got"},
		{"has a bucket for each limit", booking(&bookLimiter{name: func(b bucket, l limit) any {
			return struct {
				bucket
				limit
			}{b, l}
		}}), change},
		{"fills a bucket whose limit changes", booking(&bookLimiter{
			known: func(m map[any]*tokenBucket, name any, _ time.Time, l limit) {
				if b := m[name]; b != nil && b.limit != l {
					delete(m, name)
				}
			},
		}), change},
		{"remembers the first limit", firstLimit, change},

		{"flows twice as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate *= 2 }), counts},
		{"flows half as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate /= 2 }), counts},
		{"never flows", booking(&bookLimiter{flow: func(*tokenBucket, time.Duration, limit) float64 { return 0 }}), refills},
		{"flows by whole tokens, and starves who asks often", booking(&bookLimiter{
			flow: func(_ *tokenBucket, elapsed time.Duration, l limit) float64 {
				return math.Floor(elapsed.Seconds() * float64(l.Rate))
			},
		}), refills},
		{"counts in windows", window, counts},

		{"forgets after 400 ms", booking(&bookLimiter{known: forgetting(400 * time.Millisecond)}), keeps},
		{"forgets after a minute", booking(&bookLimiter{known: forgetting(time.Minute)}), keeps},
		{"knows 50 buckets", booking(&bookLimiter{known: func(m map[any]*tokenBucket, name any, _ time.Time, _ limit) {
			if m[name] == nil && len(m) >= 50 {
				clear(m)
			}
		}}), keeps},

		{"reads, waits and writes", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, 0, l)
			if n != 1 || err != nil || u.Remaining == 0 {
				return g.Take(ctx, b, n, l)
			}
			time.Sleep(time.Microsecond)
			taken, err := g.Take(ctx, b, 1, l)
			taken.Allowed, taken.Wait = true, 0
			return taken, err
		}), exact},
		{"makes a bucket twice", makingTwice, exact},
	})
}

// forgetting forgets a bucket for which nobody asks.
func forgetting(after time.Duration) func(m map[any]*tokenBucket, name any, now time.Time, l limit) {
	return func(m map[any]*tokenBucket, name any, now time.Time, _ limit) {
		if b := m[name]; b != nil && now.Sub(b.last) > after {
			delete(m, name)
		}
	}
}

// makingTwice makes a bucket without looking whether somebody else does.
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

// The same, by a real clock.
func TestBrokenLimitersOutsideOfABubble(t *testing.T) {
	t.Parallel()
	for _, tt := range []brokenLimiter{
		{"makes a bucket twice", makingTwice, "concurrent takes are exact"},
		{"forgets after 400 ms", booking(&bookLimiter{known: forgetting(400 * time.Millisecond)}), "known until it is full"},
		{"starves who asks often", booking(&bookLimiter{flow: func(_ *tokenBucket, elapsed time.Duration, l limit) float64 {
			return math.Floor(elapsed.Seconds() * float64(l.Rate))
		}}), "Rate tokens a second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assertBroken(t, "TestLimiter", tt.want, bearertest.TestLimiter(tt.broken))
		})
	}
}

// firstLimit remembers the limit that a bucket was made with.
func firstLimit() bearer.Limiter {
	var first sync.Map
	return asking(func(b *bucket, _ *int, l *limit) {
		known, _ := first.LoadOrStore(*b, *l)
		*l = known.(limit)
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
