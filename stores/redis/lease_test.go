package bearerredis_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// A hot bucket costs a round trip for a lease, and no token is lost or made.
func TestLeases(t *testing.T) {
	l, c := newCounted(t, bearerredis.LimiterConfig{Lease: 10})
	b, allowed := keyBucket("1"), 0
	for range 3000 {
		u := mustTake(t, l, b, 1, hourly(2000))
		assert.LessOrEqual(t, u.Remaining, 2000)
		if u.Allowed {
			allowed++
			assert.InDelta(t, 2000-allowed, u.Remaining, 10)
		}
	}
	assert.Equal(t, 2000, allowed)
	assert.Less(t, c.trips.Load(), int64(1500))
}

// What is left of a lease goes back with the next take.
func TestOldLeases(t *testing.T) {
	l, _ := newLimiter(t, bearerredis.LimiterConfig{Lease: 10})
	b := keyBucket("1")
	for range 15 {
		mustTake(t, l, b, 1, hourly(100))
	}
	time.Sleep(150 * time.Millisecond)
	u := mustTake(t, l, b, 1, hourly(100))
	assert.Equal(t, 84, u.Remaining)
}

// Three processes admit no more than the bucket, and one lease each.
func TestLeasesOfThree(t *testing.T) {
	client := newClient(t)
	prefix := newPrefix(t, client)
	var limiters []bearer.Limiter
	for range 3 {
		l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Prefix: prefix, Timeout: patient, Lease: 10, Replicas: 3})
		require.NoError(t, err)
		limiters = append(limiters, l)
	}
	checkAdmitted(t, limiters, 30, 0.9)
}

// Without leases, they admit what one bucket would. S2.4.
func TestThreeAreExact(t *testing.T) {
	client := newClient(t)
	prefix := newPrefix(t, client)
	var limiters []bearer.Limiter
	for range 3 {
		l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Prefix: prefix, Timeout: patient})
		require.NoError(t, err)
		limiters = append(limiters, l)
	}
	checkAdmitted(t, limiters, 0, 0.99)
}

// checkAdmitted asks limiters of one bucket for more than it holds, for a while.
func checkAdmitted(t *testing.T, limiters []bearer.Limiter, more int, least float64) {
	t.Helper()
	limit := bearer.Limit{Rate: 200, Burst: 100}
	run := 2 * time.Second
	if testing.Short() {
		run = 500 * time.Millisecond
	}
	var admitted atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	mustTake(t, limiters[0], keyBucket("1"), limit.Burst, limit) // a full bucket would lose what flows in
	start := time.Now()
	for i := range 6 {
		all.Go(func() {
			for time.Since(start) < run {
				u, err := limiters[i%len(limiters)].Take(t.Context(), keyBucket("1"), 1, limit)
				assert.NoError(t, err)
				if u.Allowed {
					admitted.Add(1)
				} else {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	all.Wait()
	before := time.Since(start)
	left := mustTake(t, limiters[0], keyBucket("1"), 0, limit).Remaining // a busy machine asks for less
	after := time.Since(begin)
	total := float64(int(admitted.Load()) + left)
	assert.LessOrEqual(t, total, after.Seconds()*float64(limit.Rate)+float64(more))
	assert.GreaterOrEqual(t, total, before.Seconds()*float64(limit.Rate)*least-1)
}
