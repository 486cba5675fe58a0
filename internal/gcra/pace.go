package gcra

import (
	"math"
	"math/bits"
	"time"
)

// nanosecond is a nanosecond in units. The fraction tells arrivals apart that are
// less than a nanosecond from each other, as those of a million tokens a second
// are after many takes.
const nanosecond = 16

// These leave room for sums of times in an int64, which reaches 18 years.
const (
	year = 365 * 24 * time.Hour

	// horizon is how far from its base an epoch counts.
	horizon = 2 * year

	// maxDepth is the longest that a bucket may take to fill, in units.
	maxDepth = int64(12*year) * nanosecond
)

// A pace is a limit in units of time. The zero value is that of a bucket which
// holds nothing.
//
// At 100 tokens a second, a token takes 160,000,000 units, and a burst of 100
// takes 16,000,000,000. At 7 tokens a second, a token takes 2,285,714,285.71…
// units. The interval keeps 62 significant bits of that: it is the number of
// units times 2^30, and shift is 30.
type pace struct {
	interval uint64 // what one token takes to flow in, in units of 2^-shift
	shift    uint   // 0 if the interval is whole units
	depth    int64  // what the burst takes, in whole units
}

// mostPerUnit is the largest burst that is paced as whole tokens whatever the
// rate: at one unit for each token, it flows in within a millisecond.
const mostPerUnit = 1 << 24

// newPace returns the pace of a limit. Two kinds of limits are not kept to the
// letter. A bucket that would take longer than maxDepth to fill is made faster, so
// that its burst stays exact. And above 16e9 tokens a second, a token takes less
// than a unit: a burst of up to mostPerUnit gets a unit for each token, and stays
// exact; a larger one flows in at its rate, but what a take costs is rounded up to
// whole units. At 1e12 a second, a token takes 0.016 units. To take one from a
// burst of 1e12 costs a unit, which is 62.5 tokens; to take all at once costs the
// second that it should.
func newPace(rate float64, burst int) pace {
	if burst < 1 || !(rate >= 0) { // NaN too
		return pace{}
	}
	tokens := int64(burst)
	units := float64(time.Second) * nanosecond / math.Abs(rate) // Abs: -0 would give -Inf
	if tokens <= mostPerUnit {
		units = max(units, 1)
	}
	whole := math.RoundToEven(units) // one instruction, which Round is not
	switch {
	case !(units*float64(tokens) <= float64(maxDepth)) && tokens <= maxDepth: // +Inf too
		interval := maxDepth / tokens
		return pace{interval: uint64(interval), depth: interval * tokens}
	case !(units*float64(tokens) <= float64(maxDepth)):
		units = float64(maxDepth) / float64(tokens)
	case math.Abs(units-whole) <= units*1e-14: // at 125 a minute, floats make 7679999999.999999 of 7,680,000,000
		return pace{interval: uint64(whole), depth: int64(whole) * tokens}
	}
	p := pace{shift: 62 - uint(bits.Len64(uint64(units)))}
	p.interval = uint64(math.Ceil(math.Ldexp(units, int(p.shift))))
	p.depth = p.ceil(bits.Mul64(p.interval, uint64(tokens)))
	return p
}

// cost returns how many units later an arrival is after n tokens.
func (p *pace) cost(arrival int64, n int) int64 {
	if p.shift == 0 {
		return int64(n) * int64(p.interval)
	}
	hi, lo := bits.Mul64(p.interval, uint64(n))
	lo, borrow := bits.Sub64(lo, p.excess(arrival), 0)
	return p.ceil(hi-borrow, lo)
}

// refund returns how many units earlier an arrival is if n tokens come back: as
// many as they cost, if they were taken from the exact arrival.
func (p *pace) refund(arrival int64, n int) int64 {
	if p.shift == 0 {
		return int64(n) * int64(p.interval)
	}
	hi, lo := bits.Mul64(p.interval, uint64(n))
	lo, carry := bits.Add64(lo, p.excess(arrival), 0)
	return int64((hi+carry)<<(64-p.shift) | lo>>p.shift)
}

// tokens returns how many whole tokens a bucket of the burst holds whose arrival
// is left units before the latest that it may be.
func (p *pace) tokens(arrival, left int64, burst int) int {
	if p.shift == 0 {
		return int(left / int64(p.interval))
	}
	lo, carry := bits.Add64(uint64(left)<<p.shift, p.excess(arrival), 0)
	n, _ := bits.Div64(uint64(left)>>(64-p.shift)+carry, lo, p.interval)
	return int(min(n, uint64(burst))) // the depth is rounded up, to several tokens if they are small
}

// excess returns by how much an arrival, which is in whole units, is later than
// the exact arrival that it stands for. The result is in units of 2^-shift.
//
// If each arrival were rounded up and the rest forgotten, each token would cost
// up to a unit too much: at 999,999 a second, 61 µs are lost in each second, and
// 61 tokens with them. But nothing is forgotten. Say that a token takes 2.4
// units. Three takes from an arrival of 0 lead to the exact arrivals 2.4, 4.8
// and 7.2, which are stored as 3, 5 and 8. Exact arrivals are whole multiples of
// the interval, here 2.4; what is stored is less than a unit above one. So the
// excess is the remainder of what is stored: 3 mod 2.4 = 0.6, 5 mod 2.4 = 0.2,
// 8 mod 2.4 = 0.8. The second take costs 2.4 - 0.6 = 1.8, rounded up to 2.
//
// A full bucket begins at the present time, which is no multiple of the
// interval. Only the fraction of the remainder is used, so that this matters
// little: what a bucket is off by at its beginning is less than two units, and
// does not add up.
func (p *pace) excess(arrival int64) uint64 {
	rest := bits.Rem64(uint64(arrival)>>(64-p.shift), uint64(arrival)<<p.shift, p.interval)
	return rest & (1<<p.shift - 1)
}

// ceil turns units of 2^-shift, a number of 128 bits, into whole units.
func (p *pace) ceil(hi, lo uint64) int64 {
	lo, carry := bits.Add64(lo, 1<<p.shift-1, 0)
	return int64((hi+carry)<<(64-p.shift) | lo>>p.shift)
}
