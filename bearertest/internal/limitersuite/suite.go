// Package limitersuite tests limiters: it is behind bearertest.TestLimiter.
//
// The file checks lists what is tested in order, and rules what a limiter has to
// do; names has what is asked about the names of buckets, rates about limits,
// clock about time, and several about takes from several buckets; model tells what
// an answer may be.
package limitersuite

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// Test tests the limiters that newLimiter returns, one for each check. The
// buckets of one check are asked again after all others.
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
			r.Run(spent, rulePanic, tests[spent].askLater)
		}
	}
	return r.Err()
}

// A test tests one limiter, most often by one bucket.
type test struct {
	*report.Report
	*account
	name    string
	limiter bearer.Limiter
	start   time.Time
	later   []*account // see askLater
}

// An account is a bucket, and what may be in it.
type account struct {
	bucket bearer.Bucket
	model  model
	latest time.Duration // when the latest take ended, since the test began

	// For askLater.
	rule report.Rule
	next func() int    // how many tokens are asked for
	due  time.Duration // not before then
}

func newTest(r *report.Report, newLimiter func() bearer.Limiter, name string) *test {
	if newLimiter == nil {
		r.Stopf(report.Parts, "newLimiter: got nil, want a function that returns a limiter")
	}
	t := &test{Report: r, name: name, limiter: newLimiter(), start: time.Now()}
	if t.limiter == nil {
		r.Stopf(report.Parts, "newLimiter: got a nil limiter, want one")
	}
	t.account = &account{bucket: bearer.Bucket{Policy: "default", Class: "key", ID: "key_" + rand.Text()}}
	return t
}

// account returns another bucket, which is full.
func (t *test) full(suffix string, l bearer.Limit) *account {
	now := time.Since(t.start)
	return &account{bucket: t.named(suffix), model: model{limit: l, early: now, late: now}, latest: now}
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
		t.Stopf(ruleLimit, "%s: got a limit of %s, want %s", t.name, text(u.Limit), text(l))
	}
	return u
}

// take takes from the bucket of the test, and compares the answer with the
// model.
func (t *test) take(rule report.Rule, what string, n int) bearer.Usage {
	return t.takeOf(t.account, rule, what, n)
}

func (t *test) takeOf(a *account, rule report.Rule, what string, n int) bearer.Usage {
	begin := time.Since(t.start)
	u := t.takeFrom(a.bucket, n, a.model.limit)
	a.latest = time.Since(t.start)
	if field, finding := a.model.judge(n, u, begin, a.latest); field != "" {
		t.Stopf(ruleOf(field, rule), "%s: %s: %s; %s", t.name, what, finding, told(n, a.model.limit, u))
	}
	return u
}

// ruleOf returns the rule that a field broke: that of the take, if it says more.
func ruleOf(field string, ofTake report.Rule) report.Rule {
	switch {
	case field == "Allowed", ofTake == ruleFull, ofTake == ruleNever, ofTake == ruleKeeps,
		ofTake == ruleOrder, ofTake == ruleSame,
		field == "Remaining" && (ofTake == ruleNothing || ofTake == ruleLook || ofTake == ruleAll || ofTake == ruleDone),
		field == "late Wait" && ofTake == ruleRefills: // as if less had flowed in
		return ofTake
	case strings.HasSuffix(field, "Wait"):
		return ruleRefuses
	default:
		return ruleCounts
	}
}

// allowed ends the check if a verdict is not the one wanted.
func (t *test) allowed(rule report.Rule, what string, n int, l bearer.Limit, u bearer.Usage, want bool) {
	if u.Allowed != want {
		t.Stopf(rule, "%s: %s: got Allowed %t, want %t; %s", t.name, what, u.Allowed, want, told(n, l, u))
	}
}

// told says what a take asked for, and the rest of the answer.
func told(n int, l bearer.Limit, u bearer.Usage) string {
	limit := "no limit"
	if u.Limit != (bearer.Limit{}) {
		limit = text(u.Limit)
	}
	return fmt.Sprintf("%d were asked for at %s, and it told %s, Remaining %d, Reset %v, Wait %v",
		n, text(l), limit, u.Remaining, u.Reset, u.Wait)
}

// text returns a limit in the unit that reads best.
func text(l bearer.Limit) string {
	rate, unit := float64(l.Rate), "second"
	for _, u := range []struct {
		name    string
		seconds float64
	}{{"minute", 60}, {"hour", 3600}, {"day", 86400}} {
		if rate > 0 && rate < 1 {
			rate, unit = float64(l.Rate)*u.seconds, u.name
		}
	}
	return fmt.Sprintf("%.6g per %s (burst %d)", rate, unit, l.Burst)
}
