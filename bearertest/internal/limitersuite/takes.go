package limitersuite

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A step is a take, what it is about, and the rule that a wrong answer breaks.
type step struct {
	what string
	n    int
	rule report.Rule
}

// scripts are takes from one bucket, one after another, while no token flows
// in.
var scripts = []struct {
	name  string
	limit bearer.Limit
	steps []step
}{
	{"a new bucket", hourly(5), []step{{"a look", 0, ruleFull}}},
	{"the burst", hourly(4), []step{
		{"the first of 4 tokens", 1, ruleBurst},
		{"the second of 4 tokens", 1, ruleBurst},
		{"the third of 4 tokens", 1, ruleBurst},
		{"the last of 4 tokens", 1, ruleBurst},
		{"a token of an empty bucket", 1, ruleBurst},
	}},
	{"several tokens", hourly(5), []step{
		{"3 of 5 tokens", 3, ruleBurst},
		{"the last 2 of 5 tokens", 2, ruleBurst},
		{"2 tokens of an empty bucket", 2, ruleBurst},
	}},
	{"a refused take", hourly(5), []step{
		{"3 of 5 tokens", 3, ruleBurst},
		{"3 tokens where 2 are left", 3, ruleNothing},
		{"3 tokens where 2 are left, again", 3, ruleNothing},
		{"2 tokens after refusals", 2, ruleNothing},
	}},
	{"a look", hourly(3), []step{
		{"2 of 3 tokens", 2, ruleBurst},
		{"a look where 1 token is left", 0, ruleLook},
		{"another look where 1 token is left", 0, ruleLook},
		{"a take after looks", 1, ruleLook},
		{"a look into an empty bucket", 0, ruleLook},
	}},
	{"more than the burst", hourly(3), []step{
		{"4 tokens of a bucket for 3", 4, ruleNever},
		{"3 tokens afterwards", 3, ruleNever},
	}},
	{"a large burst", bearer.Limit{Rate: 0.01, Burst: 100_000}, []step{
		{"70,000 of 100,000 tokens", 70_000, ruleBurst},
		{"a look where 30,000 tokens are left", 0, ruleLook},
	}},
}

func (t *test) play(l bearer.Limit, steps []step) {
	t.model.limit = l
	for _, s := range steps {
		t.take(s.rule, s.what, s.n)
	}
}

// named returns the bucket of the test under a longer name. The classes are
// those of a guard.
func (t *test) named(suffix string) bearer.Bucket {
	return bearer.Bucket{Class: "key", ID: t.bucket.ID + suffix}
}

// otherNames empties one bucket and asks for those whose names are similar. A
// name that the limiter cannot take is left out.
func (t *test) otherNames() {
	id, long := t.bucket.ID, t.bucket.ID+strings.Repeat("x", 200)
	for _, tt := range []struct{ name, class, empty, other, full string }{
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
		if _, err := t.ask(bearer.Bucket{Class: tt.class, ID: tt.empty}, 2, hourly(2)); err != nil {
			continue
		}
		if u, err := t.ask(bearer.Bucket{Class: tt.other, ID: tt.full}, 2, hourly(2)); err == nil {
			t.allowed(ruleOwnBucket, tt.name, u, true)
		}
	}
}

func (t *test) zero() {
	for i, tt := range []struct {
		name  string
		limit bearer.Limit
		most  int
	}{
		{"no rate and no burst", bearer.Limit{}, 0},
		{"a rate but no burst", bearer.Limit{Rate: 1}, 0},
		{"PerSecond(0)", bearer.PerSecond(0), 0},
		{"a burst of 3 but no rate", bearer.Limit{Burst: 3}, 3},
	} {
		for n := range tt.most + 1 {
			if u, err := t.ask(t.named(strconv.Itoa(i)), 1, tt.limit); err != nil || !u.Allowed {
				break
			} else if n == tt.most {
				t.Stopf(ruleZero, "%s: %s: got %d tokens, want at most %d", t.name, tt.name, n+1, tt.most)
			}
		}
	}
}

// contextDone takes from a full and from an empty bucket by a context that is
// done.
func (t *test) contextDone() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	u, err := t.limiter.Take(ctx, t.bucket, 1, hourly(2))
	if err == nil {
		t.allowed(ruleDone, "a full bucket", u, true)
	} else if u := t.takeFrom(t.bucket, 0, hourly(2)); u.Remaining != 2 {
		t.Stopf(ruleDone, "%s: after the error %q: got Remaining %d, want 2", t.name, err, u.Remaining)
	}
	empty := t.named("2")
	t.takeFrom(empty, 2, hourly(2))
	if u, err = t.limiter.Take(ctx, empty, 1, hourly(2)); err == nil {
		t.allowed(ruleDone, "an empty bucket", u, false)
	}
}

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
	if u.Allowed {
		slow := time.Since(start) >= 100*time.Millisecond // 3 tokens take 150
		t.allowed(ruleChange, "an empty bucket whose limit was raised", u, slow)
		return
	}
	if !within(u.Wait, 0, 200*time.Millisecond) {
		t.Stopf(ruleChange, "%s: got Wait %v after the limit was raised to %+v, want at most 200ms", t.name, u.Wait, fast)
	}
	time.Sleep(u.Wait + clockSlack)
	t.allowed(ruleChange, "a raised limit, after Wait", t.takeFrom(t.bucket, 3, fast), true)
}
