package bearerredis_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// newGone returns a limiter that has no Redis, as one of four processes.
func newGone(t *testing.T) *bearerredis.Limiter {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Replicas: 4, Timeout: patient})
	require.NoError(t, err)
	return l
}

// A take of more than a process's part is admitted if the whole part is there, and
// paid for: it takes as long to flow in again as any other tokens.
func TestTakesOfMoreThanThePartArePaid(t *testing.T) {
	l, limit := newGone(t), hourly(20) // a part of 5, a token in 4 hours
	for _, tt := range []struct {
		id              string
		n               int
		allowed         bool
		remaining       int
		waitInHours     float64
		resetInHoursToo float64
	}{
		{"a", 0, true, 5, 0, 0},
		{"a", 15, true, 0, 0, 60},
		{"a", 0, true, 0, 0, 60},
		{"a", 1, false, 0, 44, 60}, // 4 must be left missing before it
		{"a", 5, false, 0, 60, 60},
		{"a", 20, false, 0, 60, 60},
		{"a", 21, false, 0, -1, 60},
		{"b", 1, true, 4, 0, 4},
		{"b", 5, false, 4, 4, 4},
		{"b", 15, false, 4, 4, 4},
		{"b", 4, true, 0, 0, 20},
		{"b", 1, false, 0, 4, 20},
		{"c", 20, true, 0, 0, 80},
		{"c", 20, false, 0, 80, 80},
	} {
		u := mustTake(t, l, keyBucket(tt.id), tt.n, limit)
		assert.Equal(t, tt.allowed, u.Allowed, "%+v", tt)
		assert.Equal(t, tt.remaining, u.Remaining, "%+v", tt)
		assert.InDelta(t, tt.resetInHoursToo, u.Reset.Hours(), 0.1, "%+v", tt)
		if tt.waitInHours < 0 {
			assert.Equal(t, time.Duration(-1), u.Wait, "%+v", tt)
			continue
		}
		assert.InDelta(t, tt.waitInHours, u.Wait.Hours(), 0.1, "%+v", tt)
	}
}

// Each of many processes has a token of a burst that is smaller than their number.
func TestThePartIsOneTokenAtLeast(t *testing.T) {
	l := newGone(t)
	assert.True(t, mustTake(t, l, keyBucket("1"), 1, hourly(2)).Allowed)
	u := mustTake(t, l, keyBucket("1"), 1, hourly(2))
	assert.False(t, u.Allowed)
	assert.InDelta(t, 4, u.Wait.Hours(), 0.1)
}

// What was taken from Redis does not fill the buckets in memory.
func TestReturnsOfAnOutageAreLost(t *testing.T) {
	l := newGone(t)
	mustTake(t, l, keyBucket("1"), 5, hourly(20))
	require.NoError(t, l.Return(t.Context(), keyBucket("1"), 5, hourly(20)))
	assert.False(t, mustTake(t, l, keyBucket("1"), 1, hourly(20)).Allowed)
}

// Takes that fail seldom, one after the other, find out that Redis is gone, too.
func TestFewCallsFindTheOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for longer than the breaker remembers")
	}
	l := newGone(t)
	for i := 0; i < 9 && l.State() == bearerredis.Up; i++ {
		mustTake(t, l, keyBucket("1"), 1, hourly(20))
		time.Sleep(400 * time.Millisecond)
	}
	assert.Equal(t, bearerredis.Down, l.State())
}

// A TakeAll of one bucket twice is an error, and so is one of too many.
func TestTakeAllRefusesWhatItCannotDo(t *testing.T) {
	l := newGone(t)
	b := keyBucket("1")
	_, err := l.TakeAll(t.Context(), []bearer.Take{take(b, 3, hourly(5)), take(keyBucket("2"), 1, hourly(5)), take(b, 3, hourly(5))})
	assert.EqualError(t, err, "bearerredis: take: two of the buckets are the same")
	_, err = l.TakeAll(t.Context(), make([]bearer.Take, 1001))
	assert.EqualError(t, err, "bearerredis: take: 1001 buckets are more than 1000")
	assert.True(t, mustTake(t, l, b, 5, hourly(20)).Allowed, "nothing was taken")
}

// Of prefixes that begin alike, no two have one name for a bucket.
func TestPrefixesEndWithColons(t *testing.T) {
	client := newClient(t)
	prefix := newPrefix(t, client)
	var limiters []*bearerredis.Limiter
	for _, more := range []string{"app", "app2."} {
		l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Prefix: prefix + more, Timeout: patient, Outage: bearerredis.Refuse})
		require.NoError(t, err)
		limiters = append(limiters, l)
	}
	mustTake(t, limiters[0], bearer.Bucket{Policy: "2.daily", Class: "key", ID: "k"}, 1, hourly(5))
	assert.Equal(t, 5, mustTake(t, limiters[1], bearer.Bucket{Policy: "daily", Class: "key", ID: "k"}, 0, hourly(5)).Remaining)
	n, err := client.Exists(context.Background(), prefix+"app:2.daily:key:{k}").Result()
	require.NoError(t, err)
	assert.Equal(t, int64(1), n)
}

// A part of a long quota flows in no faster than it has to, though the whole would
// take longer than a bucket can tell.
func TestPartsOfLongQuotas(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Replicas: 200, Timeout: patient})
	require.NoError(t, err)
	monthly := bearer.Limit{Rate: 100_000 / rate.Limit((30 * 24 * time.Hour).Seconds()), Burst: 100_000}
	u := mustTake(t, l, keyBucket("1"), 500, monthly)
	assert.True(t, u.Allowed)
	assert.InDelta(t, 720, u.Reset.Hours(), 0.1)
	u = mustTake(t, l, keyBucket("1"), 1, monthly)
	assert.False(t, u.Allowed)
	assert.InDelta(t, 1.44, u.Wait.Hours(), 0.01)
	u = mustTake(t, l, keyBucket("2"), 100_000, monthly)
	assert.False(t, u.Allowed)
	assert.Equal(t, time.Duration(-1), u.Wait)
}
