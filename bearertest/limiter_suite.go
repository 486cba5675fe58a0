package bearertest

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer"
)

// hourly is a limit so slow that no token flows in during a test.
func hourly(burst int) bearer.Limit { return bearer.Limit{Rate: 1.0 / 3600, Burst: burst} }

// drift is how far durations may be off: another machine's clock, a slow test.
const drift = 30 * time.Second

// TestLimiter tests a [bearer.Limiter]. If it finds misbehaviour, it returns an
// error for each rule that was broken, combined by [errors.Join].
//
// It calls newLimiter once for each group of rules. The limiters may share
// their buckets, as those over one server do: the names are random.
//
// The test takes less than a second, in which it sleeps until tokens flow in. A
// limiter that reads the clock by [time.Now] can be tested in a bubble of
// [testing/synctest].
func TestLimiter(newLimiter func() bearer.Limiter) error {
	t := &report{suite: "TestLimiter"}
	for _, check := range []struct {
		name string
		run  func(*bucketTest)
	}{
		{"a new bucket", (*bucketTest).full},
		{"the burst", (*bucketTest).burst},
		{"several tokens", (*bucketTest).several},
		{"a refused take", (*bucketTest).refused},
		{"a look", (*bucketTest).look},
		{"more than the burst", (*bucketTest).never},
		{"a negative take", (*bucketTest).negative},
		{"other buckets", (*bucketTest).parted},
		{"waiting", (*bucketTest).waits},
		{"the rate", (*bucketTest).rate},
		{"parts of a token", (*bucketTest).parts},
		{"a lowered limit", (*bucketTest).lowered},
		{"a raised limit", (*bucketTest).raised},
		{"concurrent takes", (*bucketTest).exact},
		{"the zero limit", (*bucketTest).zero},
		{"a cancelled context", (*bucketTest).done},
	} {
		t.run(check.name, ruleLimiterPanic, func() {
			id := "key_" + rand.Text()
			check.run(&bucketTest{t, newLimiter(), check.name, bearer.Bucket{Class: "key", ID: id}})
		})
	}
	return t.err()
}

// A bucketTest tests one limiter by one bucket.
type bucketTest struct {
	*report
	limiter bearer.Limiter
	name    string
	bucket  bearer.Bucket
}

// take takes from the bucket. An error is a finding.
func (t *bucketTest) take(n int, l bearer.Limit) bearer.Usage {
	return t.takeFrom(t.bucket, n, l)
}

func (t *bucketTest) takeFrom(b bearer.Bucket, n int, l bearer.Limit) bearer.Usage {
	u, err := t.limiter.Take(context.Background(), b, n, l)
	if err != nil {
		t.brokenf(ruleNoError, "%s: a take of %d: got the error %q, want nil", t.name, n, err)
	} else if u.Limit != l {
		t.brokenf(ruleLimit, "%s: got %s, want %s", t.name, limitText(u.Limit), limitText(l))
	}
	return u
}

// allowed reports a verdict that is not the one wanted.
func (t *bucketTest) allowed(r rule, what string, u bearer.Usage, want bool) {
	if u.Allowed != want {
		t.brokenf(r, "%s: %s: got Allowed %t, want %t", t.name, what, u.Allowed, want)
	}
	if u.Allowed && u.Wait != 0 {
		t.brokenf(ruleRefuses, "%s: %s: got Wait %v with Allowed, want 0", t.name, what, u.Wait)
	}
}

func (t *bucketTest) remaining(r rule, what string, u bearer.Usage, want int) {
	if u.Remaining != want {
		t.brokenf(r, "%s: %s: got Remaining %d, want %d", t.name, what, u.Remaining, want)
	}
}

// near compares a duration that shrinks while the test runs.
func (t *bucketTest) near(r rule, what string, got, want time.Duration) {
	if got > want+time.Second || got < want-drift {
		t.brokenf(r, "%s: %s: got %v, want about %v", t.name, what, got, want)
	}
}

func (t *bucketTest) full() {
	u := t.take(0, hourly(5))
	t.allowed(ruleFull, "a look", u, true)
	t.remaining(ruleFull, "a look", u, 5)
	t.near(ruleFull, "Reset of a full bucket", u.Reset, 0)
}

func (t *bucketTest) burst() {
	const burst = 4
	for i := range burst {
		u := t.take(1, hourly(burst))
		t.allowed(ruleBurst, "a take from the burst", u, true)
		t.remaining(ruleCounts, "a take from the burst", u, burst-1-i)
		t.near(ruleCounts, "Reset", u.Reset, time.Duration(i+1)*time.Hour)
	}
	u := t.take(1, hourly(burst))
	t.allowed(ruleBurst, "a take beyond the burst", u, false)
	t.remaining(ruleCounts, "a take beyond the burst", u, 0)
	t.near(ruleCounts, "Reset of an empty bucket", u.Reset, burst*time.Hour)
	t.waitOf(u, time.Hour)
}

// waitOf checks how long a caller who was refused is told to wait.
func (t *bucketTest) waitOf(u bearer.Usage, want time.Duration) {
	if !u.Allowed {
		t.near(ruleRefuses, "Wait", u.Wait, want)
	}
}

func (t *bucketTest) several() {
	u := t.take(3, hourly(5))
	t.allowed(ruleBurst, "3 of 5 tokens", u, true)
	t.remaining(ruleCounts, "3 of 5 tokens", u, 2)
	u = t.take(2, hourly(5))
	t.allowed(ruleBurst, "the last 2 of 5 tokens", u, true)
	t.remaining(ruleCounts, "the last 2 of 5 tokens", u, 0)
	u = t.take(2, hourly(5))
	t.allowed(ruleBurst, "2 tokens of an empty bucket", u, false)
	t.waitOf(u, 2*time.Hour)
}

func (t *bucketTest) refused() {
	t.take(3, hourly(5))
	for range 3 {
		u := t.take(3, hourly(5))
		t.allowed(ruleNothing, "3 tokens where 2 are left", u, false)
		t.remaining(ruleNothing, "3 tokens where 2 are left", u, 2)
		t.waitOf(u, time.Hour)
	}
	t.allowed(ruleNothing, "2 tokens after refusals", t.take(2, hourly(5)), true)
}

func (t *bucketTest) look() {
	t.take(2, hourly(3))
	for range 3 {
		u := t.take(0, hourly(3))
		t.allowed(ruleLook, "a look where 1 token is left", u, true)
		t.remaining(ruleLook, "a look where 1 token is left", u, 1)
	}
	t.allowed(ruleLook, "a take after looks", t.take(1, hourly(3)), true)
	u := t.take(0, hourly(3))
	t.allowed(ruleLook, "a look into an empty bucket", u, true)
	t.remaining(ruleLook, "a look into an empty bucket", u, 0)
}

func (t *bucketTest) never() {
	u := t.take(4, hourly(3))
	t.allowed(ruleNever, "4 tokens of a bucket for 3", u, false)
	if u.Wait >= 0 {
		t.brokenf(ruleNever, "%s: got Wait %v, want a negative one", t.name, u.Wait)
	}
	t.remaining(ruleNever, "4 tokens of a bucket for 3", u, 3)
	t.allowed(ruleNever, "3 tokens afterwards", t.take(3, hourly(3)), true)
}

func (t *bucketTest) negative() {
	t.take(2, hourly(2))
	u, err := t.limiter.Take(context.Background(), t.bucket, -2, hourly(2))
	if err == nil && u.Remaining > 0 {
		t.brokenf(ruleNegative, "%s: got Remaining %d of an empty bucket, want 0", t.name, u.Remaining)
	}
	t.allowed(ruleNegative, "a take after a negative one", t.take(1, hourly(2)), false)
}

// parted empties one bucket and looks at those whose names are similar.
func (t *bucketTest) parted() {
	id := t.bucket.ID
	for _, c := range []struct {
		name        string
		empty, full bearer.Bucket
	}{
		{"another ID", bearer.Bucket{Class: "key", ID: id}, bearer.Bucket{Class: "key", ID: id + "x"}},
		{"another class", bearer.Bucket{Class: "key", ID: id + "a"}, bearer.Bucket{Class: "token", ID: id + "a"}},
		{"another case", bearer.Bucket{Class: "key", ID: id + "b"}, bearer.Bucket{Class: "key", ID: id + "B"}},
		{"a colon in the ID", bearer.Bucket{Class: id, ID: "b:c"}, bearer.Bucket{Class: id + ":b", ID: "c"}},
		{"names that join to one", bearer.Bucket{Class: id, ID: "bc"}, bearer.Bucket{Class: id + "b", ID: "c"}},
		{"a space", bearer.Bucket{Class: "key", ID: id + "c "}, bearer.Bucket{Class: "key", ID: id + "c"}},
		{"braces", bearer.Bucket{Class: "key", ID: "{" + id + "}a"}, bearer.Bucket{Class: "key", ID: "{" + id + "}b"}},
	} {
		t.takeFrom(c.empty, 2, hourly(2))
		t.allowed(ruleParted, "the bucket itself", t.takeFrom(c.empty, 1, hourly(2)), false)
		t.allowed(ruleParted, c.name, t.takeFrom(c.full, 2, hourly(2)), true)
	}
}

// exact takes from one bucket on many goroutines.
func (t *bucketTest) exact() {
	const goroutines, takes, burst = 64, 4, 100
	var admitted atomic.Int64
	var ready, all sync.WaitGroup
	ready.Add(goroutines)
	for range goroutines {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			t.run(t.name, ruleLimiterPanic, func() {
				for range takes {
					if t.take(1, hourly(burst)).Allowed {
						admitted.Add(1)
					}
				}
			})
		})
	}
	all.Wait()
	if n := admitted.Load(); n != burst {
		t.brokenf(ruleExact, "%s: got %d of %d takes allowed, want %d", t.name, n, goroutines*takes, burst)
	}
}

func (t *bucketTest) zero() {
	for _, c := range []struct {
		name  string
		limit bearer.Limit
	}{
		{"no rate and no burst", bearer.Limit{}},
		{"a rate but no burst", bearer.Limit{Rate: 1}},
		{"PerSecond(0)", bearer.PerSecond(0)},
	} {
		u, err := t.limiter.Take(context.Background(), t.bucket, 1, c.limit)
		if err == nil && u.Allowed {
			t.brokenf(ruleZero, "%s: %s: got Allowed, want a refusal", t.name, c.name)
		}
	}
}

func (t *bucketTest) done() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u, err := t.limiter.Take(ctx, t.bucket, 1, hourly(2))
	if err == nil {
		t.allowed(ruleDone, "a full bucket", u, true)
	}
	t.bucket.ID += "2"
	t.take(2, hourly(2))
	u, err = t.limiter.Take(ctx, t.bucket, 1, hourly(2))
	if err == nil {
		t.allowed(ruleDone, "an empty bucket", u, false)
	}
}
