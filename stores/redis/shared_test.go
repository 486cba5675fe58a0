package bearerredis_test

import (
	"context"
	"crypto/rand"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// A counter counts the round trips of a client.
type counter struct{ trips atomic.Int64 }

func (c *counter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.trips.Add(1)
		return next(ctx, cmds)
	}
}

// newCounted returns a limiter whose round trips are counted.
func newCounted(t *testing.T, config bearerredis.LimiterConfig) (*bearerredis.Limiter, *counter) {
	t.Helper()
	client, c := newClient(t), new(counter)
	config.Prefix, config.Timeout = newPrefix(t, client), patient
	client.AddHook(c)
	l, err := bearerredis.NewLimiter(client, config)
	require.NoError(t, err)
	return l, c
}

func keyBucket(id string) bearer.Bucket {
	return bearer.Bucket{Policy: "default", Class: "key", ID: id}
}

func take(b bearer.Bucket, n int, l bearer.Limit) bearer.Take {
	return bearer.Take{Bucket: b, N: n, Limit: l}
}

// hourly is a limit of which no token flows in during a test.
func hourly(burst int) bearer.Limit { return bearer.Limit{Rate: 1.0 / 3600, Burst: burst} }

// mustTake takes from a bucket.
func mustTake(t *testing.T, l bearer.Limiter, b bearer.Bucket, n int, limit bearer.Limit) bearer.Usage {
	t.Helper()
	u, err := l.Take(t.Context(), b, n, limit)
	require.NoError(t, err)
	return u
}

// Takes that wait at the same time share round trips, also those of different
// buckets, and are exact.
func TestTakesShareRoundTrips(t *testing.T) {
	l, c := newCounted(t, bearerredis.LimiterConfig{})
	mustTake(t, l, keyBucket("first"), 1, hourly(1)) // which loads the script
	for _, tt := range []struct {
		name    string
		buckets int
	}{{"one bucket", 1}, {"many buckets", 100}} {
		before := c.trips.Load()
		var admitted atomic.Int64
		var all sync.WaitGroup
		for g := range 100 {
			all.Go(func() {
				for i := range 20 {
					b := keyBucket(tt.name + strconv.Itoa((g+i)%tt.buckets))
					u, err := l.Take(t.Context(), b, 1, hourly(500/tt.buckets))
					assert.NoError(t, err)
					if u.Allowed {
						admitted.Add(1)
					}
				}
			})
		}
		all.Wait()
		assert.Equal(t, int64(500), admitted.Load(), tt.name)
		assert.Less(t, c.trips.Load()-before, int64(1000), tt.name)
	}
}

// A bucket that is known to be empty is refused without Redis, whatever is asked
// for, until Redis may think otherwise.
func TestEmptyBucketsAreRefusedHere(t *testing.T) {
	l, c := newCounted(t, bearerredis.LimiterConfig{})
	b := keyBucket("1")
	mustTake(t, l, b, 9, hourly(10))
	require.False(t, mustTake(t, l, b, 2, hourly(10)).Allowed)

	before := c.trips.Load()
	for range 50 {
		u := mustTake(t, l, b, 3, hourly(10))
		assert.False(t, u.Allowed)
		assert.Equal(t, 1, u.Remaining)
		assert.InDelta(t, 2*time.Hour, u.Wait, float64(time.Minute))
		assert.InDelta(t, 9*time.Hour, u.Reset, float64(time.Minute))
	}
	assert.LessOrEqual(t, c.trips.Load()-before, int64(10)) // one a second

	assert.True(t, mustTake(t, l, b, 1, hourly(10)).Allowed, "one is there")
	require.False(t, mustTake(t, l, b, 1, hourly(10)).Allowed)
	assert.True(t, mustTake(t, l, b, 2, hourly(12)).Allowed, "a larger limit")
	require.False(t, mustTake(t, l, b, 1, hourly(10)).Allowed)
	require.NoError(t, l.Return(t.Context(), b, 3, hourly(10)))
	assert.True(t, mustTake(t, l, b, 1, hourly(10)).Allowed, "tokens came back")
	assert.True(t, mustTake(t, l, keyBucket("2"), 10, hourly(10)).Allowed, "another bucket")
}

// TakeAll takes from all buckets or from none, in one round trip.
func TestTakeAll(t *testing.T) {
	l, c := newCounted(t, bearerredis.LimiterConfig{})
	first, second, third := keyBucket("1"), bearer.Bucket{Policy: "daily", Class: "key", ID: "1"}, keyBucket("3")
	takes := []bearer.Take{take(first, 2, hourly(10)), take(second, 1, hourly(3)), take(third, 0, hourly(5)), take(third, 1, bearer.Unlimited)}
	mustTake(t, l, keyBucket("first"), 1, hourly(1))
	before := c.trips.Load()
	usages, err := l.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	assert.Equal(t, int64(1), c.trips.Load()-before)
	for i, want := range []int{8, 2, 5} {
		assert.True(t, usages[i].Allowed)
		assert.Equal(t, want, usages[i].Remaining)
	}
	assert.True(t, usages[3].Allowed)

	takes[1].N = 3
	for i := 0; i < 2 || c.trips.Load() > before && i < 100; i++ { // at last, it is refused without Redis
		before = c.trips.Load()
		usages, err = l.TakeAll(t.Context(), takes)
		require.NoError(t, err)
		assert.Equal(t, []bool{true, false, true, true}, allowedOf(usages))
		assert.Equal(t, 8, usages[0].Remaining)
		assert.InDelta(t, time.Hour, usages[1].Wait, float64(time.Minute))
	}
	assert.Equal(t, int64(0), c.trips.Load()-before)

	takes[1].N = 4
	usages, err = l.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	assert.Equal(t, []bool{true, false, true, true}, allowedOf(usages))
	assert.Negative(t, usages[1].Wait)
	takes[1].Limit = bearer.Limit{}
	usages, err = l.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	assert.Equal(t, []bool{true, false, true, true}, allowedOf(usages))
	assert.Equal(t, 8, mustTake(t, l, first, 0, hourly(10)).Remaining, "nothing was taken")

	_, err = l.TakeAll(t.Context(), []bearer.Take{take(first, -1, hourly(1))})
	assert.Error(t, err)
	usages, err = l.TakeAll(t.Context(), nil)
	assert.NoError(t, err)
	assert.Empty(t, usages)
}

func allowedOf(usages []bearer.Usage) []bool {
	allowed := make([]bool, len(usages))
	for i, u := range usages {
		allowed[i] = u.Allowed
	}
	return allowed
}

// Concurrent takes of several buckets admit what the scarcest has, and leave the
// others what was not admitted.
func TestTakeAllTogether(t *testing.T) {
	l, _ := newLimiter(t, bearerredis.LimiterConfig{})
	takes := []bearer.Take{take(keyBucket("a"), 1, hourly(100)), take(keyBucket("b"), 2, hourly(60))}
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			usages, err := l.TakeAll(t.Context(), takes)
			assert.NoError(t, err)
			if usages[0].Allowed && usages[1].Allowed {
				admitted.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, int64(30), admitted.Load())
	assert.Equal(t, 70, mustTake(t, l, keyBucket("a"), 0, hourly(100)).Remaining)
	assert.Equal(t, 0, mustTake(t, l, keyBucket("b"), 0, hourly(60)).Remaining)
}

func TestReturn(t *testing.T) {
	l, client := newLimiter(t, bearerredis.LimiterConfig{})
	b := keyBucket(rand.Text())
	mustTake(t, l, b, 5, hourly(10))
	require.NoError(t, l.Return(t.Context(), b, 2, hourly(10)))
	assert.Equal(t, 7, mustTake(t, l, b, 0, hourly(10)).Remaining)
	require.NoError(t, l.Return(t.Context(), b, 100, hourly(10)))
	assert.Equal(t, bearer.Usage{Allowed: true, Limit: hourly(10), Remaining: 10}, mustTake(t, l, b, 0, hourly(10)))
	keys, err := client.Keys(t.Context(), "*{"+b.ID+"}").Result()
	require.NoError(t, err)
	assert.Empty(t, keys, "a full bucket has no key")
	assert.Error(t, l.Return(t.Context(), b, -1, hourly(10)))
	assert.NoError(t, l.Return(t.Context(), b, 1, bearer.Unlimited))
	assert.NoError(t, l.Return(t.Context(), b, 1, bearer.Limit{}))
}
