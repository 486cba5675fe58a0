package bearerredis

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lane is a queue of asks. One flight at a time takes what has queued up to
// Redis, all in one round trip: so asks for one bucket, which are in one lane, stay
// in order, and the more come at once, the more share a round trip. A lane has a
// goroutine as long as it has asks.
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
	told  func(error) // the breaker
	over  atomic.Bool // it came back, or was given up
}

// submit puts asks into the queue.
func (l *Limiter) submit(n *lane, asks ...*ask) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queue = append(n.queue, asks...)
	if !n.flying {
		n.flying = true
		go l.fly(n)
	}
}

// fly takes asks to Redis until the queue is empty, or a flight was given up.
func (l *Limiter) fly(n *lane) {
	for {
		runtime.Gosched() // those whom the last flight has woken come along
		f := n.next(l.sharded.Load())
		if f == nil || !l.run(n, f) {
			return
		}
	}
}

// next returns a flight for what has queued up, or nil if nothing has: then the
// goroutine ends. A bucket's tag says where it is in a cluster: each has a command
// of its own there.
func (n *lane) next(sharded bool) *flight {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, calls, groups := new(flight), map[string]*call{}, 0
	i := 0
	for ; i < len(n.queue) && groups < maxGroups; i++ {
		a := n.queue[i]
		if a.gone.Load() {
			continue
		}
		tag := ""
		if sharded {
			tag = a.members[0].tag
		}
		c := calls[tag]
		if c == nil {
			c = newCall()
			calls[tag] = c
			f.calls = append(f.calls, c)
		}
		groups -= len(c.groups)
		c.add(a)
		groups += len(c.groups)
		f.asks = append(f.asks, a)
	}
	rest := copy(n.queue, n.queue[i:])
	clear(n.queue[rest:])
	n.queue = n.queue[:rest]
	if len(f.asks) == 0 {
		n.flying = false
		return nil
	}
	return f
}

// run runs a flight. It returns false if the flight was given up: then the lane
// has another goroutine, if it has any.
func (l *Limiter) run(n *lane, f *flight) bool {
	told, err := l.breaker.Allow()
	if err != nil {
		l.land(f, l.cause())
		return true
	}
	f.told = told
	ctx, cancel := context.WithTimeout(context.Background(), l.config.Timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.giveUp(n, f) })
	sent := time.Now()
	replies := l.send(ctx, f.calls)
	stop()
	if !f.over.CompareAndSwap(false, true) {
		return false
	}
	for i, c := range f.calls {
		c.settle(replies[i].Result())
	}
	l.report(f, l.failureOf(f))
	l.empty.note(f.asks, sent)
	l.land(f, nil)
	return true
}

// giveUp ends a flight that takes too long, and tells those that wait behind it:
// Redis is slow for them, too.
func (l *Limiter) giveUp(n *lane, f *flight) {
	if !f.over.CompareAndSwap(false, true) {
		return
	}
	n.mu.Lock()
	behind := &flight{asks: n.queue}
	n.queue, n.flying = nil, false
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
