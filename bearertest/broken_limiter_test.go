package bearertest_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A takeFunc is a limiter, most often a good one with one mistake.
type takeFunc func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error)

func (f takeFunc) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return f(ctx, b, n, l)
}

// asking spoils what a good limiter is asked.
func asking(spoil func(b *bearer.Bucket, n *int, l *bearer.Limit)) func() bearer.Limiter {
	return func() bearer.Limiter {
		var good bearer.Buckets
		return takeFunc(func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			asked := l
			spoil(&b, &n, &l)
			u, err := good.Take(ctx, b, n, l)
			u.Limit = asked
			return u, err
		})
	}
}

// answering spoils what a good limiter answers.
func answering(spoil func(n int, u *bearer.Usage)) func() bearer.Limiter {
	return func() bearer.Limiter {
		var good bearer.Buckets
		return takeFunc(func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			u, err := good.Take(ctx, b, n, l)
			spoil(n, &u)
			return u, err
		})
	}
}

// around replaces Take.
func around(take func(good *bearer.Buckets, ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error)) func() bearer.Limiter {
	return func() bearer.Limiter {
		var good bearer.Buckets
		return takeFunc(func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			return take(&good, ctx, b, n, l)
		})
	}
}

// firstLimit remembers the limit that a bucket was made with.
func firstLimit() bearer.Limiter {
	var mu sync.Mutex
	first := make(map[bearer.Bucket]bearer.Limit)
	return asking(func(b *bearer.Bucket, _ *int, l *bearer.Limit) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := first[*b]; !ok {
			first[*b] = *l
		}
		*l = first[*b]
	})()
}

// window counts in fixed windows of the time that fills a bucket.
func window() bearer.Limiter {
	var mu sync.Mutex
	counts := make(map[bearer.Bucket]map[int64]int)
	return takeFunc(func(_ context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
		mu.Lock()
		defer mu.Unlock()
		length := time.Duration(float64(l.Burst) / float64(l.Rate) * float64(time.Second))
		if l.Burst <= 0 || n < 0 {
			return bearer.Usage{Limit: l, Wait: -1}, nil
		}
		now := time.Now().UnixNano()
		if counts[b] == nil {
			counts[b] = make(map[int64]int)
		}
		left := l.Burst - counts[b][now/int64(length)]
		u := bearer.Usage{Limit: l, Allowed: n <= left, Remaining: left}
		if u.Allowed {
			counts[b][now/int64(length)] += n
			u.Remaining -= n
		} else {
			u.Wait = length - time.Duration(now%int64(length))
		}
		return u, nil
	})
}

func TestBrokenLimiters(t *testing.T) {
	const (
		noError = "an error means that the limiter is out of order"
		burst   = "the burst is allowed at once, and no more"
		counts  = "Usage tells what is left after the take"
		refuses = "a refusal tells how long to wait"
		nothing = "a refused take takes nothing"
		look    = "n == 0 only looks"
		never   = "n > Burst is never allowed"
		parted  = "each bucket is of its own"
		refills = "tokens flow in at the limit's rate"
		change  = "a changed limit holds from the next take on"
		zero    = "the zero Limit lets nothing through"
		done    = "a context that is done changes no verdict"
	)
	type (
		ctxt    = context.Context
		bucket  = bearer.Bucket
		limit   = bearer.Limit
		usage   = bearer.Usage
		buckets = bearer.Buckets
	)
	tests := []struct {
		name   string
		broken func() bearer.Limiter
		rule   string
	}{
		{"answers a refusal with an error", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed {
				err = errors.New("rate limit exceeded")
			}
			return u, err
		}), noError},
		{"always allows", answering(func(_ int, u *usage) { u.Allowed, u.Wait = true, 0 }), burst},
		{"always refuses", answering(func(_ int, u *usage) { u.Allowed, u.Wait = false, time.Second }), burst},
		{"is empty at first", asking(func(_ *bucket, _ *int, l *limit) { l.Burst-- }), "a bucket is full at first"},
		{"allows one too many", asking(func(_ *bucket, _ *int, l *limit) { l.Burst++ }), burst},
		{"takes one, whatever it is asked", asking(func(_ *bucket, n *int, _ *limit) { *n = min(*n, 1) }), counts},
		{"takes what it refuses", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, n, l)
			if err == nil && !u.Allowed && n <= l.Burst {
				_, err = g.Take(ctx, b, u.Remaining, l)
			}
			return u, err
		}), nothing},
		{"takes one to look", asking(func(_ *bucket, n *int, _ *limit) {
			if *n == 0 {
				*n = 1
			}
		}), look},
		{"refuses a look into an empty bucket", answering(func(n int, u *usage) {
			if n == 0 && u.Remaining == 0 {
				u.Allowed = false
			}
		}), look},
		{"takes the burst for more", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			return g.Take(ctx, b, min(n, l.Burst), l)
		}), never},
		{"promises more than the burst", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, -u.Wait) }), never},
		{"gives back what is negative", func() bearer.Limiter {
			var mu sync.Mutex
			names := make(map[bucket]bucket)
			return around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
				mu.Lock()
				defer mu.Unlock()
				if n < 0 { // as good as new
					names[b] = bucket{Class: b.Class, ID: b.ID + " again"}
					n = 0
				}
				if other, ok := names[b]; ok {
					b = other
				}
				return g.Take(ctx, b, n, l)
			})()
		}, "n < 0 gives nothing back"},
		{"tells no Wait", answering(func(_ int, u *usage) { u.Wait = 0 }), refuses},
		{"tells Wait in milliseconds", answering(func(_ int, u *usage) { u.Wait /= time.Millisecond }), refuses},
		{"tells the Wait of one token", answering(func(n int, u *usage) {
			if u.Wait > 0 {
				u.Wait -= time.Duration(n-1) * time.Duration(float64(time.Second)/float64(u.Limit.Rate))
			}
		}), refuses},
		{"tells a Wait to those it allows", answering(func(_ int, u *usage) { u.Wait = max(u.Wait, 1) }), refuses},
		{"tells what was there before", answering(func(n int, u *usage) {
			if u.Allowed {
				u.Remaining += n
			}
		}), counts},
		{"rounds Remaining up", answering(func(_ int, u *usage) {
			if u.Limit.Rate > 0 {
				missing := u.Reset.Seconds() * float64(u.Limit.Rate)
				u.Remaining = max(0, int(math.Ceil(float64(u.Limit.Burst)-missing-1e-6)))
			}
		}), "Remaining 1, want 0"},
		{"rounds Remaining to the nearest", answering(func(_ int, u *usage) {
			if u.Limit.Rate > 0 {
				missing := u.Reset.Seconds() * float64(u.Limit.Rate)
				u.Remaining = max(0, int(math.Round(float64(u.Limit.Burst)-missing+1e-6)))
			}
		}), counts},
		{"tells a token too few", answering(func(_ int, u *usage) {
			if u.Reset > 0 && u.Limit.Rate > 1 {
				u.Remaining = max(0, u.Remaining-1)
			}
		}), counts},
		{"tells no Reset", answering(func(_ int, u *usage) { u.Reset = 0 }), counts},
		{"tells another limit", answering(func(_ int, u *usage) { u.Limit = bearer.Unlimited }), "Usage.Limit is the limit of the take"},
		{"forgets the class", asking(func(b *bucket, _ *int, _ *limit) { b.Class = "" }), parted},
		{"forgets the ID", asking(func(b *bucket, _ *int, _ *limit) { b.ID = "" }), parted},
		{"folds case", asking(func(b *bucket, _ *int, _ *limit) { b.ID = strings.ToLower(b.ID) }), parted},
		{"joins names by a colon", asking(func(b *bucket, _ *int, _ *limit) { *b = bucket{ID: b.Class + ":" + b.ID} }), parted},
		{"joins names by nothing", asking(func(b *bucket, _ *int, _ *limit) { *b = bucket{ID: b.Class + b.ID} }), parted},
		{"flows twice as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate *= 2 }), refills},
		{"flows half as fast", asking(func(_ *bucket, _ *int, l *limit) { l.Rate /= 2 }), refuses},
		{"never flows", asking(func(_ *bucket, _ *int, l *limit) { l.Rate /= 1e6 }), refills},
		{"promises too early", answering(func(_ int, u *usage) {
			if u.Wait > 0 {
				u.Wait = max(u.Wait/2, 1)
			}
		}), refills},
		{"counts in windows", window, refills},
		{"remembers the first limit", firstLimit, change},
		{"reads, waits and writes", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			u, err := g.Take(ctx, b, 0, l)
			if n != 1 || err != nil || u.Remaining == 0 {
				return g.Take(ctx, b, n, l)
			}
			time.Sleep(time.Microsecond)
			if taken, err := g.Take(ctx, b, 1, l); err != nil || taken.Allowed {
				return taken, err
			}
			u.Allowed = true
			u.Remaining--
			return u, nil
		}), "concurrent takes are exact"},
		{"takes the zero limit for none", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if l == (limit{}) {
				return usage{Allowed: true, Remaining: math.MaxInt}, nil
			}
			return g.Take(ctx, b, n, l)
		}), zero},
		{"divides by the burst", answering(func(_ int, u *usage) { u.Reset += time.Duration(0 / u.Limit.Burst) }), "Take does not panic"},
		{"allows who has gone", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if isDone(ctx) {
				return usage{Allowed: true, Limit: l}, nil
			}
			return g.Take(ctx, b, n, l)
		}), done},
		{"refuses who has gone", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if isDone(ctx) {
				return usage{Limit: l}, nil
			}
			return g.Take(ctx, b, n, l)
		}), done},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assertBroken(t, "TestLimiter", tt.rule, bearertest.TestLimiter(tt.broken))
			})
		})
	}
}
