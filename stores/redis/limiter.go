package bearerredis

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/blockauth/bearer"
)

// A Limiter is a [bearer.Limiter], a [bearer.Returner] and a
// [bearer.MultiLimiter] whose buckets are in Redis.
type Limiter struct {
	client  redis.UniversalClient
	config  LimiterConfig
	seed    maphash.Seed
	sharded atomic.Bool // buckets with several tags may be on several servers
	lanes   [lanes]lane
	empty   *empties

	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	state   atomic.Int32
	probing atomic.Bool
	probes  atomic.Uint64
	events  events
	local   bearer.Buckets
}

// lanes and lanesOfOne are how many flights there may be at a time in a cluster,
// and with one server.
const (
	lanes      = 16
	lanesOfOne = 2
)

// NewLimiter returns a limiter over a client, which it does not close. It does not
// connect. It returns an error if the config cannot be right.
func NewLimiter(client redis.UniversalClient, config LimiterConfig) (*Limiter, error) {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("bearerredis: config: the client is nil")
	}
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("bearerredis: config: %w", err)
	}
	l := &Limiter{client: client, config: config, seed: maphash.MakeSeed(), empty: new(empties)}
	switch c := client.(type) {
	case *redis.ClusterClient, *redis.Ring:
		l.sharded.Store(true)
	case *redis.Client:
		l.client = c.WithTimeout(config.Timeout) // the pool is the same; else the client would wait on its own
	}
	l.breaker = l.newBreaker()
	return l, nil
}

var (
	errNegative = errors.New("bearerredis: negative number of tokens")
)

// Take implements [bearer.Limiter].
func (l *Limiter) Take(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) (bearer.Usage, error) {
	if n < 0 {
		return bearer.Usage{}, errNegative
	}
	m := l.newMember(&b, n, limit)
	if m.isConstant() {
		return m.constant(), nil
	}
	if err := ctx.Err(); err != nil {
		return bearer.Usage{}, fmt.Errorf("bearerredis: take: %w", err)
	}
	if l.isDown() {
		return l.without(ctx, &m, l.cause())
	}
	if u, ok := l.empty.refusal(&m); ok {
		return u, nil
	}
	op := take
	if n == 0 || n > limit.Burst {
		op = look
	}
	asks, err := l.ask(ctx, op, []member{m})
	switch {
	case err == nil:
		m := &asks[0].members[0]
		return m.usage(n == 0 || asks[0].taken > 0 && op == take, m.missing), nil
	case ctx.Err() != nil:
		return bearer.Usage{}, fmt.Errorf("bearerredis: take: %w", err)
	default:
		return l.without(ctx, &m, err)
	}
}

// Return implements [bearer.Returner]. What is returned while Redis is gone, or
// was taken from Redis and is returned after that, is lost.
func (l *Limiter) Return(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) error {
	if n < 0 {
		return errNegative
	}
	m := l.newMember(&b, min(n, limit.Burst), limit)
	if m.isConstant() || n == 0 {
		return nil
	}
	if l.isDown() {
		return l.returnWithout(ctx, &m, l.cause())
	}
	_, err := l.ask(ctx, giveBack, []member{m})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("bearerredis: return: %w", err)
	default:
		return l.returnWithout(ctx, &m, err)
	}
}

// State returns whether the limiter has Redis. While it has not, State also finds
// out whether Redis is back, without waiting: so a health check that keeps all
// requests away does not keep the limiter down.
func (l *Limiter) State() State {
	l.isDown()
	return State(l.state.Load())
}

// ask asks Redis for each group of members in one step, and waits for the answers.
func (l *Limiter) ask(ctx context.Context, op operation, groups ...[]member) ([]*ask, error) {
	asks := make([]*ask, len(groups))
	for i, members := range groups {
		for j := range members {
			if m := &members[j]; m.name == "" {
				m.name, m.tag = nameOf(l.config.Prefix, &m.bucket)
			}
		}
		asks[i] = newAsk(op, members)
		l.submit(l.laneOf(&members[0]), asks[i])
	}
	var failure error
	for i, a := range asks {
		err := a.wait(ctx)
		if errors.Is(err, errSharded) && len(groups) == 1 && len(groups[0]) == 1 { // it went with others
			asks[i] = newAsk(op, groups[0])
			l.submit(l.laneOf(&groups[0][0]), asks[i])
			err = asks[i].wait(ctx)
		}
		if err != nil && failure == nil {
			failure = err
		}
	}
	return asks, failure
}

// laneOf returns the lane of a bucket. In a cluster, that is the lane of its slot:
// nodes have ranges of slots, so that one which does not answer is in the way of
// few lanes.
func (l *Limiter) laneOf(m *member) *lane {
	if l.sharded.Load() {
		return &l.lanes[slotOf(m.tag)*lanes/slots]
	}
	return &l.lanes[m.hash>>32%lanesOfOne]
}
