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

// A Bucket names one bucket of a [Limiter]. A guard uses these classes:
//
//	key     the ID of an API key, also for a JWT that was made from it
//	token   issuer and subject of a JWT, with a space between them
//	nobody  the address of a client that an optional guard let through without a credential
//	policy  what Policy.Bucket said
//	ip      an address whose authentications failed, with the name of the first policy
//
// An IPv6 address stands for its network: see Config.IPv6Prefix.
type Bucket struct {
	Policy string // the name of the policy: see Policy.Name
	Class  string // the kind of caller
	ID     string // the caller within its class
}

const (
	classKey    = "key"
	classToken  = "token"
	classNobody = "nobody"
	classPolicy = "policy"
	classIP     = "ip"
)

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

// A Returner is a [Limiter] that takes tokens back. Unless its Limiter is a
// [MultiLimiter], a guard with several policies looks into all buckets before it
// takes from one. If another request was faster, and a bucket refuses after all,
// the guard returns what it took from those before. Where a Limiter is no
// Returner, that is lost: a refused request may have cost tokens, never more than
// one that was let through.
type Returner interface {
	// Return puts n tokens back into bucket b, which holds l: tokens that Take
	// took a moment ago. They are lost if there is an error, or no room. It must
	// be safe for concurrent use.
	Return(ctx context.Context, b Bucket, n int, l Limit) error
}

// A MultiLimiter is a [Limiter] that takes from several buckets in one step. A
// request that several policies apply to costs one call then, instead of a look
// into each bucket and a take from each. One that a single policy applies to is
// charged by Take, and so are failed authentications: the buckets are the same.
//
// A type that embeds a MultiLimiter and overrides Take must override TakeAll too,
// or requests to which several policies apply pass its Take by.
type MultiLimiter interface {
	// TakeAll takes from all buckets, or from none if one of them refuses, and
	// returns a usage for each take, in their order. Allowed says whether the
	// bucket had N tokens: if all are allowed, all were taken. If not, nothing was,
	// and each usage is that of a bucket which was only looked into, with the Wait
	// until N tokens are there. The buckets differ. Otherwise it is as
	// [Limiter.Take]: concurrent calls are allowed no more tokens of a bucket than
	// they would be one after another. They may be allowed less, if a moment of
	// contention has one refused that takes nothing.
	TakeAll(ctx context.Context, takes []Take) ([]Usage, error)
}

// A Take is what is asked of one bucket.
type Take struct {
	Bucket Bucket
	N      int   // tokens; 0 only looks
	Limit  Limit // what the bucket holds
}

// Usage is what a [Limiter] reports of a bucket after a take. A guard that looks
// into a bucket (n == 0) and finds too little calculates the wait from Limit and
// Reset; if tokens do not flow in evenly, but at the end of a month, say, a
// Limiter sets Wait itself when it is looked into and has none.
type Usage struct {
	Allowed   bool          // the tokens were taken, or n was 0
	Limit     Limit         // what clients are told; zero: the limit of the take
	Remaining int           // whole tokens left, rounded down; never negative
	Reset     time.Duration // until the bucket is full
	Wait      time.Duration // until n are there; 0 if Allowed, < 0 if never
}

// wait returns how long a bucket takes until it holds n tokens, if the limiter
// was only asked what is there, and less is; it is negative if that is never. A
// bucket that holds 5 and gets one each minute, and that is full in 4 minutes and
// 30 seconds, gets the last 3 of them in 3 minutes, and so holds 2 in a minute and
// 30 seconds.
func (u *Usage) wait(n int) time.Duration {
	const centuries = 100 * 365 * 24 * 60 * 60 // seconds; more is no Duration
	l := u.Limit
	if n > l.Burst || !(l.Rate > 0) { // NaN too
		return -1
	}
	others := time.Duration(min(float64(l.Burst-n)/float64(l.Rate), centuries) * float64(time.Second))
	if others < u.Reset {
		return u.Reset - others
	}
	share := float64(n) / float64(l.Burst) // Buckets fills in twelve years what would take longer
	return max(time.Duration(float64(u.Reset)*share), 1)
}
