package bearertest

import (
	"fmt"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what limiters do as time passes and limits change.

func (t *bucketTest) waits() {
	t.band.limit = bearer.Limit{Rate: 20, Burst: 2} // a token each 50 ms
	for n := 1; n <= t.band.limit.Burst; n++ {
		if !t.drain() {
			return
		}
		u, ok := t.take(ruleRefills, "tokens of an empty bucket", n)
		if !ok {
			return
		}
		time.Sleep(u.Wait + clockSlack)
		if u, ok = t.take(ruleRefills, "after Wait", n); !ok {
			return
		}
		t.allowed(ruleRefills, "after Wait", u, true)
	}
	time.Sleep(200 * time.Millisecond)
	t.take(ruleRefills, "a look, long after", 0)
}

// drain takes tokens until it is refused, or long enough to know that the
// machine is too slow for that. It reports whether all answers were right.
func (t *bucketTest) drain() bool {
	for range t.band.limit.Burst + 20 {
		u, ok := t.take(ruleBurst, "a take", 1)
		if !ok || !u.Allowed {
			return ok
		}
	}
	return true
}

// rate asks for a token all the time, then not for a while, and then again: no
// more gets through than the burst and what flowed in since, at the edge of no
// window, and no less.
func (t *bucketTest) rate() {
	t.band.limit = bearer.Limit{Rate: 100, Burst: 4}
	t.poll("a caller who does not wait", 120*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	t.poll("a caller who comes back", 20*time.Millisecond)
}

func (t *bucketTest) poll(what string, d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
		u, ok := t.take(ruleRefills, what, 1)
		if !ok {
			return
		}
		if !u.Allowed {
			time.Sleep(time.Millisecond)
		}
	}
}

// drained empties a bucket, for later.
func (t *limiterTest) drained() (b *bucketTest) {
	t.check("an empty bucket", func(drained *bucketTest) {
		b = drained
		b.band.limit = hourly(2)
		_, _ = b.take(ruleBurst, "the burst", 2)
	})
	return b
}

// naps are for how long nobody asks for the bucket that was drained, besides
// what the other checks took: hours, where that is nothing.
func naps() []time.Duration {
	if !inBubble() {
		return []time.Duration{0}
	}
	return []time.Duration{0, time.Second, time.Minute, 30 * time.Minute, 31 * time.Minute, 3 * time.Hour}
}

// later asks for a token of the bucket that was drained.
func (t *bucketTest) later() {
	if !t.broken(ruleKeeps) {
		_, _ = t.take(ruleKeeps, fmt.Sprintf("a take, %v after the last", time.Since(t.band.end).Round(time.Millisecond)), 1)
	}
}

// inBubble reports whether the clock is that of a bubble of [testing/synctest],
// which stands still while anybody works.
func inBubble() bool {
	start := time.Now()
	time.Sleep(time.Millisecond)
	return time.Since(start) == time.Millisecond
}

func (t *bucketTest) lowered() {
	t.takeFrom(t.bucket, 1, hourly(10))
	u := t.takeFrom(t.bucket, 3, hourly(2))
	t.allowed(ruleChange, "3 tokens after the burst was lowered to 2", u, false)
	if !u.Allowed && u.Wait >= 0 {
		t.brokenf(ruleChange, "%s: got Wait %v for more than the lowered burst, want a negative one", t.name, u.Wait)
	}
	admitted := 0
	for admitted < 3 && t.takeFrom(t.bucket, 1, hourly(2)).Allowed {
		admitted++
	}
	if admitted > 2 {
		t.brokenf(ruleChange, "%s: got %d tokens after the burst was lowered to 2, want at most 2", t.name, admitted)
	}

	t.bucket.ID += "2"
	t.takeFrom(t.bucket, 10, hourly(10))
	u = t.takeFrom(t.bucket, 1, hourly(2))
	t.allowed(ruleChange, "an empty bucket whose burst was lowered", u, false)
}

// raised empties a bucket, whose limit then is another. It holds nothing more
// for that, and fills as fast as any that holds the new limit.
func (t *bucketTest) raised() {
	t.takeFrom(t.bucket, 2, hourly(2))
	start := time.Now()
	fast := bearer.Limit{Rate: 20, Burst: 4}
	u := t.takeFrom(t.bucket, 3, fast)
	soon := time.Since(start) < 100*time.Millisecond // 3 tokens take 150
	switch {
	case u.Allowed && soon:
		t.allowed(ruleChange, "an empty bucket whose limit was raised", u, false)
	case !u.Allowed && !within(u.Wait, 0, 200*time.Millisecond):
		t.brokenf(ruleChange, "%s: got Wait %v after the limit was raised to %s, want at most 200ms",
			t.name, u.Wait, limitText(fast))
	case !u.Allowed:
		time.Sleep(u.Wait + clockSlack)
		t.allowed(ruleChange, "a raised limit, after Wait", t.takeFrom(t.bucket, 3, fast), true)
	}
}
