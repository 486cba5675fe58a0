package limitersuite

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// waits empties a bucket and sleeps for as long as a refusal says.
func (t *test) waits() {
	t.model.limit = bearer.Limit{Rate: 20, Burst: 2} // a token each 50 ms
	for n := 1; n <= t.model.limit.Burst; n++ {
		for range t.model.limit.Burst + 20 { // a slow machine may never see it refuse
			if !t.take(ruleBurst, "a take", 1).Allowed {
				break
			}
		}
		u := t.take(ruleRefills, "tokens of an empty bucket", n)
		time.Sleep(u.Wait + clockSlack)
		u = t.take(ruleRefills, "after Wait", n)
		t.allowed(ruleRefills, "after Wait", u, true)
	}
	time.Sleep(200 * time.Millisecond)
	t.take(ruleRefills, "a look, long after", 0)
}

// rate asks for a token all the time, then not for a while, and then again: no
// more gets through than the burst and what flowed in since, at the edge of no
// window, and no less.
func (t *test) rate() {
	t.model.limit = bearer.Limit{Rate: 100, Burst: 4}
	t.poll("a client that does not wait", 120*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	t.poll("a client that comes back", 20*time.Millisecond)
}

func (t *test) poll(what string, d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
		if !t.take(ruleRefills, what, 1).Allowed {
			time.Sleep(time.Millisecond)
		}
	}
}

// together calls f on goroutines that begin at the same time.
func (t *test) together(goroutines int, f func(g int)) {
	var ready, all sync.WaitGroup
	ready.Add(goroutines)
	for g := range goroutines {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			t.Catch(t.name, rulePanic, func() { f(g) })
		})
	}
	all.Wait()
}

// manyBuckets takes from many buckets, and asks one that was emptied before.
func (t *test) manyBuckets() {
	t.model.limit = hourly(2)
	t.take(ruleBurst, "the burst", 2)
	t.together(10, func(g int) {
		for i := range 20 {
			other := t.named(strconv.Itoa(g) + "." + strconv.Itoa(i))
			t.allowed(ruleOwnBucket, "a new bucket", t.takeFrom(other, 1, hourly(5)), true)
		}
	})
	t.take(ruleKeeps, "an empty bucket, after 200 others", 1)
}

// exact takes one token at a time from one bucket.
func (t *test) exact() {
	const goroutines, takes, burst = 64, 4, 100
	t.wantTogether(t.bucket, goroutines, takes, burst)
}

// exactAtFirst does so with buckets that do not exist yet.
func (t *test) exactAtFirst() {
	const most, goroutines = 300, 8
	for i, start := 0, time.Now(); i < most && (i < 10 || time.Since(start) < 100*time.Millisecond); i++ {
		t.wantTogether(t.named(strconv.Itoa(i)), goroutines, 1, 1)
	}
}

// wantTogether takes a token so often on each of the goroutines, more often
// than the burst allows.
func (t *test) wantTogether(b bearer.Bucket, goroutines, takes, burst int) {
	var allowed atomic.Int64
	t.together(goroutines, func(int) {
		for range takes {
			if t.takeFrom(b, 1, hourly(burst)).Allowed {
				allowed.Add(1)
			}
		}
	})
	if n := allowed.Load(); n != int64(burst) {
		t.Stopf(ruleExact, "%s: got %d of %d takes allowed, want %d", t.name, n, goroutines*takes, burst)
	}
}
