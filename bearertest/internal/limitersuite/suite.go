// Package limitersuite tests limiters: it is behind bearertest.TestLimiter.
package limitersuite

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// Test tests the limiters that newLimiter returns, one for each check. The
// bucket of one check is asked again after all others.
func Test(newLimiter func() bearer.Limiter) error {
	r := report.New("TestLimiter")
	tests := make(map[string]*test)
	all := make([]report.Check, len(checks))
	for i, c := range checks {
		all[i] = report.Check{Name: c.name, Last: c.last, Run: func() {
			tests[c.name] = newTest(r, newLimiter, c.name)
			c.run(tests[c.name])
		}}
	}
	r.RunAll(rulePanic, all)
	for _, pause := range pauses() {
		if r.Clean() {
			time.Sleep(pause)
			r.Run(emptied, rulePanic, tests[emptied].askLater)
		}
	}
	return r.Err()
}

// A test tests one limiter, most often by one bucket.
type test struct {
	*report.Report
	name    string
	limiter bearer.Limiter
	bucket  bearer.Bucket
	model   model
	start   time.Time
	latest  time.Duration // when the latest take ended, since start
}

func newTest(r *report.Report, newLimiter func() bearer.Limiter, name string) *test {
	if newLimiter == nil {
		r.Stopf(report.Parts, "newLimiter: got nil, want a function that returns a limiter")
	}
	t := &test{Report: r, name: name, limiter: newLimiter(), start: time.Now()}
	if t.limiter == nil {
		r.Stopf(report.Parts, "newLimiter: got a nil limiter, want one")
	}
	t.bucket = bearer.Bucket{Class: "key", ID: "key_" + rand.Text()}
	return t
}

// first asks twice. A limiter that fails both times is not running, and more
// questions would say nothing more.
func (t *test) first() {
	_, err := t.ask(t.bucket, 0, hourly(2))
	_, again := t.ask(t.bucket, 1, hourly(2))
	if err != nil && again != nil && err.Error() == again.Error() {
		t.Stopf(report.Running, "every take: got the error %q, want an answer", err)
	}
}

// ask takes from a bucket, and waits for the answer for a while.
func (t *test) ask(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), report.CallTimeout)
	defer cancel()
	u, err := t.limiter.Take(ctx, b, n, l)
	if ctx.Err() != nil {
		t.Stopf(report.InTime, "%s: got no answer in %v, want one", t.name, report.CallTimeout)
	}
	return u, err
}

// takeFrom is ask where an error ends the check.
func (t *test) takeFrom(b bearer.Bucket, n int, l bearer.Limit) bearer.Usage {
	u, err := t.ask(b, n, l)
	if err != nil {
		t.Stopf(ruleNoError, "%s: a take of %d: got the error %q, want nil", t.name, n, err)
	}
	if u.Limit != l && u.Limit != (bearer.Limit{}) {
		t.Stopf(ruleLimit, "%s: got %+v, want %+v", t.name, u.Limit, l)
	}
	return u
}

// take takes from the bucket of the test, and compares the answer with the
// model.
func (t *test) take(rule report.Rule, what string, n int) bearer.Usage {
	begin := time.Since(t.start)
	u := t.takeFrom(t.bucket, n, t.model.limit)
	t.latest = time.Since(t.start)
	if field, finding := t.model.judge(n, u, begin, t.latest); field != "" {
		t.Stopf(ruleOf(field, rule), "%s: %s: %s", t.name, what, finding)
	}
	return u
}

// ruleOf returns the rule that a field broke: that of the take, if it says more.
func ruleOf(field string, ofTake report.Rule) report.Rule {
	switch {
	case field == "Allowed", ofTake == ruleFull, ofTake == ruleNever, ofTake == ruleKeeps,
		field == "Remaining" && (ofTake == ruleNothing || ofTake == ruleLook),
		field == "Wait" && ofTake == ruleRefills:
		return ofTake
	case field == "Wait":
		return ruleRefuses
	default:
		return ruleCounts
	}
}

// allowed ends the check if a verdict is not the one wanted.
func (t *test) allowed(rule report.Rule, what string, u bearer.Usage, want bool) {
	if u.Allowed != want {
		t.Stopf(rule, "%s: %s: got Allowed %t, want %t", t.name, what, u.Allowed, want)
	}
}

func (t *test) askLater() {
	since := (time.Since(t.start) - t.latest).Round(time.Millisecond)
	t.take(ruleKeeps, fmt.Sprintf("a take, %v after the last", since), 1)
}

// pauses are the times for which no client asks for that bucket, besides what the
// checks took: hours in a bubble of [testing/synctest]. There the clock stands
// still while a goroutine works.
func pauses() []time.Duration {
	start := time.Now()
	time.Sleep(time.Millisecond)
	if time.Since(start) != time.Millisecond {
		return []time.Duration{0}
	}
	return []time.Duration{0, time.Second, time.Minute, 30 * time.Minute, 31 * time.Minute, 3 * time.Hour}
}
