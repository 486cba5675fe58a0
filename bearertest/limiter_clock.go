package bearertest

import (
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what limiters do as time passes and limits change.

// clockSlack is how much sooner than a token a caller may be told to come,
// where a clock has only milliseconds.
const clockSlack = 2 * time.Millisecond

func (t *bucketTest) waits() {
	limit := bearer.Limit{Rate: 20, Burst: 2} // a token each 50 ms
	for _, n := range []int{1, 2} {
		t.drain(limit)
		u := t.take(n, limit)
		if u.Allowed {
			continue // the machine was slow
		}
		if u.Wait <= 0 || u.Wait > time.Duration(n)*50*time.Millisecond+clockSlack {
			t.brokenf(ruleRefuses, "%s: for %d tokens: got Wait %v, want more than 0 and at most %v",
				t.name, n, u.Wait, time.Duration(n)*50*time.Millisecond)
			continue
		}
		time.Sleep(u.Wait + clockSlack)
		t.allowed(ruleRefills, "after Wait", t.take(n, limit), true)
	}
	time.Sleep(200 * time.Millisecond)
	t.remaining(ruleRefills, "long after", t.take(0, limit), limit.Burst)
}

// drain takes tokens until it is refused, or has enough to know that it never
// will be. It returns how many it took.
func (t *bucketTest) drain(l bearer.Limit) (n int) {
	for n < 100 && t.take(1, l).Allowed {
		n++
	}
	return n
}

// rate counts what gets through in a while: no more than the burst and what
// flowed in since, at the edge of no window.
func (t *bucketTest) rate() {
	limit := bearer.Limit{Rate: 100, Burst: 4}
	admitted, start := 0, time.Now()
	for time.Since(start) < 100*time.Millisecond {
		admitted += t.drain(limit)
		time.Sleep(time.Millisecond)
	}
	t.atMost(admitted, limit, time.Since(start))

	time.Sleep(100 * time.Millisecond)
	start = time.Now()
	t.atMost(t.drain(limit), limit, time.Since(start))
}

// atMost allows for one token of rounding.
func (t *bucketTest) atMost(admitted int, l bearer.Limit, d time.Duration) {
	most := l.Burst + int(d.Seconds()*float64(l.Rate)) + 1
	if admitted > most {
		t.brokenf(ruleRefills, "%s: got %d tokens in %v, want at most %d", t.name, admitted, d, most)
	}
}

// parts looks at buckets that hold a part of a token more than a whole number.
func (t *bucketTest) parts() {
	const token = 50 * time.Millisecond
	limit := bearer.Limit{Rate: bearer.PerSecond(int(time.Second / token)).Rate, Burst: 4}
	whole := func(d time.Duration) int { return min(int(d/token), limit.Burst) }
	for _, nap := range []time.Duration{token / 2, token * 3 / 2} {
		t.bucket.ID += "+" // a full one
		earliest := time.Now()
		t.drain(limit)
		latest := time.Now()
		time.Sleep(nap)
		least := whole(time.Since(latest) - clockSlack)
		u := t.take(0, limit)
		most := whole(time.Since(earliest) + clockSlack)
		if u.Remaining < least || u.Remaining > most {
			t.brokenf(ruleCounts, "%s: %v after the last token was taken: got Remaining %d, want %d (%v a token)",
				t.name, nap, u.Remaining, least, token)
		}
	}
}

func (t *bucketTest) lowered() {
	t.take(1, hourly(10))
	u := t.take(3, hourly(2))
	t.allowed(ruleChange, "3 tokens after the burst was lowered to 2", u, false)
	if !u.Allowed && u.Wait >= 0 {
		t.brokenf(ruleChange, "%s: got Wait %v for more than the lowered burst, want a negative one", t.name, u.Wait)
	}
	if admitted := t.drain(hourly(2)); admitted > 2 {
		t.brokenf(ruleChange, "%s: got %d tokens after the burst was lowered to 2, want at most 2", t.name, admitted)
	}
}

func (t *bucketTest) raised() {
	t.take(2, hourly(2))
	t.allowed(ruleBurst, "an empty bucket", t.take(1, hourly(2)), false)
	fast := bearer.Limit{Rate: 20, Burst: 4}
	u := t.take(3, fast)
	if wait := 4 * 50 * time.Millisecond; !u.Allowed && (u.Wait < 0 || u.Wait > wait+clockSlack) {
		t.brokenf(ruleChange, "%s: got Wait %v after the limit was raised, want at most %v", t.name, u.Wait, wait)
	} else if !u.Allowed {
		time.Sleep(u.Wait + clockSlack)
		t.allowed(ruleChange, "a raised limit, after Wait", t.take(3, fast), true)
	}
}
