package bearer

import (
	"context"
	"errors"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer/internal/gcra"
)

// Buckets is a [Limiter] in memory, for one process. Its buckets are exact
// token buckets like those of [rate.Limiter], full at first, of 16 bytes each;
// one that is full again is forgotten. A new limit holds from the next take on,
// and a spent bucket keeps the time that it takes to fill, up to what the new
// limit takes from empty, or to twelve years: so lower the burst with the rate.
// Guards that share a Buckets share the buckets of a caller and must have the
// same limits, as must keys that share an ID. The zero value works, starts no
// goroutine, is safe for concurrent use, and must not be copied after first use.
type Buckets struct {
	// Max is the most buckets held of authenticated callers (classes "key" and
	// "token"), and again of all others, so that clients without a credential
	// evict only each other's. At the most, or a few per cent below it, the
	// bucket that is nearest to full makes room: its caller loses the least.
	// Fewer than 8 count as 8, to have a choice. It must not be changed after
	// first use. Zero: 1,048,576, which is up to 32 MiB for each of the two.
	Max int

	callers gcra.Table // classes "key" and "token"
	clients gcra.Table // all others: addresses
}

// Take implements [Limiter]. It returns an error only if n is negative.
func (b *Buckets) Take(ctx context.Context, k Bucket, n int, l Limit) (u Usage, err error) {
	if n < 0 {
		return Usage{}, errors.New("bearer: negative number of tokens")
	}
	b.take(time.Time{}, k, n, l, &u)
	return u, nil
}

// take is Take with a clock reading, or with the zero time to read the clock.
func (b *Buckets) take(now time.Time, k Bucket, n int, l Limit, u *Usage) {
	if l.Rate >= rate.Inf {
		*u = Usage{Allowed: true, Limit: l, Remaining: math.MaxInt}
		return
	}
	table, class := &b.clients, k.Class
	switch class {
	case "key":
		table, class = &b.callers, "" // the usual class needs no hash of its own
	case "token":
		table = &b.callers
	}
	left := table.Take(now, &gcra.Bucket{Class: class, ID: k.ID, Rate: float64(l.Rate), Burst: l.Burst}, n, b.Max)
	*u = Usage{left.Allowed, l, left.Remaining, left.Reset, left.Wait}
}
