package bearerredis

import (
	"math/bits"
	"time"

	"github.com/blockauth/bearer/internal/gcra"
)

// A span is a time as the script counts it: whole microseconds and a rest of less
// than one, in 2^-36 of the units of package gcra. At 7 tokens a second, a token
// takes 2,285,714,285.714… units, which are 142,857 µs and 2285.714… units: the
// rest is 2285.714… × 2^36, rounded up.
type span struct {
	micros int64
	rest   uint64
}

const (
	unitBits     = 36
	unitsAMicro  = 1000 * gcra.Units
	micro        = unitsAMicro << unitBits
	restsANano   = gcra.Units << unitBits
	nanosAMicro  = 1000
	maxCopies    = 1 << 13 // of one take in a call: a rest times that is less than 2^64
	restRounding = restsANano - 1
)

// add returns the sum of two spans.
func (s span) add(other span) span {
	sum := span{s.micros + other.micros, s.rest + other.rest}
	if sum.rest >= micro {
		sum.micros, sum.rest = sum.micros+1, sum.rest-micro
	}
	return sum
}

// sub returns the difference of two spans, or the zero span if that is negative.
func (s span) sub(other span) span {
	d := span{s.micros - other.micros, s.rest - other.rest}
	if s.rest < other.rest {
		d.micros, d.rest = d.micros-1, d.rest+micro
	}
	if d.micros < 0 {
		return span{}
	}
	return d
}

// times returns n times the span, for n up to maxCopies.
func (s span) times(n int) span {
	rest := s.rest * uint64(n)
	return span{s.micros*int64(n) + int64(rest/micro), rest % micro}
}

// exceeds reports whether the span is longer than another.
func (s span) exceeds(other span) bool {
	return s.micros > other.micros || s.micros == other.micros && s.rest > other.rest
}

// duration returns the span in nanoseconds, rounded up: callers who wait so long
// find what was promised.
func (s span) duration() time.Duration {
	return time.Duration(s.micros*nanosAMicro + int64((s.rest+restRounding)/restsANano))
}

// spanOf returns the span of a duration, which is not negative.
func spanOf(d time.Duration) span {
	return span{int64(d) / nanosAMicro, uint64(d) % nanosAMicro * restsANano}
}

// depthOf returns how long a bucket takes to fill from empty.
func depthOf(p *gcra.Pace) span {
	return span{p.Depth / unitsAMicro, uint64(p.Depth%unitsAMicro) << unitBits}
}

// costOf returns how long n tokens take to flow in, n being at most the burst. The
// result is exact if there are 238 tokens a second or less, since each takes 2^26
// units or more, and otherwise rounded up. Tokens that take less than a unit cost
// whole units, as with bearer.Buckets.
func costOf(p *gcra.Pace, n int) span {
	hi, lo := bits.Mul64(p.Interval, uint64(n))
	units, fraction := hi<<(64-p.Shift)|lo>>p.Shift, lo&(1<<p.Shift-1)
	switch {
	case p.Interval>>p.Shift == 0 && fraction > 0:
		units, fraction = units+1, 0
	case p.Shift > unitBits:
		down := p.Shift - unitBits
		fraction = (fraction + 1<<down - 1) >> down
	default:
		fraction <<= unitBits - p.Shift
	}
	return span{int64(units / unitsAMicro), 0}.add(span{0, units % unitsAMicro << unitBits}).add(span{0, fraction})
}

// tokensIn returns how many whole tokens of a bucket flow in during a span, up to
// its burst.
func tokensIn(p *gcra.Pace, s span, burst int) int {
	hi, lo := bits.Mul64(uint64(s.micros), micro)
	lo, carry := bits.Add64(lo, s.rest, 0)
	hi += carry
	if p.Shift >= unitBits {
		up := p.Shift - unitBits
		hi, lo = hi<<up|lo>>(64-up), lo<<up
	} else {
		down := unitBits - p.Shift
		hi, lo = hi>>down, hi<<(64-down)|lo>>down
	}
	if hi >= p.Interval {
		return burst // more than an int
	}
	n, _ := bits.Div64(hi, lo, p.Interval)
	return int(min(n, uint64(burst))) // the depth is rounded up, to several tokens if they are small
}
