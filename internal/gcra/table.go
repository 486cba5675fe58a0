// Package gcra is the table of token buckets under bearer.Buckets. A bucket is
// one integer: the time at which the last of its tokens arrives, which the
// generic cell rate algorithm (ITU-T I.371) calls the theoretical arrival time.
//
// At 10 tokens a second and a burst of 10, a token takes 100 ms to flow in and
// an empty bucket a second to fill. A take of 3 tokens at 12:00:00 sets the
// arrival of a full bucket to 12:00:00.3: at that time it is full again. A take
// is allowed as long as the arrival after it is at most one second ahead.
//
// Time is counted in units of a sixteenth of a nanosecond, from a base that each
// table has: see epoch. A bucket whose arrival has passed is full, and says
// nothing more than a bucket that was never taken from. So there are no timers
// and no sweeps: a slot whose arrival has passed is free.
package gcra

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// A Table holds buckets. The zero value is an empty table. A Table is safe for
// concurrent use, and must not be copied after first use.
type Table struct {
	mu    sync.Mutex // held to replace the epoch
	epoch atomic.Pointer[epoch]
}

// A Bucket is the name of a bucket and its limit at present.
type Bucket struct {
	Policy string // if "", it is not hashed, which is faster
	Class  string // as Policy
	ID     string
	Rate   float64 // tokens a second; not infinite
	Burst  int     // the most tokens that the bucket holds
}

// Usage is what is left in a bucket after a take.
type Usage struct {
	Allowed   bool
	Remaining int           // whole tokens
	Reset     time.Duration // until the bucket is full, rounded up
	Wait      time.Duration // until the tokens are there, rounded up; < 0: never
}

// Take takes n tokens from a bucket, or none if they are not there. If n is 0, it
// only looks whether want tokens are there; else want must be n. The time now may
// be older than that of other takes: no bucket admits more for it. If now is zero,
// Take reads the clock, which costs it half of what time.Now would. The table
// holds up to most buckets, as told by the first take; if most is not positive,
// defaultMost.
func (t *Table) Take(now time.Time, b *Bucket, n, want, most int) (u Usage) {
	q := request{n: n, pace: newPace(b.Rate, b.Burst)}
	if q.pace.depth == 0 {
		if want == 0 {
			return Usage{Allowed: true}
		}
		return Usage{Wait: -1}
	}
	if n > b.Burst {
		q.n = 0
	}
	if e := t.epoch.Load(); e == nil || !e.take(now, b, &q) {
		t.takeSlowly(b, &q, most)
	}
	const up = nanosecond - 1 // durations are rounded up: callers who wait so long find what was promised
	latest := q.now + q.pace.depth
	u.Allowed = q.allowed && want <= b.Burst && (n == want || q.arrival <= latest-q.pace.cost(q.arrival, want))
	u.Remaining = q.pace.tokens(q.arrival, latest-q.arrival, b.Burst)
	u.Reset = time.Duration((q.arrival - q.now + up) / nanosecond)
	switch {
	case u.Allowed:
	case want > b.Burst || b.Rate == 0:
		u.Wait = -1
	default:
		u.Wait = time.Duration((q.arrival - latest + q.pace.cost(q.arrival, want) + up) / nanosecond)
	}
	return u
}

// Return gives n tokens back to a bucket, or as many as it has room for.
func (t *Table) Return(b *Bucket, n int) {
	q := request{n: min(n, b.Burst), pace: newPace(b.Rate, b.Burst)}
	if q.pace.depth > 0 && n > 0 {
		t.giveBack(b, &q)
	}
}

// Reset makes a bucket full.
func (t *Table) Reset(b *Bucket) { t.giveBack(b, &request{n: all}) }

func (t *Table) giveBack(b *Bucket, q *request) {
	for e := t.epoch.Load(); e != nil; e = t.epochAt(time.Now(), e, 0) { // its buckets have moved
		q.epoch, q.now = e, e.clock()
		q.hash = max(maphash.String(e.seed, b.ID)^e.turned(b), tombstone+1)
		if e.shards[q.hash>>32&uint64(len(e.shards)-1)].giveBack(q) {
			return
		}
	}
}

// takeSlowly takes at the present time, in the epoch that has it in range. No
// older reading is used: it could end an epoch that the present time does not.
func (t *Table) takeSlowly(b *Bucket, q *request, most int) {
	now := time.Now()
	e := t.epochAt(now, nil, most)
	for !e.take(now, b, q) {
		e = t.epochAt(now, e, most) // its buckets have moved
	}
}

// epochAt returns the epoch that has now in range, and makes it if there is
// none. It does not return stale, whose buckets have moved.
func (t *Table) epochAt(now time.Time, stale *epoch, most int) *epoch {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.epoch.Load()
	if old != nil && old != stale && now.Sub(old.base).Abs() < horizon {
		return old
	}
	e := newEpoch(now, most)
	if old != nil {
		e.seed = old.seed // each bucket keeps its hash
		old.moveTo(e)
	}
	t.epoch.Store(e)
	return e
}

// An epoch is the buckets together with the base that their times count from.
//
// A time is an int64 of units, which reaches 18 years. An epoch ends when the
// clock is two years from its base, or was set back that far: the buckets move
// to an epoch with another base. With a base of 2026-01-01, an arrival of
// 2028-01-02 is 731 days; moved to the base 2028-01-01, it is one day.
type epoch struct {
	base   time.Time
	seed   maphash.Seed
	shards []shard // a power of two
}

// defaultMost is how many buckets a table holds if it is told no number.
const defaultMost = 1 << 20

const (
	maxShards       = 64
	minShardBuckets = 256 // buckets that a shard may hold: small shards fill unevenly
)

func newEpoch(base time.Time, most int) *epoch {
	if most <= 0 {
		most = defaultMost
	}
	most = max(most, sampled)
	n := 1
	for n < maxShards && most/(2*n) >= minShardBuckets {
		n *= 2
	}
	e := &epoch{base: base, seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range e.shards {
		e.shards[i].most = most / n
		if i < most%n {
			e.shards[i].most++
		}
	}
	return e
}

// take takes from a bucket. It returns false if now is out of range, or if the
// buckets have moved to another epoch.
func (e *epoch) take(now time.Time, b *Bucket, q *request) bool {
	var d time.Duration
	if now.IsZero() {
		d = time.Since(e.base)
	} else {
		d = now.Sub(e.base)
	}
	if d.Abs() >= horizon {
		return false
	}
	q.epoch, q.now = e, int64(d)*nanosecond
	// The hash depends on a secret, so that no caller can look for two names
	// that have the same.
	hash := maphash.String(e.seed, b.ID)
	if b.Class != "" || b.Policy != "" {
		hash ^= e.turned(b)
	}
	q.hash = max(hash, tombstone+1)
	sh := &e.shards[q.hash>>32&uint64(len(e.shards)-1)]
	s := sh.find(q.hash)
	if s == nil && q.n == 0 {
		q.arrival, q.allowed = q.now, true // a full bucket is not worth a slot
		return true
	}
	if s == nil || !s.take(q) {
		return sh.insert(q)
	}
	return true
}

// turned returns what the hash of a bucket's ID is to be changed by for its policy
// and class. Each part is hashed by itself, and turned by another number of bits:
// so {"a", "bc"} and {"ab", "c"} have little in common, nor have {"a", "b"} and
// {"b", "a"}.
func (e *epoch) turned(b *Bucket) (hash uint64) {
	if b.Class != "" {
		hash = bits.RotateLeft64(maphash.String(e.seed, b.Class), 1)
	}
	if b.Policy != "" {
		hash ^= bits.RotateLeft64(maphash.String(e.seed, b.Policy), 2)
	}
	return hash
}

// clock reads the clock, in units after the base.
func (e *epoch) clock() int64 {
	return int64(min(max(time.Since(e.base), -horizon), horizon)) * nanosecond
}

// moveTo moves the buckets to an epoch with a later base, or with an earlier
// one if the clock was set back.
func (e *epoch) moveTo(to *epoch) {
	offset := e.offset(to.base)
	for i := range e.shards {
		e.shards[i].moveTo(&to.shards[i], offset)
	}
}

// offset returns by how much the times of the epoch are later than those of one
// with the base to. If the clock was set back, the time since the last take is
// not known: then the last insert counts as the present, so that no bucket gains
// tokens.
func (e *epoch) offset(to time.Time) int64 {
	d := to.Sub(e.base)
	if d >= 0 {
		return int64(min(d, 15*year)) * nanosecond // all buckets are full by then: see maxDepth
	}
	latest := int64(0)
	for i := range e.shards {
		latest = max(latest, e.shards[i].lastInsert())
	}
	return latest
}
