package bearertest

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/blockauth/bearer"
)

// TestLimiter tests a [bearer.Limiter]. If it finds misbehaviour, it returns an
// error for each rule that was broken, combined by [errors.Join].
//
// It calls newLimiter once for each group of rules. The limiters may share
// their buckets, as those over one server do: the names are random.
//
// A limiter may leave Usage.Limit zero, since a guard sets it. It may round
// Wait and Reset up to whole seconds, and may count time in milliseconds. What
// it does about [bearer.Unlimited] and a negative n is its own business: a
// guard asks about neither.
//
// The test takes about a second where a take is a matter of microseconds, in
// which it mostly sleeps until tokens flow in, and several where it goes over a
// network. A limiter that reads the clock by [time.Now] can be tested in a
// bubble of [testing/synctest]: at once, and for more than an hour of its time.
func TestLimiter(newLimiter func() bearer.Limiter) error {
	t := &limiterTest{report: newReport("TestLimiter"), newLimiter: newLimiter}
	if !t.run("a first take", ruleLimiterPanic, t.answers) || !t.clean() {
		return t.err()
	}
	for _, s := range scripts {
		t.check(s.name, func(b *bucketTest) { b.play(s.limit, s.steps) })
		if !t.clean() {
			return t.err() // the rest would find the same mistake
		}
	}
	drained := t.drained()
	if !t.clean() {
		return t.err()
	}
	for _, c := range bucketChecks {
		t.check(c.name, c.run)
		if c.base && !t.clean() || t.broken(ruleInTime) {
			return t.err()
		}
	}
	for _, nap := range naps() {
		time.Sleep(nap)
		t.run(drained.name, ruleLimiterPanic, drained.later)
	}
	return t.err()
}

// bucketChecks are the checks of a limiter that does right by the scripts.
var bucketChecks = []struct {
	name string
	run  func(*bucketTest)
	base bool // what is wrong here is wrong in what follows
}{
	{"other buckets", (*bucketTest).parted, true},
	{"many buckets", (*bucketTest).crowd, true},
	{"waiting", (*bucketTest).waits, true},
	{"the rate", (*bucketTest).rate, true},
	{"a lowered limit", (*bucketTest).lowered, false},
	{"a raised limit", (*bucketTest).raised, false},
	{"concurrent takes", (*bucketTest).exact, false},
	{"concurrent first takes", (*bucketTest).fresh, false},
	{"the zero limit", (*bucketTest).zero, false},
	{"a context that is done", (*bucketTest).done, false},
}

type limiterTest struct {
	report
	newLimiter func() bearer.Limiter
}

// check runs a check with a bucket of its own.
func (t *limiterTest) check(name string, run func(*bucketTest)) {
	t.run(name, ruleLimiterPanic, func() { run(t.bucket(name)) })
}

func (t *limiterTest) bucket(name string) *bucketTest {
	b := bearer.Bucket{Class: "key", ID: "key_" + rand.Text()}
	return &bucketTest{report: &t.report, limiter: t.newLimiter(), name: name, bucket: b}
}

// answers asks twice. A limiter that fails both times is not running, and more
// questions would say nothing more.
func (t *limiterTest) answers() {
	if t.newLimiter == nil {
		t.brokenf(ruleParts, "newLimiter: got nil, want a function that returns a limiter")
		return
	}
	b := t.bucket("a first take")
	if b.limiter == nil {
		t.brokenf(ruleParts, "newLimiter: got a nil limiter, want one")
		return
	}
	_, err := b.ask(b.bucket, 0, hourly(2))
	_, again := b.ask(b.bucket, 1, hourly(2))
	if err != nil && again != nil && err.Error() == again.Error() {
		t.brokenf(ruleRunning, "every take: got the error %q, want an answer", err)
	}
}

// A bucketTest tests one limiter by one bucket.
type bucketTest struct {
	*report
	limiter bearer.Limiter
	name    string
	bucket  bearer.Bucket
	band    band
}

// hourly is a limit so slow that no token flows in during a test.
func hourly(burst int) bearer.Limit { return bearer.Limit{Rate: 1.0 / 3600, Burst: burst} }

// ask takes from a bucket, and waits for the answer for a while.
func (t *bucketTest) ask(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	u, err := t.limiter.Take(ctx, b, n, l)
	if ctx.Err() != nil {
		t.brokenf(ruleInTime, "%s: got no answer in %v, want one", t.name, callTimeout)
	}
	return u, err
}

// takeFrom is ask where an error is a finding.
func (t *bucketTest) takeFrom(b bearer.Bucket, n int, l bearer.Limit) bearer.Usage {
	u, err := t.ask(b, n, l)
	switch {
	case err != nil:
		t.brokenf(ruleNoError, "%s: a take of %d: got the error %q, want nil", t.name, n, err)
	case u.Limit != l && u.Limit != bearer.Limit{}:
		t.brokenf(ruleLimit, "%s: got %s, want %s", t.name, limitText(u.Limit), limitText(l))
	}
	return u
}

// take takes from the bucket of the test. It reports whether all about the
// answer was right: if not, what comes later cannot be told any more.
func (t *bucketTest) take(r rule, what string, n int) (u bearer.Usage, ok bool) {
	begin := time.Now()
	u = t.takeFrom(t.bucket, n, t.band.limit)
	t.band.flow(begin, time.Now())
	if t.broken(ruleNoError) || t.broken(ruleInTime) {
		return u, false
	}
	m := t.band.judge(n, u)
	if m != nil {
		t.brokenf(ruleOf(m, r), "%s: %s: got %s %v, want %v", t.name, what, m.field, m.got, m.want)
	}
	return u, m == nil
}

// ruleOf returns the rule that an answer broke: that of the take, where it says
// more than the field.
func ruleOf(m *mismatch, r rule) rule {
	switch {
	case m.field == "Allowed", r == ruleFull, r == ruleNever, r == ruleKeeps:
		return r
	case (r == ruleNothing || r == ruleLook) && m.field == "Remaining", r == ruleRefills && m.field == "Wait":
		return r
	case m.field == "Wait":
		return ruleRefuses
	default:
		return ruleCounts
	}
}

// allowed reports a verdict that is not the one wanted.
func (t *bucketTest) allowed(r rule, what string, u bearer.Usage, want bool) {
	if u.Allowed != want {
		t.brokenf(r, "%s: %s: got Allowed %t, want %t", t.name, what, u.Allowed, want)
	}
}
