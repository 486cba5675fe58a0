package bearerredis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/blockauth/bearer"
)

// The breaker opens after so many failures one after the other, however long they
// take, or if half of the calls of the last two seconds failed and they were this
// many. A tenth of all calls may fail for hours without eight in a row.
const (
	mostFailures = 8
	fewCalls     = 20
	window       = 2 * time.Second
	windowParts  = 10
	retryAfter   = 500 * time.Millisecond // from one attempt to reach Redis to the next
)

var (
	errTimeout = errors.New("no answer from Redis in time")
	errSharded = errors.New("the client has several servers")
)

func (l *Limiter) newBreaker() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:     window,
		BucketPeriod: window / windowParts,
		Timeout:      retryAfter,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return l.failures.Load() >= mostFailures || c.Requests >= fewCalls && c.TotalFailures*2 >= c.Requests
		},
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch {
			case from == gobreaker.StateClosed:
				l.change(Down)
			case to == gobreaker.StateClosed:
				l.change(Up)
			}
		},
	})
}

// failureOf returns the error of a flight of which no command succeeded. It also
// finds out that a client has several servers though its type does not tell.
func (l *Limiter) failureOf(f *flight) (failure error) {
	for _, c := range f.calls {
		switch {
		case c.err == nil:
			return nil
		case redis.HasErrorPrefix(c.err, "CROSSSLOT"):
			l.sharded.Store(true)
			c.fail(errSharded)
			return nil
		}
		failure = c.err
	}
	return failure
}

// report tells the breaker how a flight ended. The breaker's own count of failures
// one after the other forgets those older than its window, and so would never open
// if there are few calls.
func (l *Limiter) report(f *flight, failure error) {
	if failure == nil {
		l.failures.Store(0)
	} else {
		l.failures.Add(1)
		l.events.cause.Store(&failure)
	}
	f.done(failure)
}

// isDown reports whether Redis is not to be asked. If it is time to find out
// whether Redis is back, it sends a take of its own for that, and does not wait.
func (l *Limiter) isDown() bool {
	if State(l.state.Load()) == Up {
		return false
	}
	if l.breaker.State() == gobreaker.StateHalfOpen && l.probing.CompareAndSwap(false, true) {
		l.probe()
	}
	return true
}

// probe takes from a bucket that is no one else's. It has one of several names, so
// that in a cluster it is not always the same node that is asked.
func (l *Limiter) probe() {
	n := l.probes.Add(1) % lanes
	b := bearer.Bucket{Class: "probe", ID: strconv.FormatUint(n, 10)}
	m := l.newMember(&b, 1, bearer.PerSecond(1000))
	m.name, m.tag = nameOf(l.config.Prefix, &b)
	a := newAsk(take, []member{m})
	a.settled = func(*ask) { l.probing.Store(false) }
	l.submit(l.laneOf(&m), false, a)
}

// without decides a take without Redis.
func (l *Limiter) without(ctx context.Context, m *member, cause error) (bearer.Usage, error) {
	switch l.config.Outage {
	case Refuse:
		return bearer.Usage{}, fmt.Errorf("bearerredis: take: %w", cause)
	case Admit:
		return m.usage(m.n <= m.limit.Burst, span{}), nil
	case Local:
	}
	return l.takeHere(ctx, m)
}

// returnWithout gives tokens back without Redis. They were taken from Redis, most
// likely: so the buckets in memory do not get them.
func (l *Limiter) returnWithout(cause error) error {
	if l.config.Outage == Refuse {
		return fmt.Errorf("bearerredis: return: %w", cause)
	}
	return nil
}

// cause returns why Redis is not asked.
func (l *Limiter) cause() error {
	if cause := l.events.cause.Load(); cause != nil {
		return *cause
	}
	return errTimeout
}

// events are the changes of state that OnState is not told of yet. The breaker
// changes its state with a lock held: so they are told by a goroutine, which ends
// after the last.
type events struct {
	cause atomic.Pointer[error] // of the last failure

	mu      sync.Mutex
	waiting []event
	telling bool
}

type event struct {
	state State
	cause error
}

// change notes a change of state.
func (l *Limiter) change(s State) {
	l.state.Store(int32(s))
	if l.config.OnState == nil {
		return
	}
	e := event{state: s}
	if cause := l.events.cause.Load(); s == Down && cause != nil {
		e.cause = fmt.Errorf("bearerredis: take: %w", *cause)
	}
	l.events.mu.Lock()
	defer l.events.mu.Unlock()
	l.events.waiting = append(l.events.waiting, e)
	if !l.events.telling {
		l.events.telling = true
		go l.tellAll()
	}
}

func (l *Limiter) tellAll() {
	for {
		l.events.mu.Lock()
		if len(l.events.waiting) == 0 {
			l.events.telling = false
			l.events.mu.Unlock()
			return
		}
		e := l.events.waiting[0]
		l.events.waiting = l.events.waiting[1:]
		l.events.mu.Unlock()
		l.tell(e)
	}
}

// tell calls OnState. A panic in there must not end the program: no one could
// recover it.
func (l *Limiter) tell(e event) {
	defer func() { _ = recover() }()
	l.config.OnState(e.state, e.cause)
}
