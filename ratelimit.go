package bearer

import (
	"context"
	"math"
	"net/http"
	"strconv"
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

// window returns the whole seconds that fill the bucket from empty, at least 1.
func (l Limit) window() int64 {
	const slack = 1 - 1e-14                // for 11/(11.0/60), which floats put above 60
	perSecond := math.Abs(float64(l.Rate)) // -0 too
	seconds := math.Ceil(float64(l.Burst) / perSecond * slack)
	if !(seconds >= 1) { // NaN too
		return 1
	}
	return int64(min(seconds, math.MaxInt32))
}

// A Bucket names one bucket of a [Limiter]. The classes that a [Guard] uses are
// "key" with the key's ID, "token" with the JWT's subject, "ip" with an
// address whose authentications failed, and "nobody" with an address that
// passed an optional door without a credential. An IPv6 address stands for its
// /64.
type Bucket struct {
	Class string // the kind of caller
	ID    string // the caller within its class
}

// A Limiter holds token buckets. [Buckets] is the one in memory.
type Limiter interface {
	// Take takes n tokens from bucket b, which holds l, or none if they are not
	// there, and reports what is left. n == 0 only looks; n > l.Burst is never
	// allowed. An error means that the limiter is out of order, never "refused".
	//
	// A bucket is full at first. It is b's alone: buckets whose Class or ID
	// differs share nothing. The l of a take holds for that take, whatever others
	// had; the zero Limit lets nothing through. What is taken is taken in one
	// step: concurrent takes are allowed no more tokens than they would be one
	// after another.
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

// retryAfter returns how long a caller who was refused should wait: not for
// nothing. One who asked for more than there ever is gets the time to a full
// bucket.
func (u *Usage) retryAfter() time.Duration {
	if u.Wait >= 0 {
		return max(u.Wait, 1)
	}
	return max(u.Reset, 1)
}

// untilNext returns how long an empty bucket takes to get its next token, where
// the limiter was only asked what is there: the others come after it.
func (u *Usage) untilNext(l Limit) time.Duration {
	others := time.Duration(min(float64(l.Burst-1)/float64(l.Rate), year.Seconds()*100) * float64(time.Second))
	if others < u.Reset {
		return u.Reset - others
	}
	return max(u.Reset/time.Duration(l.Burst), 1) // Buckets fills in twelve years what would take longer
}

// next returns the time that the fields tell: until the bucket is full or, where
// it refused, until the next try can succeed.
func (u *Usage) next() time.Duration {
	if u.Allowed {
		return u.Reset
	}
	return u.retryAfter()
}

// limited reports whether u says anything about a limit.
func (u *Usage) limited() bool { return u.Limit != Limit{} && u.Limit.Rate < rate.Inf }

// appendPolicy appends the RateLimit-Policy field of
// draft-ietf-httpapi-ratelimit-headers-11, section 3.
func appendPolicy(b []byte, l Limit) []byte {
	b = append(b, `"default";q=`...)
	b = strconv.AppendInt(b, fieldInteger(l.Burst), 10)
	b = append(b, ";w="...)
	return strconv.AppendInt(b, l.window(), 10)
}

// A rateState is what the RateLimit field says.
type rateState struct {
	remaining int64
	seconds   int64 // see Usage.next
}

func (u *Usage) state() rateState {
	return rateState{fieldInteger(u.Remaining), wholeSeconds(u.next())}
}

// appendState appends the RateLimit field of the same draft, section 4.
func appendState(b []byte, s rateState) []byte {
	b = append(b, `"default";r=`...)
	b = strconv.AppendInt(b, s.remaining, 10)
	b = append(b, ";t="...)
	return strconv.AppendInt(b, s.seconds, 10)
}

// rateFields are the rate limit fields of many answers: callers who have one
// limit, and as much left, get the same.
type rateFields struct {
	policies memo[Limit]
	states   memo[rateState]
}

// set sets the rate limit fields of an answer. Their values are kept in an array
// of the caller's.
func (f *rateFields) set(h http.Header, u *Usage, values *[2]string) {
	s := u.state()
	values[0] = f.policies.text(uint(u.Limit.Burst), u.Limit, appendPolicy)
	// With as much left, and a token a second or more, the seconds are one of two
	// neighbours: below a burst of 128, all states of a limit have their own slots.
	values[1] = f.states.text(uint(2*s.remaining+s.seconds%2), s, appendState)
	h["Ratelimit-Policy"] = values[:1:1]
	h["Ratelimit"] = values[1:2:2]
}

// setLegacyFields sets the fields that were usual before the draft. The reset
// is in seconds to go.
func (u *Usage) setLegacyFields(h http.Header) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(max(u.Limit.Burst, 0)))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(u.Remaining, 0)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(wholeSeconds(u.next()), 10))
}

// fieldInteger returns n as a structured field can write it: with 15 digits at
// most (RFC 9651 section 3.3.1).
func fieldInteger(n int) int64 { return min(max(int64(n), 0), 999_999_999_999_999) }

// wholeSeconds rounds up, so that whoever waits so long does not come early.
func wholeSeconds(d time.Duration) int64 {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return max(seconds, 0)
}
