package limitersuite

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// waits empties a bucket and sleeps for as long as a refusal says.
func (t *test) waits() {
	t.model.limit = bearer.Limit{Rate: 20, Burst: 2} // a token each 50 ms
	for n := 1; n <= t.model.limit.Burst; n++ {
		t.drain()
		u := t.take(ruleRefills, "tokens of an empty bucket", n)
		if u.Allowed {
			continue
		}
		time.Sleep(u.Wait + clockSlack)
		what := fmt.Sprintf("%v after a Wait of %v", clockSlack, u.Wait)
		t.allowed(ruleRefuses, what, n, t.model.limit, t.take(ruleRefills, what, n), true)
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

// lowered takes from buckets whose limit then is a lower one: what is there and
// fits stays, and no more; an empty bucket is not filled. One of which the rate
// alone is lower may fill, though, if it keeps the time that it takes to: of 10
// tokens at 2 an hour, that is 5 hours, in which 5 flow in at 1 an hour.
func (t *test) lowered() {
	t.takeFrom(t.bucket, 1, hourly(10))
	u := t.changed(hourly(10), t.bucket, 3, hourly(2), false)
	if u.Wait >= 0 {
		t.Stopf(ruleChange, "%s: after the limit was %s: got Wait %v for more than the burst, want a negative one; %s",
			t.name, text(hourly(10)), u.Wait, told(3, hourly(2), u))
	}
	t.changed(hourly(10), t.bucket, 1, hourly(2), true)
	t.takeFrom(t.bucket, 1, hourly(2))
	t.changed(hourly(10), t.bucket, 1, hourly(2), false)

	empty := t.named("2")
	t.takeFrom(empty, 10, hourly(10))
	t.changed(hourly(10), empty, 1, hourly(2), false)
}

// changed takes from a bucket that had another limit before.
func (t *test) changed(before bearer.Limit, b bearer.Bucket, n int, l bearer.Limit, want bool) bearer.Usage {
	u := t.takeFrom(b, n, l)
	what := "after the limit was " + text(before)
	t.allowed(ruleChange, what, n, l, u, want)
	if u.Remaining < 0 || u.Remaining > l.Burst || u.Reset < 0 {
		t.Stopf(ruleChange, "%s: %s: got Remaining %d and Reset %v, want 0 to %d and no negative Reset; %s",
			t.name, what, u.Remaining, u.Reset, l.Burst, told(n, l, u))
	}
	return u
}

// raised empties buckets, whose limit then is another. They hold nothing more for
// that, but for what a burst of the same rate has more, and fill as fast as any
// that hold the new limit.
func (t *test) raised() {
	faster := bearer.Limit{Rate: 2.0 / 3600, Burst: 10}
	t.takeFrom(t.named("rate"), 10, hourly(10))
	t.changed(hourly(10), t.named("rate"), 1, faster, false)
	t.takeFrom(t.named("rate, used"), 1, hourly(10))
	t.changed(hourly(10), t.named("rate, used"), 5, faster, true)
	t.takeFrom(t.named("burst"), 2, hourly(2))
	t.changed(hourly(2), t.named("burst"), 3, hourly(4), false)
	t.raisedBoth()
}

// raisedBoth raises the rate and the burst, and waits.
func (t *test) raisedBoth() {
	start := time.Now()
	t.takeFrom(t.bucket, 2, hourly(2))
	fast := bearer.Limit{Rate: 20, Burst: 4}
	u := t.takeFrom(t.bucket, 3, fast)
	before := "after the limit was " + text(hourly(2))
	switch {
	case u.Allowed && time.Since(start) < 100*time.Millisecond: // 3 tokens take 150
		t.allowed(ruleChange, before, 3, fast, u, false)
	case !u.Allowed && !within(u.Wait, 0, 200*time.Millisecond):
		t.Stopf(ruleChange, "%s: %s: got Wait %v, want at most 200ms; %s", t.name, before, u.Wait, told(3, fast, u))
	case !u.Allowed:
		time.Sleep(u.Wait + clockSlack)
		t.allowed(ruleChange, before+", and a Wait of "+u.Wait.String(), 3, fast, t.takeFrom(t.bucket, 3, fast), true)
	}
}

// The most that manyBuckets takes from, and the longest that it does.
const (
	manyOthers    = 17_000
	manyOthersFor = 250 * time.Millisecond
)

// manyBuckets takes a little from many buckets, and asks one that was emptied
// before. A limiter that has to forget forgets those first that lack the least.
func (t *test) manyBuckets() {
	t.model.limit = hourly(2)
	t.take(ruleBurst, "the burst", 2)
	var others atomic.Int64
	start := time.Now()
	t.Together(10, t.name, rulePanic, func(g int) {
		for i := 0; i < manyOthers/10 && (i < 20 || time.Since(start) < manyOthersFor); i++ {
			u := t.takeFrom(t.named(fmt.Sprintf("%d.%d", g, i)), 1, hourly(5))
			t.allowed(ruleOwnBucket, "a new bucket", 1, hourly(5), u, true)
			if u.Remaining != 4 { // another has taken from it
				t.Stopf(ruleOwnBucket, "%s: a new bucket: got Remaining %d, want 4; %s", t.name, u.Remaining, told(1, hourly(5), u))
			}
			others.Add(1)
		}
	})
	t.take(ruleKeeps, fmt.Sprintf("an empty bucket, after %d others", others.Load()), 1)
}

// exactAtFirst takes from buckets that do not exist yet.
func (t *test) exactAtFirst() {
	const most = 300
	for i, start := 0, time.Now(); i < most && (i < 10 || time.Since(start) < 100*time.Millisecond); i++ {
		t.wantTogether(t.named(strconv.Itoa(i)), 8, 1, 1, 1)
	}
}

// wantTogether takes more than there is, by so many takes of n tokens on each
// goroutine.
func (t *test) wantTogether(b bearer.Bucket, goroutines, takes, n, burst int) {
	var allowed atomic.Int64
	t.Together(goroutines, t.name, rulePanic, func(int) {
		for range takes {
			if t.takeFrom(b, n, hourly(burst)).Allowed {
				allowed.Add(1)
			}
		}
	})
	if got, want := int(allowed.Load()), burst/n; got != want {
		t.Stopf(ruleExact, "%s: got %d of %d takes of %d allowed at %s, want %d",
			t.name, got, goroutines*takes, n, text(hourly(burst)), want)
	}
}

// weeks is how long the slowest bucket of spend takes to fill: longer than all
// pauses.
const weeks = 40 * 24 * time.Hour

// spend empties buckets that fill in a second or so, which are asked again when
// that is almost over, and one that fills in weeks. Beside them are buckets whose
// limits and takes are drawn at random.
func (t *test) spend() {
	for i, seconds := range []float64{1.3, 1.7, 2.9, weeks.Seconds()} {
		fill := time.Duration(seconds * float64(time.Second))
		a := t.full(strconv.Itoa(i), bearer.Limit{Rate: rate.Limit(4 / seconds), Burst: 4})
		t.takeOf(a, ruleBurst, "the burst", 4)
		a.rule, a.next, a.due = ruleKeeps, func() int { return 0 }, a.latest+fill-250*time.Millisecond
		if fill > time.Hour {
			a.next, a.due = func() int { return 1 }, 0
		}
		t.later = append(t.later, a)
	}
	for i := range 40 {
		t.later = append(t.later, t.drawnAccount("drawn"+strconv.Itoa(i)))
	}
}

// askLater takes from those buckets again. They must be known however long no
// client asks for them.
func (t *test) askLater() {
	for _, a := range t.later {
		if time.Since(t.start) < a.due {
			continue
		}
		since := (time.Since(t.start) - a.latest).Round(time.Millisecond)
		t.takeOf(a, a.rule, fmt.Sprintf("a take, %v after the last", since), a.next())
	}
}

// pauses are the times for which no client asks for those buckets, besides what
// the checks took: up to weeks in a bubble of [testing/synctest].
func pauses() []time.Duration {
	if !report.InBubble() {
		return make([]time.Duration, 3)
	}
	pauses := []time.Duration{0, 0, 0, 2*time.Hour + time.Second, 25 * time.Hour, 8 * 24 * time.Hour, 20 * 24 * time.Hour}
	for range 30 {
		pauses = append(pauses, 100*time.Millisecond)
	}
	for range 40 {
		seconds := math.Exp(unit()*math.Log(2*86400e3)) / 1e3 // a millisecond to two days
		pauses = append(pauses, time.Duration(seconds*float64(time.Second)))
	}
	slices.Sort(pauses)
	return pauses
}
