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
// [rate.Limiter]: exact token buckets, full at first. The zero value works. A
// Buckets is safe for concurrent use, and must not be copied after first use.
//
// A bucket is 16 bytes, found without a lock, and forgotten once it is full
// again, since a full bucket says nothing. There is no goroutine and nothing
// to close.
//
// The limit is an argument of each take, and a new one holds from the next take
// on. A bucket remembers how long it takes to be full, not what its limit was:
// a spent bucket of PerSecond(100) is full in a second; if its limit becomes
// PerMinute(100) meanwhile, it holds 98 tokens at once. To slow a caller down,
// lower the burst with the rate. No bucket takes longer to fill than from empty.
// Guards that share a Buckets share the buckets of a caller, and must have the
// same limits, as must keys that share an ID.
//
// A bucket that would take more than twelve years to fill is filled in twelve.
type Buckets struct {
	// Max is the most buckets held of authenticated callers (classes "key" and
	// "token"), and again of all others, so that strangers crowd out none but
	// strangers. At the most, or a few per cent below it, the bucket that is
	// nearest to full makes room: its caller loses the least. Fewer than 8 count
	// as 8, to have a choice. It must not be changed after first use. Zero:
	// 1,048,576, which is up to 32 MiB for each of the two.
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
	if a := b.age.Load(); a != nil {
		var d time.Duration
		if now.IsZero() {
			d = time.Since(a.base) // half the price of time.Now
		} else {
			d = now.Sub(a.base)
		}
		if counts(d) && a.take(d, k, n, l, u) {
			return
		}
	}
	b.takeAt(time.Now(), k, n, l, u)
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
	t := take{now: int64(d) * tick, pace: l.pace(), age: a}
	if t.pace.depth == 0 {
		u.Allowed, u.Wait = n == 0, -time.Duration(min(n, 1))
		return true
	}
	possible := n <= l.Burst && int64(n) <= maxDepth
	if possible {
		t.n = n
	}
	var table *slotTable
	table, t.hash = a.locate(k)
	arrival, v := table.take(&t)
	if v == gone {
		return false
	}
	latest := t.now + t.pace.depth
	u.Allowed = v == allowed && possible
	u.Remaining = t.pace.tokens(arrival, latest-arrival)
	u.Reset = toDuration(arrival - t.now)
	switch {
	case u.Allowed:
	case !possible || l.Rate == 0:
		u.Wait = -1
	default:
		u.Wait = toDuration(arrival - latest + t.pace.cost(arrival, n))
	}
	return true
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
		shift := old.shift(now)
		old.callers.moveTo(&a.callers, shift)
		old.strangers.moveTo(&a.strangers, shift)
	}
	b.age.Store(a)
	return a
}

// shift returns by how much the times of the age are later than those of one
// whose base is now. Where the clock was set back, nobody knows how long ago
// that was: what was owed at the last insert is owed still.
func (a *age) shift(now time.Time) int64 {
	d := now.Sub(a.base)
	if d < 0 {
		return max(a.callers.latest(), a.strangers.latest())
	}
	return int64(min(d, 15*year)) * tick // then all are full: none is later than horizon + maxDepth
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
