package bearertest

import (
	"context"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// A gate is a limiter at which the requests of several callers meet: each waits
// until all are there, when the adapter has begun with each of them. Then they
// go on one by one, each when those before it are answered. An adapter that
// keeps something of a request where others find it mixes them up then, and
// always in the same way. No request waits for long.
type gate struct {
	bearer.Limiter
	callers int

	mu       sync.Mutex
	open     bool // nobody waits any more
	arrived  int
	answered int
}

// Take implements [bearer.Limiter].
func (g *gate) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	if v := visitOf(ctx); v != nil && v.met.CompareAndSwap(false, true) {
		g.mu.Lock()
		turn := g.arrived
		g.arrived++
		g.mu.Unlock()
		g.await(func() bool { return g.arrived >= g.callers })
		g.await(func() bool { return g.answered >= turn })
	}
	return g.Limiter.Take(ctx, b, n, l)
}

// await waits until something is so, but not for long, and after that never
// again: an adapter that lets in one request at a time is slow, not wrong.
func (g *gate) await(so func() bool) {
	for start := time.Now(); time.Since(start) < time.Second; time.Sleep(time.Millisecond) {
		g.mu.Lock()
		done := g.open || so()
		g.mu.Unlock()
		if done {
			return
		}
	}
	g.free()
}

// finish says that a request was answered.
func (g *gate) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered++
}

// reset prepares for another round.
func (g *gate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived, g.answered = 0, 0
}

// free opens the gate for good.
func (g *gate) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
