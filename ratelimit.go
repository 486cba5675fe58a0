package bearer

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// A Limit is the rate and the depth of a token bucket: Rate tokens flow into it
// each second, up to Burst. In a [Key], the zero value is the limit of the
// guard; in a [Config], it is a default; a [Limiter] lets nothing through it.
type Limit struct {
	Rate  rate.Limit // tokens a second; rate.Inf: no limit
	Burst int        // the most tokens that one moment can take
}

// Unlimited is the limit of callers who have none. Their answers carry no rate
// limit fields, and no [Limiter] is asked about them.
var Unlimited = Limit{Rate: rate.Inf}

// PerSecond returns the limit of n requests a second, n of them at once. If n
// is not positive, it lets nothing through.
func PerSecond(n int) Limit { return per(time.Second, n) }

// PerMinute returns the limit of n requests a minute, n of them at once. If n
// is not positive, it lets nothing through.
func PerMinute(n int) Limit { return per(time.Minute, n) }

func per(d time.Duration, n int) Limit {
	if n <= 0 {
		return Limit{Burst: -1} // not the zero value, which would mean a default
	}
	return Limit{Rate: rate.Limit(float64(n) / d.Seconds()), Burst: n}
}

// validate finds what is wrong with the limit of a config, which may be zero.
func (l Limit) validate(field string, f *faults) {
	switch {
	case l == Limit{}, l.Rate >= rate.Inf:
	case !(l.Rate > 0): // NaN too
		f.addf(field, "the rate is not positive: nothing would get through")
	case l.Burst < 1:
		f.addf(field, "the burst is not positive: nothing would get through")
	}
}

// A Bucket names one bucket of a [Limiter]. The classes that a [Guard] uses are
// "key" with the key's ID, "token" with the JWT's subject, "ip" with an address
// whose authentications failed, and "nobody" with the address of a client that an
// optional guard let through without a credential. An IPv6 address stands for its
// /64.
type Bucket struct {
	Policy string // the name of the limit
	Class  string // the kind of caller
	ID     string // the caller within its class
}

// A Limiter holds token buckets. [Buckets] is the one in memory.
type Limiter interface {
	// Take takes n tokens from bucket b, which holds l, or none if they are not
	// there, and reports what is left. n == 0 only looks; n > l.Burst is never
	// allowed. An error means that the limiter is out of order, never "refused".
	//
	// A bucket is full at first. It is b's alone: buckets whose Policy, Class
	// or ID differs share nothing. An ID is any text, such as the subject of a JWT:
	// it counts byte for byte, up to a kilobyte at least, or there is an error. The
	// l of a take holds for that take, whatever others had; the zero Limit lets
	// nothing through. What is taken is taken in one step: concurrent takes are
	// allowed no more tokens than they would be one after another.
	//
	// Take must be safe for concurrent use.
	Take(ctx context.Context, b Bucket, n int, l Limit) (Usage, error)
}

// Usage is what a [Limiter] reports of a bucket after a take.
type Usage struct {
	Allowed   bool          // the tokens were taken, or n was 0
	Limit     Limit         // of the take; a guard fills it in itself
	Remaining int           // whole tokens left, rounded down; never negative
	Reset     time.Duration // until the bucket is full
	Wait      time.Duration // until n are there; 0 if Allowed, < 0 if never
}

// retryAfter returns how long a refused caller should wait, at least a
// nanosecond. If it asked for more than the bucket ever holds, that is the time
// until the bucket is full.
func (u *Usage) retryAfter() time.Duration {
	if u.Wait >= 0 {
		return max(u.Wait, 1)
	}
	return max(u.Reset, 1)
}

// nextToken returns how long an empty bucket takes to get its next token, if the
// limiter was only asked what is there. A bucket that holds 5 and gets one each
// minute, and that is full in 4 minutes and 30 seconds, gets the last 4 of them
// in 4 minutes, and so the next one in 30 seconds.
func (u *Usage) nextToken(l Limit) time.Duration {
	const centuries = 100 * 365 * 24 * 60 * 60 // seconds; more is no Duration
	others := time.Duration(min(float64(l.Burst-1)/float64(l.Rate), centuries) * float64(time.Second))
	if others < u.Reset {
		return u.Reset - others
	}
	return max(u.Reset/time.Duration(l.Burst), 1) // Buckets fills in twelve years what would take longer
}
