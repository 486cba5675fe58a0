package bearerredis_test

import (
	"context"
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
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// newRing returns a client of two servers.
func newRing(t *testing.T) *redis.Ring {
	t.Helper()
	a, b := services.StartRedis(t), services.StartRedis(t)
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": a.Addr(), "b": b.Addr()}})
	t.Cleanup(func() { ring.Close() })
	return ring
}

// A wrapped is a client of the user's own type.
type wrapped struct{ redis.UniversalClient }

// A client whose type tells nothing may have several servers: each bucket has its
// place.
func TestAWrappedRingIsExact(t *testing.T) {
	l := newExact(t, wrapped{newRing(t)})
	var admitted [20]atomic.Int64
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			for i := range 40 {
				k := (g*7 + i) % 20
				if mustTake(t, l, keyBucket("k"+strconv.Itoa(k)), 1, hourly(20)).Allowed {
					admitted[k].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range admitted {
		assert.Equal(t, int64(20), admitted[i].Load())
	}
}

// A canceller cancels before the first take, behind the looks.
type canceller struct {
	wire

	cancel context.CancelFunc
}

func (c *canceller) see(cmd redis.Cmder) {
	args := cmd.Args()
	if micros, ok := args[len(args)-2].(int64); ok && micros != 0 && c.cancel != nil {
		c.cancel()
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *canceller) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.see(cmd)
		return next(ctx, cmd)
	}
}

func (c *canceller) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.see(cmds[0])
		return next(ctx, cmds)
	}
}

// A client that goes away in the middle of a TakeAll has taken nothing.
func TestACancelledTakeAllReturnsWhatItTook(t *testing.T) {
	ring, h := newRing(t), new(canceller)
	ring.AddHook(h)
	l, err := bearerredis.NewLimiter(ring, bearerredis.LimiterConfig{Timeout: patient, Outage: bearerredis.Refuse})
	require.NoError(t, err)
	var takes []bearer.Take
	for i := range 6 {
		takes = append(takes, take(keyBucket(strconv.Itoa(i)), 5, hourly(10)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.cancel = cancel
	_, err = l.TakeAll(ctx, takes)
	assert.ErrorIs(t, err, context.Canceled)
	h.cancel = nil
	for _, x := range takes {
		assert.Equal(t, 10, mustTake(t, l, x.Bucket, 0, x.Limit).Remaining)
	}
}
