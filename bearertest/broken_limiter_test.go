package bearertest_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A brokenLimiter is a row of a table: a limiter with one mistake, and what the
// suite has to say about it.
type brokenLimiter struct {
	name   string
	broken func() bearer.Limiter
	want   string
}

// assertBrokenLimiters tests each limiter in a bubble, where the machine is
// never slow.
func assertBrokenLimiters(t *testing.T, tests []brokenLimiter) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestLimiter(tt.broken)
				assertBroken(t, "TestLimiter", tt.want, err)
				assert.LessOrEqual(t, strings.Count(err.Error(), "\tfix: "), 2, "%v", err)
				time.Sleep(24 * time.Hour) // a call that never ends is left behind
			})
		})
	}
}

func TestLimitersThatAnswerWrongly(t *testing.T) {
	const (
		noError = "an error means that the limiter is out of order"
		burst   = "the burst is allowed at once, and no more"
		full    = "a bucket is full at first"
		counts  = "Usage tells what is left after the take"
		refuses = "a refusal tells how long to wait"
		nothing = "a refused take takes nothing"
		look    = "n == 0 only looks"
		never   = "n > Burst is never allowed"
		zero    = "the zero Limit lets nothing through"
		done    = "a context that is done changes no verdict"
		running = "what is tested is running"
		inTime  = "every call comes to an end"
	)
	// fast spoils the answers about limits that are fast enough to be waited for.
	fast := func(spoil func(u *usage)) func() bearer.Limiter {
		return answering(func(_ int, u *usage) {
			if u.Limit.Rate > 1 && u.Reset > 0 {
				spoil(u)
			}
		})
	}
	assertBrokenLimiters(t, []brokenLimiter{
		{"is none", func() bearer.Limiter { return nil }, "newLimiter: got a nil limiter, want one"},
		{"is not made", nil, "newLimiter: got nil, want a function"},
		{"is out of order", around(func(*buckets, ctxt, bucket, int, limit) (usage, error) { return usage{}, errDown }), running},
		{"waits for tokens, with the context", newWaitLimiter, noError},
		{"waits for tokens, whatever the context says", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			for err == nil && !u.Allowed && u.Wait > 0 {
				time.Sleep(u.Wait)
				u, err = g.Take(ctx, b, n, l)
			}
			return u, err
		}), inTime},
		{"answers a refusal with an error", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed {
				err = errors.New("rate limit exceeded")
			}
			return u, err
		}), noError},
		{"panics", around(func(*buckets, ctxt, bucket, int, limit) (usage, error) { panic("boom") }),
			"got the panic boom (at bearertest/broken_limiter_test.go:"},
		{"always allows", answering(func(_ int, u *usage) { u.Allowed, u.Wait = true, 0 }), burst},
		{"always refuses", answering(func(_ int, u *usage) { u.Allowed, u.Wait = false, time.Second }), full},
		{"is empty at first", asking(func(_ *bucket, _ *int, l *limit) { l.Burst-- }), full},
		{"allows one too many", asking(func(_ *bucket, _ *int, l *limit) { l.Burst++ }), "got Remaining 6, want 5"},
		{"takes one, whatever it is asked", asking(func(_ *bucket, n *int, _ *limit) { *n = min(*n, 1) }), counts},
		{"takes what it refuses", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed && n <= l.Burst {
				_, err = g.Take(ctx, b, u.Remaining, l)
			}
			return u, err
		}), nothing},
		{"takes one to look", asking(func(_ *bucket, n *int, _ *limit) { *n = max(*n, 1) }), full},
		{"refuses a look into an empty bucket", answering(func(n int, u *usage) {
			u.Allowed = u.Allowed && (n > 0 || u.Remaining > 0)
		}), look},
		{"takes the burst for more", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			return g.Take(ctx, b, min(n, l.Burst), l)
		}), never},
		{"promises more than the burst", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, -u.Wait) }), never},
		{"keeps bursts of 16 bits", asking(func(_ *bucket, _ *int, l *limit) { l.Burst = int(int16(l.Burst)) }), burst},
		{"tells no Wait", answering(func(_ int, u *usage) { u.Wait = 0 }), refuses},
		{"tells Wait in milliseconds", answering(func(_ int, u *usage) { u.Wait /= time.Millisecond }), refuses},
		{"tells the Wait of one token", answering(func(n int, u *usage) {
			if u.Wait > 0 {
				u.Wait -= time.Duration(n-1) * time.Duration(float64(time.Second)/float64(u.Limit.Rate))
			}
		}), refuses},
		{"tells a Wait to those it allows", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, 1) }), "want 0 with Allowed"},
		{"promises too early", answering(func(_ int, u *usage) {
			if u.Wait > 0 {
				u.Wait = max(u.Wait/2, 1)
			}
		}), refuses},
		{"tells what was there before", answering(func(n int, u *usage) {
			if u.Allowed {
				u.Remaining += n
			}
		}), counts},
		{"rounds Remaining up", fast(func(u *usage) {
			u.Remaining = u.Limit.Burst - int(u.Reset.Seconds()*float64(u.Limit.Rate)-1e-6)
		}), counts},
		{"rounds Remaining to the nearest", fast(func(u *usage) {
			u.Remaining = u.Limit.Burst - int(math.Round(u.Reset.Seconds()*float64(u.Limit.Rate)-1e-6))
		}), counts},
		{"tells a token too few", fast(func(u *usage) { u.Remaining = max(0, u.Remaining-1) }), counts},
		{"tells no Reset", answering(func(_ int, u *usage) { u.Reset = 0 }), counts},
		{"tells no Reset where that is short", fast(func(u *usage) { u.Reset = 0 }), counts},
		{"tells Wait for Reset where that is short", fast(func(u *usage) {
			if !u.Allowed {
				u.Reset = u.Wait
			}
		}), counts},
		{"tells a Reset that is 20 s too short", answering(func(_ int, u *usage) { u.Reset = max(0, u.Reset-20*time.Second) }), counts},
		{"tells a Reset that is 0.9 s too long", answering(func(_ int, u *usage) { u.Reset += 900 * time.Millisecond }), full},
		{"tells a Reset that is over, after a while", overdue, "a look, long after: got Reset -"},
		{"tells another limit", answering(func(_ int, u *usage) { u.Limit = bearer.Unlimited }), "Usage.Limit is the limit of the take"},
		{"takes the zero limit for none", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if l == (limit{}) {
				return usage{Allowed: true, Remaining: math.MaxInt}, nil
			}
			return g.Take(ctx, b, n, l)
		}), zero},
		{"takes no rate for none", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			u.Allowed = u.Allowed || l.Rate == 0 && l.Burst > 0
			return u, err
		}), zero},
		{"divides by the burst", answering(func(_ int, u *usage) { u.Reset += time.Duration(0 / u.Limit.Burst) }), "Take does not panic"},
		{"allows who has gone", leaving(func(l limit) (usage, error) { return usage{Allowed: true, Limit: l}, nil }), done},
		{"refuses who has gone", leaving(func(l limit) (usage, error) { return usage{Limit: l}, nil }), done},
		{"charges who has gone", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			return u, errors.Join(err, ctx.Err())
		}), done},
	})
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
