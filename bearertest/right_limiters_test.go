package bearertest_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// What a limiter may do, the suite leaves to it, by a real clock and by that of
// a bubble.
func TestRightLimiters(t *testing.T) {
	up := func(d time.Duration) time.Duration {
		if d < 0 {
			return d
		}
		return (d + time.Second - 1).Truncate(time.Second)
	}
	var shared bearer.Buckets
	tests := []struct {
		name  string
		right func() bearer.Limiter
	}{
		{"Buckets", func() bearer.Limiter { return new(bearer.Buckets) }},
		{"one Buckets for all", func() bearer.Limiter { return &shared }},
		{"few Buckets", func() bearer.Limiter { return &bearer.Buckets{Max: 64} }},
		{"a map of rate.Limiters", newRateLimiter},
		{"a map of token buckets", booking(&bookLimiter{})},
		{"token buckets by a clock of milliseconds", booking(&bookLimiter{
			now: func() time.Time { return time.Now().Truncate(time.Millisecond) },
		})},
		{"token buckets that count whole milliseconds", booking(&bookLimiter{
			now: func() time.Time { return time.UnixMilli(time.Now().UnixMilli()) },
		})},
		{"times of arrival in milliseconds", newArrivalLimiter},
		{"names that are joined", asking(func(b *bucket, _ *int, _ *limit) { *b = bucket{ID: b.Class + ":" + b.ID} })},
		{"whole seconds", answering(func(_ int, u *usage) { u.Wait, u.Reset = up(u.Wait), up(u.Reset) })},
		{"no limit in the answer", answering(func(_ int, u *usage) { u.Limit = limit{} })},
		{"the error of a context that is done", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			if isDone(ctx) {
				return usage{}, ctx.Err()
			}
			return g.Take(ctx, b, n, l)
		})},
		{"slow answers", around(func(g *buckets, ctx ctxt, b bucket, n int, l limit) (usage, error) {
			time.Sleep(3 * time.Millisecond)
			u, err := g.Take(ctx, b, n, l)
			time.Sleep(3 * time.Millisecond)
			return u, err
		})},
	}
	errs := make([]error, len(tests))
	var all sync.WaitGroup
	for i, tt := range tests {
		all.Go(func() { errs[i] = bearertest.TestLimiter(tt.right) }) // at once: they mostly sleep
	}
	all.Wait()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.NoError(t, errs[i]) })
		t.Run(tt.name+", in a bubble", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.NoError(t, bearertest.TestLimiter(tt.right))
			})
		})
	}
}
