package bearer

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer/internal/gcra"
)

// Buckets is a [Limiter] in memory, for one process. Its buckets are exact
// token buckets like those of [rate.Limiter], full at first, of 16 bytes each;
// one that is full again is forgotten. A new limit holds from the next take on,
// and a spent bucket keeps the time that it takes to fill, up to what the new
// limit takes from empty, or to twelve years: so lower the burst with the rate.
// Guards that share a Buckets share the buckets of a caller, unless their policies
// have other names, and must have the same limits, as must keys that share an ID.
// Above 16e9 tokens a second, a burst of up to 1 << 24 is exact and flows in at
// that rate; a larger one flows in at its own, and a take costs at least what
// arrives in a sixteenth of a nanosecond. The zero value works, starts no
// goroutine, is safe for concurrent use, and must not be copied after first use.
type Buckets struct {
	// Max is the most buckets that a table holds. There is one table for
	// authenticated callers (classes "key", "token" and those of Callers), one for
	// each policy that names its buckets (class "policy"; the sixteenth and later
	// share one), and one for all others. So clients without a credential evict
	// only each other's buckets, and a policy that names buckets by address should
	// name no others. If a table is full, or a few per cent before, the bucket that
	// is nearest to full makes room: its caller loses the least. Fewer than 8 count
	// as 8, to have a choice. It must not be changed after first use. Zero:
	// 1,048,576, which is up to 32 MiB for each table.
	Max int

	// Callers are classes of the application's own, other than those of a guard,
	// whose buckets are held with those of authenticated callers: clients without
	// a credential must not be able to name them. It must not be changed after
	// first use. None: other classes are held with client addresses.
	Callers []string

	callers  gcra.Table                   // classes "key" and "token", and those of Callers
	policies [maxPolicyTables]policyTable // class "policy"
	clients  gcra.Table                   // all others: addresses
}

const maxPolicyTables = 16 // the last is for all policies that find none of the others free

// A policyTable holds the buckets that one policy names.
type policyTable struct {
	name  atomic.Pointer[string] // nil: the table has no policy yet
	table gcra.Table
}

// Take implements [Limiter]. It returns an error only if n is negative.
func (b *Buckets) Take(ctx context.Context, k Bucket, n int, l Limit) (u Usage, err error) {
	if n < 0 {
		return Usage{}, errNegativeTokens
	}
	b.take(time.Time{}, &k, n, n, l, &u)
	return u, nil
}

// Return implements [Returner], exactly: a bucket that gets back all that was
// taken from it holds what it would if nothing had been taken. It returns an
// error only if n is negative.
func (b *Buckets) Return(ctx context.Context, k Bucket, n int, l Limit) error {
	if n < 0 {
		return errNegativeTokens
	}
	if l.Rate < rate.Inf {
		named := gcra.Bucket{ID: k.ID, Rate: float64(l.Rate), Burst: l.Burst}
		b.tableOf(&k, &named).Return(&named, n)
	}
	return nil
}

// Reset fills a bucket: that of a caller who has bought a larger plan, say.
func (b *Buckets) Reset(k Bucket) {
	named := gcra.Bucket{ID: k.ID}
	b.tableOf(&k, &named).Reset(&named)
}

var errNegativeTokens = errors.New("bearer: negative number of tokens")

// take is Take with a clock reading, or with the zero time to read the clock. If n
// is 0, it says what a take of want tokens would; else want is n.
func (b *Buckets) take(now time.Time, k *Bucket, n, want int, l Limit, u *Usage) {
	if l.Rate >= rate.Inf {
		*u = Usage{Allowed: true, Limit: l, Remaining: math.MaxInt}
		return
	}
	table, named := &b.callers, gcra.Bucket{ID: k.ID, Rate: float64(l.Rate), Burst: l.Burst}
	if k.Class != classKey || k.Policy != defaultPolicy { // the usual ones need no hash of their own
		table = b.tableOf(k, &named)
	}
	left := table.Take(now, &named, n, want, b.Max)
	*u = Usage{left.Allowed, l, left.Remaining, left.Reset, left.Wait}
}

// tableOf returns the table that holds a bucket, and fills in the policy and class
// by which the bucket is hashed there. Those of most buckets, "default" and "key",
// are left out, which is faster; a bucket with neither has them in return, so that
// no two buckets become one.
func (b *Buckets) tableOf(k *Bucket, named *gcra.Bucket) *gcra.Table {
	if k.Class == classKey && k.Policy == defaultPolicy {
		return &b.callers
	}
	named.Policy, named.Class = k.Policy, k.Class
	switch {
	case k.Class == classKey, k.Class == classToken:
	case k.Class == classPolicy:
		return b.tableOfPolicy(k.Policy)
	case k.Class == classIP, k.Class == classNobody, !slices.Contains(b.Callers, k.Class):
		return &b.clients
	case k.Class == "" && k.Policy == "":
		named.Policy, named.Class = defaultPolicy, classKey
	}
	return &b.callers
}

// tableOfPolicy returns the table of the buckets that a policy names: a flood of
// names in one policy evicts no bucket of another. The policies that find no free
// table share the last.
func (b *Buckets) tableOfPolicy(policy string) *gcra.Table {
	const last = maxPolicyTables - 1
	for i := range last {
		t := &b.policies[i]
		if t.name.Load() == nil {
			name := policy
			t.name.CompareAndSwap(nil, &name)
		}
		if *t.name.Load() == policy {
			return &t.table
		}
	}
	return &b.policies[last].table
}
