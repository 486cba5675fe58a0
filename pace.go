package bearer

import (
	"math"
	"math/bits"
	"time"
)

// tick is how many units a nanosecond of a bucket's time has. The fraction
// tells apart what a nanosecond would not, at a million a second.
const tick = 16

// A time is an int64 of units: it reaches 18 years. These three leave room for
// the sums of times.
const (
	year = 365 * 24 * time.Hour

	// horizon is how far from its base an age counts. Beyond it, the buckets
	// move to an age with another base.
	horizon = 2 * year

	// maxDepth is the longest that a bucket may take to fill, in units.
	maxDepth = int64(12*year) * tick
)

// A pace is a Limit in units of time. The zero value is that of a bucket which
// holds nothing.
type pace struct {
	interval uint64 // what one token takes to flow in, in units of 2^-shift
	shift    uint   // 0 if it takes whole units
	depth    int64  // what all of them take, in whole units
}

// pace returns the pace of a limit. A bucket that would take years to fill is
// quicker, so that its burst is exact.
func (l Limit) pace() pace {
	if l.Burst < 1 || !(l.Rate >= 0) {
		return pace{}
	}
	burst := min(int64(l.Burst), maxDepth)
	units := max(float64(time.Second)*tick/math.Abs(float64(l.Rate)), 2) // and not by -0
	whole := math.RoundToEven(units)                                     // one instruction, which Round is not
	switch {
	case !(units*float64(burst) <= float64(maxDepth)): // infinity too
		interval := maxDepth / burst
		return pace{interval: uint64(interval), depth: interval * burst}
	case math.Abs(units-whole) <= units*1e-14: // 1e9/(1.0/6), which floats put above 6e9
		return pace{interval: uint64(whole), depth: int64(whole) * burst}
	}
	p := pace{shift: 62 - uint(bits.Len64(uint64(units)))}
	p.interval = uint64(math.Ceil(math.Ldexp(units, int(p.shift))))
	p.depth = p.ceil(bits.Mul64(p.interval, uint64(burst)))
	return p
}

// cost returns the units by which n tokens delay an arrival.
func (p *pace) cost(arrival int64, n int) int64 {
	if p.shift == 0 {
		return int64(n) * int64(p.interval)
	}
	hi, lo := bits.Mul64(p.interval, uint64(n))
	lo, borrow := bits.Sub64(lo, p.phase(arrival), 0)
	return p.ceil(hi-borrow, lo)
}

// tokens returns how many whole tokens a bucket holds whose arrival is left
// units before the latest that it may be.
func (p *pace) tokens(arrival, left int64) int {
	if p.shift == 0 {
		return int(left / int64(p.interval))
	}
	lo, carry := bits.Add64(uint64(left)<<p.shift, p.phase(arrival), 0)
	n, _ := bits.Div64(uint64(left)>>(64-p.shift)+carry, lo, p.interval)
	return int(n)
}

// phase returns by how much the exact time of an arrival is before the whole
// unit that stands for it, in units of 2^-shift. Rounding each arrival up would
// slow a bucket down by as much for each token: 60 µs in a second, at 999,999 a
// second. But what was rounded is not lost. Arrivals that are whole intervals
// apart differ in nothing else modulo the interval, so that the remainder
// tells, and what is kept is one integer all the same.
func (p *pace) phase(arrival int64) uint64 {
	_, rest := bits.Div64(uint64(arrival)>>(64-p.shift), uint64(arrival)<<p.shift, p.interval)
	return rest & (1<<p.shift - 1)
}

// ceil turns a number of units of 2^-shift into whole ones.
func (p *pace) ceil(hi, lo uint64) int64 {
	lo, carry := bits.Add64(lo, 1<<p.shift-1, 0)
	return int64((hi+carry)<<(64-p.shift) | lo>>p.shift)
}

// toDuration rounds up: whoever waits so long finds what was promised.
func toDuration(units int64) time.Duration {
	return time.Duration((units + tick - 1) / tick)
}
