package bearerredis_test

import (
	"context"
	"errors"
	"net"
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

// A wire is the way to the Redis of the tests, which can be cut.
type wire struct{ cut atomic.Bool }

var errCut = errors.New("the wire is cut")

func (w *wire) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (w *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if w.cut.Load() {
			cmd.SetErr(errCut)
			return errCut
		}
		return next(ctx, cmd)
	}
}

func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// changes records the changes of state.
type changes struct {
	mu  sync.Mutex
	all []bearerredis.State
	err error
}

func (c *changes) add(s bearerredis.State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
	if err != nil {
		c.err = err
	}
}

func (c *changes) get() []bearerredis.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]bearerredis.State(nil), c.all...)
}

func newCut(t *testing.T, config bearerredis.LimiterConfig) (*bearerredis.Limiter, *wire, *changes) {
	t.Helper()
	client, w, c := newClient(t), new(wire), new(changes)
	config.Prefix, config.Timeout, config.OnState = newPrefix(t, client), patient, c.add
	client.AddHook(w)
	l, err := bearerredis.NewLimiter(client, config)
	require.NoError(t, err)
	return l, w, c
}

// While Redis is gone, Outage decides, from the first call that fails on; the
// changes are told once; and Redis is used again when it is back.
func TestOutage(t *testing.T) {
	for _, tt := range []struct {
		outage  bearerredis.Outage
		allowed int // of 40 takes
		failed  int
	}{
		{bearerredis.Local, 5, 0},
		{bearerredis.Refuse, 0, 40},
		{bearerredis.Admit, 40, 0},
	} {
		l, w, c := newCut(t, bearerredis.LimiterConfig{Outage: tt.outage, Replicas: 4})
		b, limit := keyBucket("1"), hourly(20)
		mustTake(t, l, b, 1, limit)
		assert.Equal(t, bearerredis.Up, l.State())

		w.cut.Store(true)
		allowed, failed := 0, 0
		for range 40 {
			u, err := l.Take(t.Context(), b, 1, limit)
			if err != nil {
				failed++
				assert.ErrorIs(t, err, errCut)
				assert.ErrorContains(t, err, "bearerredis: take: ")
				continue
			}
			assert.Equal(t, limit, u.Limit)
			if u.Allowed {
				allowed++
			}
		}
		assert.Equal(t, tt.allowed, allowed, tt.outage)
		assert.Equal(t, tt.failed, failed, tt.outage)
		assert.Equal(t, bearerredis.Down, l.State())

		w.cut.Store(false)
		assert.Eventually(t, func() bool { return l.State() == bearerredis.Up }, patient, 10*time.Millisecond)
		assert.Eventually(t, func() bool { return len(c.get()) == 2 }, patient, time.Millisecond)
		assert.Equal(t, []bearerredis.State{bearerredis.Down, bearerredis.Up}, c.get())
		assert.ErrorIs(t, c.err, errCut)
		assert.Equal(t, 19, mustTake(t, l, b, 0, limit).Remaining, "what Redis has")
	}
}

// What Outage does with several buckets, looks and returns.
func TestOutageOfOthers(t *testing.T) {
	takes := []bearer.Take{take(keyBucket("1"), 1, hourly(20)), take(keyBucket("2"), 2, hourly(8))}
	l, w, _ := newCut(t, bearerredis.LimiterConfig{Replicas: 4})
	w.cut.Store(true)
	for _, want := range [][]bool{{true, true}, {true, false}, {true, false}} {
		usages, err := l.TakeAll(t.Context(), takes)
		require.NoError(t, err)
		assert.Equal(t, want, allowedOf(usages))
	}
	assert.Equal(t, 4, mustTake(t, l, takes[0].Bucket, 0, takes[0].Limit).Remaining, "of a part of 5")
	require.NoError(t, l.Return(t.Context(), takes[0].Bucket, 1, takes[0].Limit))
	assert.Equal(t, 4, mustTake(t, l, takes[0].Bucket, 0, takes[0].Limit).Remaining, "it may be of Redis")
	assert.Equal(t, time.Duration(-1), mustTake(t, l, takes[0].Bucket, 21, takes[0].Limit).Wait)
	assert.True(t, mustTake(t, l, takes[0].Bucket, 1, bearer.Unlimited).Allowed)

	l, w, _ = newCut(t, bearerredis.LimiterConfig{Outage: bearerredis.Refuse})
	w.cut.Store(true)
	_, err := l.TakeAll(t.Context(), takes)
	assert.ErrorIs(t, err, errCut)
	assert.ErrorIs(t, l.Return(t.Context(), keyBucket("1"), 1, hourly(20)), errCut)

	l, w, _ = newCut(t, bearerredis.LimiterConfig{Outage: bearerredis.Admit})
	w.cut.Store(true)
	usages, err := l.TakeAll(t.Context(), takes)
	require.NoError(t, err)
	assert.Equal(t, []bool{true, true}, allowedOf(usages))
	assert.NoError(t, l.Return(t.Context(), keyBucket("1"), 1, hourly(20)))
	assert.False(t, mustTake(t, l, keyBucket("1"), 21, hourly(20)).Allowed)
}

// A panic of OnState loses that call alone.
func TestOnStatePanics(t *testing.T) {
	client, w := newClient(t), new(wire)
	client.AddHook(w)
	var called atomic.Int64
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{
		Prefix: newPrefix(t, client), Timeout: patient,
		OnState: func(bearerredis.State, error) { called.Add(1); panic("boom") },
	})
	require.NoError(t, err)
	w.cut.Store(true)
	for range 10 {
		mustTake(t, l, keyBucket("1"), 1, hourly(20))
	}
	w.cut.Store(false)
	assert.Eventually(t, func() bool { return l.State() == bearerredis.Up && called.Load() == 2 }, patient, 10*time.Millisecond)
}

// A context that is done takes nothing, and is no failure of Redis.
func TestContexts(t *testing.T) {
	l, _ := newLimiter(t, bearerredis.LimiterConfig{Outage: bearerredis.Refuse})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		_, err := l.Take(ctx, keyBucket("1"), 1, hourly(2))
		assert.ErrorIs(t, err, context.Canceled)
		_, err = l.TakeAll(ctx, []bearer.Take{take(keyBucket("1"), 1, hourly(2))})
		assert.ErrorIs(t, err, context.Canceled)
	}
	assert.Equal(t, bearerredis.Up, l.State())
	assert.Equal(t, 2, mustTake(t, l, keyBucket("1"), 0, hourly(2)).Remaining)
}

func TestNewLimiter(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // to which it does not connect
	defer client.Close()
	for _, tt := range []struct {
		name   string
		client redis.UniversalClient
		config bearerredis.LimiterConfig
		want   string
	}{
		{"the zero config", client, bearerredis.LimiterConfig{}, ""},
		{"negative times", client, bearerredis.LimiterConfig{Timeout: -1, Replicas: -1}, ""},
		{"no client", nil, bearerredis.LimiterConfig{}, "the client is nil"},
		{"a nil client", (*redis.Client)(nil), bearerredis.LimiterConfig{}, "the client is nil"},
		{"a nil cluster", (*redis.ClusterClient)(nil), bearerredis.LimiterConfig{}, "the client is nil"},
		{"a negative lease", client, bearerredis.LimiterConfig{Lease: -1}, "a lease of -1"},
		{"a huge lease", client, bearerredis.LimiterConfig{Lease: 1 << 20}, "a lease of 1048576"},
		{"no such outage", client, bearerredis.LimiterConfig{Outage: 3}, "no outage mode 3"},
		{"a negative outage", client, bearerredis.LimiterConfig{Outage: -1}, "no outage mode -1"},
		{"a brace", client, bearerredis.LimiterConfig{Prefix: "{x}:"}, "brace"},
	} {
		l, err := bearerredis.NewLimiter(tt.client, tt.config)
		if tt.want == "" {
			assert.NoError(t, err, tt.name)
			assert.Equal(t, bearerredis.Up, l.State(), tt.name)
			continue
		}
		assert.ErrorContains(t, err, "bearerredis: config: ", tt.name)
		assert.ErrorContains(t, err, tt.want, tt.name)
	}
	assert.Equal(t, "up", bearerredis.Up.String())
	assert.Equal(t, "down", bearerredis.Down.String())
	assert.Equal(t, "State(7)", bearerredis.State(7).String())
}
