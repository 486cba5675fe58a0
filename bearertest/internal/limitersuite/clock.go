package limitersuite

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// waits empties a bucket and sleeps for as long as a refusal says.
func (t *test) waits() {
	t.model.limit = bearer.Limit{Rate: 20, Burst: 2} // a token each 50 ms
	for n := 1; n <= t.model.limit.Burst; n++ {
		t.drain()
		if u := t.take(ruleRefills, "tokens of an empty bucket", n); !u.Allowed {
			time.Sleep(u.Wait + clockSlack)
			t.allowed(ruleRefills, "after Wait", t.take(ruleRefills, "after Wait", n), true)
		}
	}
	time.Sleep(200 * time.Millisecond)
	t.take(ruleRefills, "a look, long after", 0)
}

// drain takes until it is refused, which a slow machine may never see.
func (t *test) drain() {
	for range 20 {
		if !t.take(ruleBurst, "a take", 1).Allowed {
			return
		}
	}
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

// lowered takes from a bucket whose limit then is a lower one: neither a bucket
// that holds more tokens holds them any longer, nor is an empty one refilled.
func (t *test) lowered() {
	t.takeFrom(t.bucket, 1, hourly(10))
	u := t.takeFrom(t.bucket, 3, hourly(2))
	t.allowed(ruleChange, "3 tokens after the burst was lowered to 2", u, false)
	if u.Wait >= 0 {
		t.Stopf(ruleChange, "%s: got Wait %v for more than the lowered burst, want a negative one", t.name, u.Wait)
	}
	t.takeFrom(t.bucket, 1, hourly(2))
	t.takeFrom(t.bucket, 1, hourly(2))
	t.allowed(ruleChange, "a third token after the burst was lowered to 2", t.takeFrom(t.bucket, 1, hourly(2)), false)

	empty := t.named("2")
	t.takeFrom(empty, 10, hourly(10))
	t.allowed(ruleChange, "an empty bucket whose burst was lowered", t.takeFrom(empty, 1, hourly(2)), false)
}

// raised empties a bucket, whose limit then is another. It holds nothing more
// for that, and fills as fast as any that holds the new limit.
func (t *test) raised() {
	start := time.Now()
	t.takeFrom(t.bucket, 2, hourly(2))
	fast := bearer.Limit{Rate: 20, Burst: 4}
	u := t.takeFrom(t.bucket, 3, fast)
	switch {
	case u.Allowed && time.Since(start) < 100*time.Millisecond: // 3 tokens take 150
		t.allowed(ruleChange, "an empty bucket whose limit was raised", u, false)
	case !u.Allowed && !within(u.Wait, 0, 200*time.Millisecond):
		t.Stopf(ruleChange, "%s: got Wait %v after the limit was raised to %+v, want at most 200ms", t.name, u.Wait, fast)
	case !u.Allowed:
		time.Sleep(u.Wait + clockSlack)
		t.allowed(ruleChange, "a raised limit, after Wait", t.takeFrom(t.bucket, 3, fast), true)
	}
}

// manyBuckets takes from many buckets, and asks one that was emptied before.
func (t *test) manyBuckets() {
	t.model.limit = hourly(2)
	t.take(ruleBurst, "the burst", 2)
	t.Together(10, t.name, rulePanic, func(g int) {
		for i := range 20 {
			u := t.takeFrom(t.named(strconv.Itoa(20*g+i)), 1, hourly(5))
			t.allowed(ruleOwnBucket, "a new bucket", u, true)
		}
	})
	t.take(ruleKeeps, "an empty bucket, after 200 others", 1)
}

// exactAtFirst takes from buckets that do not exist yet.
func (t *test) exactAtFirst() {
	const most = 300
	for i, start := 0, time.Now(); i < most && (i < 10 || time.Since(start) < 100*time.Millisecond); i++ {
		t.wantTogether(t.named(strconv.Itoa(i)), 8, 1, 1)
	}
}

// wantTogether takes more tokens than there are, so many on each goroutine.
func (t *test) wantTogether(b bearer.Bucket, goroutines, takes, burst int) {
	var allowed atomic.Int64
	t.Together(goroutines, t.name, rulePanic, func(int) {
		for range takes {
			if t.takeFrom(b, 1, hourly(burst)).Allowed {
				allowed.Add(1)
			}
		}
	})
	if n := int(allowed.Load()); n != burst {
		t.Stopf(ruleExact, "%s: got %d of %d takes allowed, want %d", t.name, n, goroutines*takes, burst)
	}
}
