package bearertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// Limiter is a [bearer.Limiter] for tests. It holds no tokens: it allows,
// refuses or fails as it was told, and records what it was asked. The zero
// value allows; a Limiter must not be copied after first use. It is safe for
// concurrent use.
//
// What it reports depends on the one take alone: that of an untouched bucket
// where it allows, and that of an empty one where it refuses.
type Limiter struct {
	mu      sync.Mutex
	takes   []Take
	refuses bool
	refused []string // the policies that are refused; none: all
	wait    time.Duration
	err     error
}

// Format implements [fmt.Formatter], so that a Limiter in use can be printed.
func (l *Limiter) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "bearertest.Limiter") }

// A Take is one call of [Limiter.Take] that did not fail.
type Take struct {
	Bucket  bearer.Bucket // whose tokens: of a key, a token's subject, an address
	N       int           // how many were asked for; 0 is a look, as of a guard with a FailureLimit or several policies
	Limit   bearer.Limit  // what the guard holds the bucket to
	Allowed bool          // whether the tokens were taken
}

// Allow makes the limiter allow every take from now on, but those of more than
// the burst. It ends what Refuse and Fail began.
func (l *Limiter) Allow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuses, l.wait, l.err = false, 0, nil
}

// Refuse makes the limiter refuse from now on, and tell callers to wait so long:
// every take, or those of the policies that are named. A look (n == 0) finds an
// empty bucket, whose next token comes after so long: what a guard with a
// FailureLimit or several policies refuses by.
func (l *Limiter) Refuse(wait time.Duration, policies ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuses, l.refused, l.wait = true, slices.Clone(policies), wait
}

// Fail makes the limiter return err from now on, as one that is out of order
// does. Fail(nil) ends the outage.
func (l *Limiter) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Takes returns what the limiter was asked so far, in order: allowed, refused
// and looks, but no failures.
func (l *Limiter) Takes() []Take {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.takes)
}

// Take implements [bearer.Limiter].
func (l *Limiter) Take(_ context.Context, b bearer.Bucket, n int, limit bearer.Limit) (bearer.Usage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return bearer.Usage{}, l.err
	}
	if n < 0 {
		return bearer.Usage{}, errors.New("bearertest: negative number of tokens")
	}
	u := l.usage(b, n, limit)
	l.takes = append(l.takes, Take{b, n, limit, u.Allowed})
	return u, nil
}

func (l *Limiter) usage(b bearer.Bucket, n int, limit bearer.Limit) bearer.Usage {
	u := bearer.Usage{Limit: limit}
	refuses := l.refuses && (len(l.refused) == 0 || slices.Contains(l.refused, b.Policy))
	switch {
	case limit.Rate >= rate.Inf:
		u.Allowed, u.Remaining = true, math.MaxInt
	case n > limit.Burst:
		u.Wait, u.Remaining = -1, max(limit.Burst, 0)
	case refuses && n == 0:
		u.Allowed, u.Reset = true, l.wait+refill(limit.Burst-1, limit)
	case refuses:
		u.Wait, u.Reset = l.wait, max(l.wait, refill(limit.Burst, limit))
	default:
		u.Allowed, u.Remaining, u.Reset = true, limit.Burst-n, refill(n, limit)
	}
	return u
}

// refill returns the time in which n tokens flow in.
func refill(n int, l bearer.Limit) time.Duration {
	if n <= 0 || l.Rate <= 0 {
		return 0
	}
	seconds := math.Ceil(float64(n) / float64(l.Rate) * float64(time.Second))
	return time.Duration(min(seconds, float64(1<<62)))
}
