package gcra

// A Pace is a limit in units of time, for limiters that keep arrivals elsewhere
// and must decide as a [Table] does. The zero value is that of a bucket which
// holds nothing.
type Pace struct {
	Interval uint64 // what one token takes to flow in, in units of 2^-Shift
	Shift    uint   // 0 if the interval is whole units
	Depth    int64  // what the burst takes, in whole units
}

// Units is how many units a nanosecond has.
const Units = nanosecond

// PaceOf returns the pace of a limit, whose rate is not infinite.
func PaceOf(rate float64, burst int) Pace {
	p := newPace(rate, burst)
	return Pace{Interval: p.interval, Shift: p.shift, Depth: p.depth}
}
