package bearerredis_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// A ring of two servers: each bucket is on one of them, and takes of buckets on
// both take from all or from none.
func TestRing(t *testing.T) {
	services.Goroutines(t)
	first, second := services.StartRedis(t), services.StartRedis(t)
	client := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"first": first.Addr(), "second": second.Addr()}})
	defer client.Close()
	l := newExact(t, client)
	assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return l }))

	var takes []bearer.Take
	for i := range 16 {
		takes = append(takes, take(bucketOf("ring"+strconv.Itoa(i)), 1, slowly(40+i)))
	}
	for range 40 {
		usages, err := l.TakeAll(t.Context(), takes)
		require.NoError(t, err)
		assert.NotContains(t, allowedOf(usages), false)
	}
	for range 2 {
		usages, err := l.TakeAll(t.Context(), takes)
		require.NoError(t, err)
		assert.False(t, usages[0].Allowed)
	}
	for i, one := range takes {
		assert.Equal(t, i, mustTake(t, l, one.Bucket, 0, one.Limit).Remaining)
	}
	for _, server := range []*services.Server{first, second} {
		assert.NotEqual(t, "0", server.Do("DBSIZE"))
	}
}

// After heavy use, also by callers that go away, no goroutine is left: the
// limiter has none while no one asks. There is nothing to close.
func TestNoGoroutineIsLeft(t *testing.T) {
	services.Goroutines(t)
	client := newClient(t)
	prefix := newPrefix(t, client)
	for _, lease := range []int{1, 10} {
		l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Prefix: prefix, Timeout: patient, Lease: lease})
		require.NoError(t, err)
		var answers, all sync.WaitGroup
		var gone atomic.Int64
		for g := range 64 {
			all.Go(func() {
				for i := range 50 {
					ctx, cancel := context.WithCancel(t.Context())
					if i%10 == 9 {
						answers.Go(cancel)
					}
					if _, err := l.Take(ctx, keyBucket(strconv.Itoa((g+i)%20)), 1, hourly(200)); err != nil {
						assert.ErrorIs(t, err, context.Canceled)
						gone.Add(1)
					}
					cancel()
				}
			})
		}
		all.Wait()
		answers.Wait()
		for i := range 20 {
			assert.LessOrEqual(t, mustTake(t, l, keyBucket(strconv.Itoa(i)), 0, hourly(200)).Remaining, 200)
		}
		t.Logf("lease %d: %d callers went away", lease, gone.Load())
	}
}
