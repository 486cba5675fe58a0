package bearertest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what limiters do with several buckets, on several goroutines,
// and with odd limits and contexts.

// parted empties one bucket and looks at those whose names are similar. The
// classes are those of a guard. A name that the limiter cannot take is none.
func (t *bucketTest) parted() {
	id, long := t.bucket.ID, t.bucket.ID+strings.Repeat("x", 200)
	for _, c := range []struct{ name, class, empty, other, full string }{
		{"another ID", "key", id, "key", id + "x"},
		{"another class", "key", id + "a", "token", id + "a"},
		{"another case", "key", id + "b", "key", id + "B"},
		{"a space at the end", "key", id + "c ", "key", id + "c"},
		{"a space at the beginning", "key", " " + id + "d", "key", id + "d"},
		{"braces", "key", "{" + id + "}a", "key", "{" + id + "}b"},
		{"long IDs", "key", long + "a", "key", long + "b"},
		{"a zero byte", "key", id + "\x00a", "key", id + "\x00b"},
		{"a line end", "key", id + "\na", "key", id + "\nb"},
		{"a slash", "key", id + "/a", "key", id + "_a"},
		{"a slash, or none", "key", id + "/b", "key", id + "b/"},
		{"a colon", "key", id + ":a", "key", id + ":"},
	} {
		empty, full := bearer.Bucket{Class: c.class, ID: c.empty}, bearer.Bucket{Class: c.other, ID: c.full}
		if _, err := t.ask(empty, 2, hourly(2)); err != nil {
			continue
		}
		if u, err := t.ask(full, 2, hourly(2)); err == nil {
			t.allowed(ruleParted, c.name, u, true)
		}
	}
}

// crowd takes from many buckets, and looks whether one that was emptied before
// is still known.
func (t *bucketTest) crowd() {
	const others, goroutines = 200, 10
	t.band.limit = hourly(2)
	if _, ok := t.take(ruleBurst, "the burst", 2); !ok {
		return
	}
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			t.catch(t.name, ruleLimiterPanic, func() {
				for i := range others / goroutines {
					other := bearer.Bucket{Class: "key", ID: t.bucket.ID + strconv.Itoa(g) + "." + strconv.Itoa(i)}
					t.allowed(ruleParted, "a new bucket", t.takeFrom(other, 1, hourly(5)), true)
				}
			})
		})
	}
	all.Wait()
	_, _ = t.take(ruleKeeps, "an empty bucket, after "+strconv.Itoa(others)+" others", 1)
}

// rush takes one token at a time on many goroutines, and returns how many it
// got.
func (t *bucketTest) rush(b bearer.Bucket, goroutines, takes int, l bearer.Limit) int {
	var admitted atomic.Int64
	var ready, all sync.WaitGroup
	ready.Add(goroutines)
	for range goroutines {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			t.catch(t.name, ruleLimiterPanic, func() {
				for range takes {
					if t.takeFrom(b, 1, l).Allowed {
						admitted.Add(1)
					}
				}
			})
		})
	}
	all.Wait()
	return int(admitted.Load())
}

func (t *bucketTest) exact() {
	const goroutines, takes, burst = 64, 4, 100
	if n := t.rush(t.bucket, goroutines, takes, hourly(burst)); n != burst {
		t.brokenf(ruleExact, "%s: got %d of %d takes allowed, want %d", t.name, n, goroutines*takes, burst)
	}
}

// fresh rushes to buckets that nobody has taken from yet.
func (t *bucketTest) fresh() {
	const most, goroutines = 300, 8
	for i, start := 0, time.Now(); i < most && (i < 10 || time.Since(start) < 100*time.Millisecond); i++ {
		b := bearer.Bucket{Class: "key", ID: t.bucket.ID + strconv.Itoa(i)}
		if n := t.rush(b, goroutines, 1, hourly(1)); n != 1 {
			t.brokenf(ruleExact, "%s: got %d of %d takes allowed, want 1", t.name, n, goroutines)
			return
		}
	}
}

func (t *bucketTest) zero() {
	for i, c := range []struct {
		name  string
		limit bearer.Limit
		most  int
	}{
		{"no rate and no burst", bearer.Limit{}, 0},
		{"a rate but no burst", bearer.Limit{Rate: 1}, 0},
		{"PerSecond(0)", bearer.PerSecond(0), 0},
		{"a burst of 3 but no rate", bearer.Limit{Burst: 3}, 3},
	} {
		b := bearer.Bucket{Class: "key", ID: t.bucket.ID + strconv.Itoa(i)}
		for n := 0; ; n++ {
			if u, err := t.ask(b, 1, c.limit); err != nil || !u.Allowed {
				break
			} else if n >= c.most {
				t.brokenf(ruleZero, "%s: %s: got %d tokens, want at most %d", t.name, c.name, n+1, c.most)
				break
			}
		}
	}
}

func (t *bucketTest) done() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u, err := t.limiter.Take(ctx, t.bucket, 1, hourly(2))
	if err == nil {
		t.allowed(ruleLimiterDone, "a full bucket", u, true)
	} else if u := t.takeFrom(t.bucket, 0, hourly(2)); u.Remaining != 2 {
		t.brokenf(ruleLimiterDone, "%s: after the error %q: got Remaining %d, want 2", t.name, err, u.Remaining)
	}
	t.bucket.ID += "2"
	t.takeFrom(t.bucket, 2, hourly(2))
	if u, err = t.limiter.Take(ctx, t.bucket, 1, hourly(2)); err == nil {
		t.allowed(ruleLimiterDone, "an empty bucket", u, false)
	}
}
