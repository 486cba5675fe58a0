package bearerredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lane is a queue of asks. One flight at a time takes what has queued up to
// Redis, all in one round trip: so asks for one bucket, which are in one lane,
// stay in order, and the more come at once, the more share a round trip. A lane
// has a goroutine as long as it has asks.
type lane struct {
	mu     sync.Mutex
	queue  []*ask
	flying bool // there is a goroutine
}

// A flight is a call of Redis, of several commands in a cluster. What does not
// come back in time is given up: then the client may still wait for the answer,
// but no one else does, and the lane goes on.
type flight struct {
	asks  []*ask
	calls []*call
	done  func(error) // the breaker
	over  atomic.Bool // it came back, or was given up

	first call // the only one, with one server
	room  struct {
		asks  [1]*ask
		calls [1]*call
	}
}

// submit puts asks into the queue. If there is no flight, the caller may be the
// one who flies, which saves the way to another goroutine and back.
func (l *Limiter) submit(n *lane, flies bool, asks ...*ask) {
	n.mu.Lock()
	n.queue = append(n.queue, asks...)
	idle := !n.flying
	n.flying = true
	n.mu.Unlock()
	switch {
	case !idle:
	case !flies:
		go l.fly(n)
	case l.run(n, n.next(l.sharded.Load())) && !n.rest():
		go l.fly(n)
	}
}

// flies reports whether a caller with a context may fly itself. It must be a
// client that comes back in time by itself, and a context that does not end
// before, or only if the HTTP client goes away: no one waits for that answer.
func (l *Limiter) flies(ctx context.Context) bool {
	if !l.punctual || ctx.Done() != nil && l.config.Timeout > longestFlight {
		return false
	}
	end, ok := ctx.Deadline()
	return !ok || time.Until(end) > l.config.Timeout
}

// longestFlight is how long a call may outlast the context of its caller.
const longestFlight = 100 * time.Millisecond

// rest makes the lane idle, if it has no asks.
func (n *lane) rest() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flying = len(n.queue) > 0
	return !n.flying
}

// fly takes asks to Redis until the queue is empty, or a flight was given up.
func (l *Limiter) fly(n *lane) {
	for {
		runtime.Gosched() // those whom the last flight has woken come along
		if !l.run(n, n.next(l.sharded.Load())) || n.rest() {
			return
		}
	}
}

// next returns a flight for what has queued up. A bucket's tag says where it is in
// a cluster: each has a command of its own there.
func (n *lane) next(sharded bool) *flight {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := new(flight)
	f.asks, f.calls = f.room.asks[:0], f.room.calls[:0]
	if size := len(n.queue); size > 1 {
		f.asks = make([]*ask, 0, size)
	}
	var calls map[string]*call
	if sharded {
		calls = make(map[string]*call)
	}
	i := 0
	for copies := 0; i < len(n.queue) && copies < mostCopies; i++ {
		a := n.queue[i]
		if a.gone.Load() {
			continue
		}
		c := f.callOf(a, calls)
		groups := len(c.groups)
		c.add(a)
		copies += a.copies + copiesAKey*len(a.members)*(len(c.groups)-groups)
		f.asks = append(f.asks, a)
	}
	rest := copy(n.queue, n.queue[i:])
	clear(n.queue[rest:])
	n.queue = n.queue[:rest]
	return f
}

// callOf returns the call for an ask, of those by tag if there are any.
func (f *flight) callOf(a *ask, calls map[string]*call) *call {
	switch {
	case calls == nil && len(f.calls) > 0:
		return f.calls[0]
	case calls[a.members[0].tag] != nil:
		return calls[a.members[0].tag]
	}
	c := f.first.begin()
	if calls != nil {
		c = newCall()
		calls[a.members[0].tag] = c
	}
	f.calls = append(f.calls, c)
	return c
}

// run runs a flight. It returns false if the flight was given up: then the lane
// has another goroutine, if it has any.
func (l *Limiter) run(n *lane, f *flight) bool {
	if len(f.asks) == 0 {
		return true // all have gone
	}
	done, err := l.breaker.Allow()
	if err != nil {
		l.land(f, l.cause())
		return true
	}
	f.done = done
	ctx, cancel := context.WithTimeout(context.Background(), l.config.Timeout)
	defer cancel()
	if !l.punctual {
		stop := context.AfterFunc(ctx, func() { l.giveUp(n, f) })
		defer stop()
	}
	asked := time.Now()
	replies, failure := l.trySend(ctx, f.calls)
	told := time.Now()
	if !f.over.CompareAndSwap(false, true) {
		return false
	}
	for i, c := range f.calls {
		if failure != nil {
			c.fail(failure)
		} else {
			c.settle(replies[i].Result())
		}
	}
	failure = l.failureOf(f)
	l.report(f, failure)
	for _, a := range f.asks {
		a.asked, a.told = asked, told
		l.empty.note(a)
	}
	l.land(f, nil)
	l.tellBehind(n, failure)
	return true
}

// tellBehind tells those that wait behind a flight if it took too long.
func (l *Limiter) tellBehind(n *lane, failure error) {
	if !isTimeout(failure) {
		return
	}
	n.mu.Lock()
	behind := n.clear()
	n.mu.Unlock()
	l.land(behind, errTimeout)
}

// isTimeout reports whether Redis was too slow.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// clear takes all from the queue, with the lock held.
func (n *lane) clear() *flight {
	all := &flight{asks: n.queue}
	n.queue = nil
	return all
}

// giveUp ends a flight that takes too long, and tells those that wait behind it:
// Redis is slow for them, too.
func (l *Limiter) giveUp(n *lane, f *flight) {
	if !f.over.CompareAndSwap(false, true) {
		return
	}
	n.mu.Lock()
	behind := n.clear()
	n.flying = false
	n.mu.Unlock()
	l.report(f, errTimeout)
	l.land(f, errTimeout)
	l.land(behind, errTimeout)
}

// land hands the answers to the callers, or an error that all get.
func (l *Limiter) land(f *flight, err error) {
	for _, a := range f.asks {
		if err != nil {
			a.err = err
		}
		if a.settled != nil {
			a.settled(a)
		}
	}
	for _, a := range f.asks {
		a.done <- struct{}{}
	}
}

// trySend is send for clients with hooks of the user's. One that panics makes the
// flight fail: else its lane would stand still, or the program would end.
func (l *Limiter) trySend(ctx context.Context, calls []*call) (commands []command, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the client panicked: %v", cause)
		}
	}()
	return l.send(ctx, calls), nil
}

// send sends commands. It sends one again only if Redis says that it does not know
// the script, and so that nothing was taken.
func (l *Limiter) send(ctx context.Context, calls []*call) []command {
	commands := make([]command, len(calls))
	for i, c := range calls {
		commands[i] = c.command(ctx, "evalsha", scriptName)
	}
	if l.process(ctx, commands) == nil {
		return commands
	}
	var again []command
	for i, c := range calls {
		if redis.HasErrorPrefix(commands[i].Err(), "NOSCRIPT") {
			commands[i] = c.command(ctx, "eval", script)
			again = append(again, commands[i])
		}
	}
	if again != nil {
		_ = l.process(ctx, again)
	}
	return commands
}

// process runs commands in one round trip to each node that has one of them.
func (l *Limiter) process(ctx context.Context, commands []command) error {
	if len(commands) == 1 {
		return l.client.Process(ctx, commands[0])
	}
	pipe := l.client.Pipeline()
	for _, c := range commands {
		_ = pipe.Process(ctx, c) // it only queues
	}
	_, err := pipe.Exec(ctx)
	return err
}
