package bearerredis

import (
	"math"
	"math/bits"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/gcra"
)

// A price is what tokens cost in a bucket with a limit. It does not change.
type price struct {
	n     int
	limit bearer.Limit

	pace        gcra.Pace
	depth, cost span
	args        [4]any // depth and cost, as the script has them
}

// newPrice returns the price of n tokens.
func newPrice(n int, limit bearer.Limit) *price {
	p := &price{n: n, limit: limit}
	if limit.Rate >= rate.Inf {
		return p
	}
	p.pace = gcra.PaceOf(float64(limit.Rate), limit.Burst)
	p.depth = depthOf(&p.pace)
	if n <= limit.Burst {
		p.cost = costOf(&p.pace, n)
	}
	return p.render()
}

// costing returns the price with another cost.
func (p *price) costing(cost span) *price {
	other := *p
	other.cost = cost
	return other.render()
}

// render writes the arguments, and returns the price.
func (p *price) render() *price {
	p.args = [4]any{p.depth.micros, p.depth.rest, p.cost.micros, p.cost.rest}
	return p
}

// prices remembers what was asked for last: applications have few limits. Each
// price has one place, by a hash, which it may lose to another.
type prices [1 << priceBits]atomic.Pointer[price]

const priceBits = 8

// of returns the price of n tokens.
func (s *prices) of(n int, limit bearer.Limit) *price {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	hash := math.Float64bits(float64(limit.Rate))*odd ^ bits.RotateLeft64(uint64(limit.Burst), 32) ^ uint64(n)
	place := &s[hash*odd>>(64-priceBits)]
	if known := place.Load(); known != nil && known.n == n && known.limit == limit {
		return known
	}
	p := newPrice(n, limit)
	place.Store(p)
	return p
}
