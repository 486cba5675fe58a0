package stores_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/goredisstore.v9"
	"github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// A quota is the limit that all peers have. Those that count in windows get one
// of burst in each burst/rate seconds: as much at once, and as much in the long
// run.
type quota struct{ rate, burst int }

func (q quota) limit() bearer.Limit { return bearer.Limit{Rate: rate.Limit(q.rate), Burst: q.burst} }

func (q quota) window() time.Duration {
	return time.Duration(float64(time.Second) * float64(q.burst) / float64(q.rate))
}

// generous is a quota that no benchmark uses up.
var generous = quota{rate: 1_000_000, burst: 1_000_000}

// A take takes one token of a bucket, and reports whether it was there.
type take func(ctx context.Context, bucket string) (bool, error)

// A limiterPeer limits by Redis. Its buckets have names that begin with prefix.
type limiterPeer struct {
	name string
	open func(tb testing.TB, url, prefix string, q quota) take
}

var limiterPeers = []limiterPeer{
	{"bearer", func(tb testing.TB, url, prefix string, q quota) take {
		tb.Helper()
		return openBearer(tb, url, prefix, q, 1)
	}},
	{"bearer-lease10", func(tb testing.TB, url, prefix string, q quota) take {
		tb.Helper()
		return openBearer(tb, url, prefix, q, 10)
	}},
	{"redis_rate", openRedisRate},
	{"throttled", openThrottled},
	{"ulule", openUlule},
	{"rueidis-window", openRueidis},
}

// openBearer fails the benchmark if the limiter loses Redis, since it would go on
// in memory, a thousand times as fast.
func openBearer(tb testing.TB, url, prefix string, q quota, lease int) take {
	tb.Helper()
	l, err := bearerredis.NewLimiter(newClient(tb, url), bearerredis.LimiterConfig{
		Prefix: prefix, Lease: lease, Outage: bearerredis.Refuse,
		Timeout: 10 * time.Second, // the machine may be busy; the others wait as long
	})
	require.NoError(tb, err)
	limit := q.limit()
	return func(ctx context.Context, bucket string) (bool, error) {
		usage, err := l.Take(ctx, bearer.Bucket{Policy: "default", Class: "key", ID: bucket}, 1, limit)
		return usage.Allowed, err
	}
}

func openRedisRate(tb testing.TB, url, prefix string, q quota) take {
	tb.Helper()
	l := redis_rate.NewLimiter(newClient(tb, url))
	limit := redis_rate.Limit{Rate: q.rate, Burst: q.burst, Period: time.Second}
	return func(ctx context.Context, bucket string) (bool, error) {
		result, err := l.Allow(ctx, prefix+bucket, limit)
		return err == nil && result.Allowed > 0, err
	}
}

// openThrottled lets throttled try again until it wins, where it would answer
// with an error after ten times by default.
func openThrottled(tb testing.TB, url, prefix string, q quota) take {
	tb.Helper()
	store, err := goredisstore.NewCtx(newClient(tb, url), prefix)
	require.NoError(tb, err)
	l, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{
		MaxRate: throttled.PerDuration(q.rate, time.Second), MaxBurst: q.burst - 1,
	})
	require.NoError(tb, err)
	l.SetMaxCASAttemptsLimit(1_000_000)
	return func(ctx context.Context, bucket string) (bool, error) {
		limited, _, err := l.RateLimitCtx(ctx, bucket, 1)
		return err == nil && !limited, err
	}
}

func openUlule(tb testing.TB, url, prefix string, q quota) take {
	tb.Helper()
	store, err := ululeredis.NewStoreWithOptions(newClient(tb, url), limiter.StoreOptions{Prefix: prefix})
	require.NoError(tb, err)
	l := limiter.New(store, limiter.Rate{Period: q.window(), Limit: int64(q.burst)})
	return func(ctx context.Context, bucket string) (bool, error) {
		result, err := l.Get(ctx, bucket)
		return err == nil && !result.Reached, err
	}
}

// windowScript counts in windows, with as many commands as rueidislimiter's.
var windowScript = rueidis.NewLuaScript(`
local n = redis.call("INCR", KEYS[1])
if n == 1 then
	redis.call("PEXPIRE", KEYS[1], ARGV[1])
	return {n, ARGV[1]}
end
return {n, redis.call("PTTL", KEYS[1])}
`)

// openRueidis stands in for rueidislimiter, which no module proxy has: the same
// client, which sends the commands of many callers together.
func openRueidis(tb testing.TB, url, prefix string, q quota) take {
	tb.Helper()
	options, err := rueidis.ParseURL(url)
	require.NoError(tb, err)
	client, err := rueidis.NewClient(options)
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	window, burst := strconv.FormatInt(q.window().Milliseconds(), 10), int64(q.burst)
	return func(ctx context.Context, bucket string) (bool, error) {
		answer, err := windowScript.Exec(ctx, client, []string{prefix + bucket}, []string{window}).ToArray()
		if err != nil {
			return false, err
		}
		n, err := answer[0].AsInt64()
		return n <= burst, err
	}
}

// newClient returns a client of Redis with a connection for each caller, which is
// no slower for any peer than a smaller pool.
func newClient(tb testing.TB, url string) *redis.Client {
	tb.Helper()
	options, err := redis.ParseURL(url)
	require.NoError(tb, err)
	options.PoolSize = callers
	options.ContextTimeoutEnabled = true
	options.ReadTimeout = 10 * time.Second
	client := redis.NewClient(options)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// open opens a peer whose buckets are removed at the end.
func (p limiterPeer) newTake(tb testing.TB, q quota) take {
	tb.Helper()
	url, prefix := services.Redis(tb), "bench-"+rand.Text()+":"
	tb.Cleanup(func() { removeBuckets(tb, url, prefix) })
	return p.open(tb, url, prefix, q)
}

func removeBuckets(tb testing.TB, url, prefix string) {
	tb.Helper()
	ctx := context.Background()
	options, err := redis.ParseURL(url)
	require.NoError(tb, err)
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	for cursor := uint64(0); ; {
		names, next, err := client.Scan(ctx, cursor, "*"+prefix+"*", 10_000).Result()
		require.NoError(tb, err)
		if len(names) > 0 {
			require.NoError(tb, client.Unlink(ctx, names...).Err())
		}
		if cursor = next; cursor == 0 {
			return
		}
	}
}

// bucketNames returns the names of n buckets.
func bucketNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("ak_%08d", i)
	}
	return names
}

// Each peer has to do what is measured: a comparison with one that does less
// would not be honest.
func TestLimiterPeersDoTheWork(t *testing.T) {
	for _, peer := range limiterPeers {
		t.Run(peer.name, func(t *testing.T) {
			const burst = 5
			take := peer.newTake(t, quota{rate: 1, burst: burst})
			start := time.Now()
			for i := range 2 * burst {
				isAllowed, err := take(t.Context(), "a")
				require.NoError(t, err)
				if i < burst {
					assert.True(t, isAllowed, i)
				} else if time.Since(start) < time.Second/2 {
					assert.False(t, isAllowed, i)
				}
			}
			isAllowed, err := take(t.Context(), "b")
			require.NoError(t, err)
			assert.True(t, isAllowed, "another bucket")
			assert.Eventually(t, func() bool {
				isAllowed, err := take(t.Context(), "a")
				return err == nil && isAllowed
			}, 20*time.Second, 100*time.Millisecond, "it refills")
		})
	}
}

// No bucket is left behind.
func TestBucketsAreRemoved(t *testing.T) {
	url := services.Redis(t)
	client := newClient(t, url)
	prefix := "bench-" + strings.ToLower(rand.Text()) + ":"
	require.NoError(t, client.Set(t.Context(), "rate:"+prefix+"a", 1, time.Minute).Err())
	removeBuckets(t, url, prefix)
	assert.ErrorIs(t, client.Get(t.Context(), "rate:"+prefix+"a").Err(), redis.Nil)
}
