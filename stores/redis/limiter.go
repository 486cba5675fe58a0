package bearerredis

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

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

	// punctual says that the client ends each call itself when it is to end. Others
	// may wait as long as their own settings say, whatever the context says.
	punctual bool

	lanes  [lanes]lane
	asks   sync.Pool // of asks
	prices prices
	empty  *empties
	leases *leases // nil: none

	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	// failures is how many flights have failed since the last that did not.
	failures atomic.Int32
	state    atomic.Int32
	probing  atomic.Bool
	probes   atomic.Uint64
	events   events
	local    bearer.Buckets
}

// lanes and lanesOfOne are how many flights there may be at a time in a cluster,
// and with one server.
const (
	lanes      = 16
	lanesOfOne = 2
)

// NewLimiter returns a limiter over a client, which it does not close. It does not
// connect. It returns an error if the config cannot be right.
//
// A [redis.Client] is of one server. Where a proxy spreads keys over several, use
// the client of a cluster, or one of an own type: whatever is no [redis.Client]
// gets commands for one ID each.
//
// The client should have ContextTimeoutEnabled, or a ReadTimeout and WriteTimeout
// of no more than [LimiterConfig.Timeout]. Then callers send their takes
// themselves, and a call that is given up keeps no connection. Otherwise each call
// needs a goroutine, which may wait for its answer as long as the client does.
func NewLimiter(client redis.UniversalClient, config LimiterConfig) (*Limiter, error) {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("bearerredis: config: the client is nil")
	}
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("bearerredis: config: %w", err)
	}
	l := &Limiter{client: client, config: config, seed: maphash.MakeSeed(), empty: new(empties)}
	if c, ok := client.(*redis.Client); ok {
		l.punctual = isPunctual(c.Options(), config.Timeout)
	} else {
		l.sharded.Store(true) // a type of the user's own may hide a Ring
	}
	if config.Lease > 1 {
		l.leases = new(leases)
	}
	l.breaker = l.newBreaker()
	return l, nil
}

// isPunctual reports whether a client waits no longer than a timeout. Its
// WithTimeout would make it so, but loses the hooks of its user. Functions of the
// user's may take as long as they like.
func isPunctual(o *redis.Options, timeout time.Duration) bool {
	if o.CredentialsProvider != nil || o.CredentialsProviderContext != nil || o.StreamingCredentialsProvider != nil ||
		o.OnConnect != nil || o.Limiter != nil {
		return false
	}
	return o.ContextTimeoutEnabled ||
		o.ReadTimeout > 0 && o.ReadTimeout <= timeout && o.WriteTimeout > 0 && o.WriteTimeout <= timeout
}

var errNegative = errors.New("bearerredis: negative number of tokens")

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
	now := time.Now()
	leased, old := l.leases.of(&m, l.config.Lease, now), false
	if leased != nil {
		var u bearer.Usage
		var ok bool
		if u, ok, old = leased.take(&m, now, l.config.Lease); ok {
			return u, nil
		}
	}
	if u, ok := l.empty.refusal(&m, now); ok && !old {
		return u, nil
	}
	op := take
	if n == 0 || n > limit.Burst {
		op = look
	}
	a := l.askOf(op, &m)
	switch err := l.askLeased(ctx, a, leased, now); {
	case err == nil:
		u := a.usage()
		l.release(a)
		return u, nil
	case ctx.Err() != nil:
		return bearer.Usage{}, fmt.Errorf("bearerredis: take: %w", err)
	default:
		return l.without(ctx, &m, err)
	}
}

// Return implements [bearer.Returner]. What is returned while Redis is gone is
// lost: the buckets in memory did not have it, most likely.
func (l *Limiter) Return(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) error {
	if n < 0 {
		return errNegative
	}
	m := l.newMember(&b, min(n, limit.Burst), limit)
	if m.isConstant() || n == 0 {
		return nil
	}
	if l.isDown() {
		return l.returnWithout(l.cause())
	}
	err := l.ask(ctx, newAsk(giveBack, []member{m}))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("bearerredis: return: %w", err)
	default:
		return l.returnWithout(err)
	}
}

// State returns whether the limiter has Redis. While it has not, State also finds
// out whether Redis is back, without waiting: so a health check that keeps all
// requests away does not keep the limiter down. Takes do so, too, but nothing
// else: a limiter that is not used stays down, and its first take may be decided
// without a Redis that has long been back.
func (l *Limiter) State() State {
	l.isDown()
	return State(l.state.Load())
}

// ask asks Redis, and waits for the answers. If the asks are of several lanes,
// they go at the same time.
func (l *Limiter) ask(ctx context.Context, asks ...*ask) (failure error) {
	for _, a := range asks {
		a.name(l.config.Prefix)
		l.submit(l.laneOf(&a.members[0]), len(asks) == 1 && l.flies(ctx), a)
	}
	for _, a := range asks {
		if err := a.wait(ctx); failure == nil {
			failure = err
		}
	}
	if a := asks[0]; errors.Is(failure, errSharded) && len(asks) == 1 && len(a.members) == 1 {
		return l.again(ctx, a)
	}
	return failure
}

// again asks for what was in a call with others that no server could answer.
func (l *Limiter) again(ctx context.Context, a *ask) error {
	l.submit(l.laneOf(&a.members[0]), false, a)
	return a.wait(ctx)
}

// askLeased is ask with what a lease brings along, if there is one.
func (l *Limiter) askLeased(ctx context.Context, a *ask, s *lease, now time.Time) error {
	if s == nil {
		return l.ask(ctx, a)
	}
	a.name(l.config.Prefix)
	asks := make([]*ask, 0, 3)
	before, after := s.along(l, &a.members[0], now)
	for _, a := range []*ask{before, a, after} {
		if a != nil {
			asks = append(asks, a)
		}
	}
	l.submit(l.laneOf(&a.members[0]), l.flies(ctx), asks...)
	err := a.wait(ctx)
	if errors.Is(err, errSharded) {
		err = l.again(ctx, a)
	}
	if m := &a.members[0]; err == nil && a.op == look {
		m.missing = s.unspent(m, time.Now()) // what is here is not gone
	}
	return err
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
