package bearerredis

import (
	"context"
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
	"github.com/blockauth/bearer/internal/services"
)

// patient is a timeout that no busy machine exceeds.
const patient = 10 * time.Second

// A hook replaces calls of Redis.
type hook func() error

func (hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h hook) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		err := h()
		cmd.SetErr(err)
		return err
	}
}

func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// newHooked returns a limiter with a hook. Its callers fly themselves, or not.
func newHooked(t *testing.T, flies bool, h hook) *Limiter {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: flies})
	t.Cleanup(func() { client.Close() })
	client.AddHook(h)
	l, err := NewLimiter(client, LimiterConfig{Timeout: patient, Outage: Refuse})
	require.NoError(t, err)
	return l
}

// hourly is a limit of which no token flows in during a test.
func hourly(burst int) bearer.Limit { return bearer.Limit{Rate: 1.0 / 3600, Burst: burst} }

func keyBucket(id string) bearer.Bucket {
	return bearer.Bucket{Policy: "default", Class: "key", ID: id}
}

// A hook that panics makes calls fail, and nothing more: also those that find out
// whether Redis is back.
func TestAPanicOfAHookIsAFailureOfRedis(t *testing.T) {
	for _, flies := range []bool{false, true} {
		var called atomic.Int64
		l := newHooked(t, flies, func() error { called.Add(1); panic("boom") })
		for range mostFailures {
			_, err := l.Take(context.Background(), keyBucket("1"), 1, hourly(1))
			assert.EqualError(t, err, "bearerredis: take: the client panicked: boom")
		}
		assert.Eventually(t, func() bool { return l.State() == Down && called.Load() >= mostFailures+2 }, patient, 10*time.Millisecond)
	}
}

// What waits behind a flight that took too long is told that Redis is slow, and
// does not wait for flights of its own.
func TestASlowFlightTellsThoseBehind(t *testing.T) {
	const callers = 400 // which are several flights
	var called atomic.Int64
	slow := make(chan struct{})
	l := newHooked(t, true, func() error { called.Add(1); <-slow; return context.DeadlineExceeded })
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			_, err := l.Take(context.Background(), keyBucket(strconv.Itoa(i)), 1, hourly(1))
			assert.Error(t, err)
		})
	}
	assert.Eventually(t, func() bool { return waiting(l) == callers-int(called.Load()) }, patient, time.Millisecond)
	close(slow)
	all.Wait()
	assert.LessOrEqual(t, called.Load(), int64(lanesOfOne))
}

// waiting returns how many asks have queued up.
func waiting(l *Limiter) (n int) {
	for i := range l.lanes {
		l.lanes[i].mu.Lock()
		n += len(l.lanes[i].queue)
		l.lanes[i].mu.Unlock()
	}
	return n
}

// One flight does not take more to Redis than that can do in a moment.
func TestAFlightIsBounded(t *testing.T) {
	l := newHooked(t, false, nil)
	many := func(members, copies, asks int) (queue []*ask) {
		for i := range asks {
			var all []member
			for k := range members {
				b := keyBucket(strconv.Itoa(i) + "." + strconv.Itoa(k))
				all = append(all, l.newMember(&b, 1, hourly(1)))
			}
			a := newAsk(take, all)
			a.copies = copies
			a.name("")
			queue = append(queue, a)
		}
		return queue
	}
	for _, tt := range []struct {
		name                        string
		members, copies, asks, want int
	}{
		{"keys", 1, 1, 400, 125},
		{"takes of many buckets", 1000, 1, 5, 1},
		{"leases", 1, 8192, 5, 1},
		{"small leases", 1, 32, 100, 64},
	} {
		n := &lane{queue: many(tt.members, tt.copies, tt.asks)}
		assert.Len(t, n.next(false).asks, tt.want, tt.name)
		assert.Len(t, n.queue, tt.asks-tt.want, tt.name)
	}
}

// What is left of an old lease goes back, also to a bucket that is known to be
// empty, and to one whose limit has changed since.
func TestOldLeasesGoBackToEmptyBuckets(t *testing.T) {
	options, err := redis.ParseURL(services.Redis(t))
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	for _, tt := range []struct {
		name  string
		limit bearer.Limit
		want  int
	}{
		{"the same limit", hourly(100), 4},
		{"a larger limit", bearer.Limit{Rate: 2.0 / 3600, Burst: 200}, 9}, // two tokens an hour
	} {
		l, err := NewLimiter(client, LimiterConfig{Prefix: "test-" + strconv.FormatInt(time.Now().UnixNano(), 36), Timeout: patient, Lease: 10})
		require.NoError(t, err)
		b := keyBucket("1")
		for _, n := range []int{100, 1} { // without leases
			_, err = l.TakeAll(t.Context(), []bearer.Take{{Bucket: b, N: n, Limit: hourly(100)}})
			require.NoError(t, err)
		}
		m := l.newMember(&b, 1, hourly(100))
		s := l.leases.of(&m, 10, time.Now())
		require.NotNil(t, s)
		s.limit, s.cost, s.left, s.at, s.missing = m.limit, m.cost, 5, time.Now().Add(-2*leaseTime), m.depth
		u, err := l.Take(t.Context(), b, 1, tt.limit)
		require.NoError(t, err)
		assert.True(t, u.Allowed, tt.name)
		assert.Equal(t, tt.want, u.Remaining, tt.name)
		require.NoError(t, client.Del(t.Context(), l.config.Prefix+"default:key:{1}").Err())
	}
}
