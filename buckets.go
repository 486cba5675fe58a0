package bearer

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Buckets is a [Limiter] in memory, for one process. Its buckets are those of
// [rate.Limiter]: exact token buckets, full at first. The zero value works; a
// Buckets must not be copied after first use.
//
// A bucket is 16 bytes, found without a lock, and forgotten once it is full
// again, since a full bucket says nothing. There is no goroutine and nothing
// to close.
//
// The limit is an argument of each take: a new one holds from the next take
// on, and what is missing from the bucket takes as long to flow in as it would
// have, but no longer than from empty. Guards that share a Buckets share the
// buckets of a caller, and must have the same limits, as must keys that share
// an ID: a take by the limit that fills sooner forgives what another is owed.
//
// A bucket that would take more than twelve years to fill is filled in twelve.
type Buckets struct {
	// Max is the most buckets held of authenticated callers (classes "key" and
	// "token"), and again of all others, so that strangers crowd out none but
	// strangers. At the most, the bucket that is nearest to full makes room: its
	// caller loses the least. Zero: 1,048,576, which is up to 32 MiB for each.
	// Fewer than 8 are 8, to have a choice.
	// It must not be changed after first use.
	Max int

	mu  sync.Mutex // guards the making of an age
	age atomic.Pointer[age]
}

const defaultMaxBuckets = 1 << 20

// An age is the buckets together with the instant that their times count from.
type age struct {
	base      time.Time
	seed      maphash.Seed
	callers   slotTable
	strangers slotTable
}

// tick is how many units a nanosecond of a bucket's time has. The fraction
// keeps fast rates exact: a million a second is off by at most 0.007 %.
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

// Take implements [Limiter]. It returns an error only if n is negative.
func (b *Buckets) Take(_ context.Context, k Bucket, n int, l Limit) (u Usage, err error) {
	if n < 0 {
		return Usage{}, errors.New("bearer: negative number of tokens")
	}
	if a := b.age.Load(); a != nil {
		d := time.Since(a.base) // half the price of time.Now
		if counts(d) && a.take(d, k, n, l, &u) {
			return u, nil
		}
	}
	b.takeAt(time.Now(), k, n, l, &u)
	return u, nil
}

// takeAt is Take with a clock reading. Readings may arrive out of order: no
// bucket admits more for it.
func (b *Buckets) takeAt(now time.Time, k Bucket, n int, l Limit, u *Usage) {
	for stale := (*age)(nil); ; {
		a := b.at(now, stale)
		if a.take(now.Sub(a.base), k, n, l, u) {
			return
		}
		stale = a // its buckets have moved meanwhile
	}
}

// take is Take at the time d after the base of the age. It returns false if the
// buckets of the age have moved to another.
func (a *age) take(d time.Duration, k Bucket, n int, l Limit, u *Usage) bool {
	u.Limit = l
	if l.Rate >= rate.Inf {
		u.Allowed, u.Remaining = true, math.MaxInt
		return true
	}
	interval, depth := l.pace()
	if depth == 0 {
		u.Allowed, u.Wait = n == 0, -time.Duration(min(n, 1))
		return true
	}
	table, hash := a.locate(k)
	t := take{hash: hash, now: int64(d) * tick, depth: depth, age: a}
	possible := n <= l.Burst && int64(n) <= maxDepth
	if possible {
		t.cost = int64(n) * interval
	}
	arrival, v := table.take(&t)
	if v == gone {
		return false
	}
	u.Allowed = v == allowed && possible
	u.Remaining = int((t.now + depth - arrival) / interval)
	u.Reset = toDuration(arrival - t.now)
	switch {
	case u.Allowed:
	case !possible || l.Rate == 0:
		u.Wait = -1
	default:
		u.Wait = toDuration(arrival - t.now - (depth - t.cost))
	}
	return true
}

// pace returns the units that one token takes to flow in, and all of them. The
// interval is rounded up, so that a bucket is never faster than its limit; one
// that would take years to fill is quicker, so that its burst is exact. A
// bucket that holds nothing has no depth.
func (l Limit) pace() (interval, depth int64) {
	if l.Burst < 1 || !(l.Rate >= 0) {
		return 0, 0
	}
	const slack = 1 - 1e-14 // for 1e9/(1.0/6), which floats put above 6e9
	burst := min(int64(l.Burst), maxDepth)
	units := math.Ceil(float64(time.Second) * tick * slack / float64(l.Rate))
	if units*float64(burst) > float64(maxDepth) {
		interval = maxDepth / burst
	} else {
		interval = int64(units)
	}
	return interval, interval * burst
}

// toDuration rounds up: whoever waits so long finds what was promised.
func toDuration(units int64) time.Duration {
	return time.Duration((units + tick - 1) / tick)
}

// at returns the age in which now can be counted: not the stale one.
func (b *Buckets) at(now time.Time, stale *age) *age {
	if a := b.age.Load(); a != nil && a != stale && counts(now.Sub(a.base)) {
		return a
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.age.Load()
	if old != nil && old != stale && counts(now.Sub(old.base)) {
		return old
	}
	most := b.Max
	if most <= 0 {
		most = defaultMaxBuckets
	}
	a := &age{base: now, seed: maphash.MakeSeed()}
	a.callers.init(most)
	a.strangers.init(most)
	if old != nil {
		a.seed = old.seed
		// In 15 years all buckets are full: none is later than horizon + maxDepth.
		shift := int64(min(max(now.Sub(old.base), -2*horizon), 15*year)) * tick
		old.callers.moveTo(&a.callers, shift)
		old.strangers.moveTo(&a.strangers, shift)
	}
	b.age.Store(a)
	return a
}

// counts reports whether an age can count a time that is d after its base.
func counts(d time.Duration) bool { return -horizon < d && d < horizon }

// clock reads the clock, in units since the base.
func (a *age) clock() int64 {
	return int64(min(max(time.Since(a.base), -horizon), horizon)) * tick
}

// locate returns the table of a bucket and names it by 64 bits that depend on
// the age's secret seed, so that no caller can look for two with one name.
func (a *age) locate(k Bucket) (table *slotTable, hash uint64) {
	table, hash = &a.callers, maphash.String(a.seed, k.ID)
	switch k.Class {
	case "key":
	case "token":
		hash = ^hash
	default:
		hash ^= bits.RotateLeft64(maphash.String(a.seed, k.Class), 1)
		table = &a.strangers
	}
	return table, max(hash, nobody+1)
}
