package limitersuite

import (
	"context"
	"strconv"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// checks are the checks in order. Scripts come first, in which no token flows
// in: a limiter that gets one of them wrong gets more wrong.
var checks = []struct {
	name string
	last bool // as in [report.Check]
	run  func(*test)
}{
	{"a first take", true, (*test).first},
	{"a new bucket", true, script(hourly(5), step{"a look", 0, ruleFull})},
	{"the burst", true, script(hourly(4),
		step{"the first of 4 tokens", 1, ruleBurst},
		step{"the second of 4 tokens", 1, ruleBurst},
		step{"the third of 4 tokens", 1, ruleBurst},
		step{"the last of 4 tokens", 1, ruleBurst},
		step{"a token of an empty bucket", 1, ruleBurst},
	)},
	{"several tokens", true, script(hourly(5),
		step{"3 of 5 tokens", 3, ruleBurst},
		step{"the last 2 of 5 tokens", 2, ruleBurst},
		step{"2 tokens of an empty bucket", 2, ruleBurst},
	)},
	{"a refused take", true, script(hourly(5),
		step{"3 of 5 tokens", 3, ruleBurst},
		step{"3 tokens where 2 are left", 3, ruleNothing},
		step{"3 tokens where 2 are left, again", 3, ruleNothing},
		step{"2 tokens after refusals", 2, ruleNothing},
	)},
	{"a look", true, script(hourly(3),
		step{"2 of 3 tokens", 2, ruleBurst},
		step{"a look where 1 token is left", 0, ruleLook},
		step{"another look where 1 token is left", 0, ruleLook},
		step{"a take after looks", 1, ruleLook},
		step{"a look into an empty bucket", 0, ruleLook},
	)},
	{"more than the burst", true, script(hourly(3),
		step{"4 tokens of a bucket for 3", 4, ruleNever},
		step{"3 tokens afterwards", 3, ruleNever},
	)},
	{"a large burst", true, script(bearer.Limit{Rate: 0.01, Burst: 100_000},
		step{"70,000 of 100,000 tokens", 70_000, ruleBurst},
		step{"a look where 30,000 tokens are left", 0, ruleLook},
	)},
	{"a slow limit", true, script(bearer.Limit{Rate: 1.0 / (3 * 24 * 3600), Burst: 10},
		step{"a token of 10 in a month", 1, ruleBurst},
		step{"9 tokens of 10 in a month", 9, ruleBurst},
		step{"a token of none in a month", 1, ruleBurst},
	)},
	{"other buckets", true, (*test).otherNames},
	{"IDs drawn at random", true, (*test).drawnNames},
	{"many buckets", true, (*test).manyBuckets},
	{spent, true, (*test).spend},
	{"waiting", true, (*test).waits},
	{"the rate", true, (*test).rate},
	{"fast limits", true, (*test).fast},
	{"fast limits, token by token", true, (*test).fastTokens},
	{"a lowered limit", false, (*test).lowered},
	{"a raised limit", false, (*test).raised},
	{"concurrent takes", false, func(t *test) { t.wantTogether(t.bucket, 64, 4, 1, 100) }},
	{"concurrent takes of three tokens", false, func(t *test) { t.wantTogether(t.bucket, 32, 4, 3, 100) }},
	{"concurrent first takes", false, (*test).exactAtFirst},
	{"the zero limit", false, (*test).zero},
	{"a context that is done", false, (*test).contextDone},
	{"several buckets of one ID", true, several(func(*bearer.Bucket, string) {})},
	{"several buckets of several IDs", true, several(func(b *bearer.Bucket, suffix string) { b.ID += suffix })},
}

// spent is the check whose buckets are asked again at the end.
const spent = "spent buckets"

// A step is a take, what it is about, and the rule that a wrong answer breaks.
type step struct {
	what string
	n    int
	rule report.Rule
}

func script(l bearer.Limit, steps ...step) func(*test) {
	return func(t *test) {
		t.model.limit = l
		for _, s := range steps {
			t.take(s.rule, s.what, s.n)
		}
	}
}

// hourly is a limit so slow that no token flows in during a test.
func hourly(burst int) bearer.Limit { return bearer.Limit{Rate: 1.0 / 3600, Burst: burst} }

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
		allowed := 0
		for range tt.most + 1 {
			u, err := t.ask(t.named(strconv.Itoa(i)), 1, tt.limit)
			switch {
			case err != nil:
				continue
			case u.Allowed:
				allowed++
			case u.Wait == 0:
				t.Stopf(ruleZero, "%s: %s: got Wait 0 without Allowed, want a negative one; %s",
					t.name, tt.name, told(1, tt.limit, u))
			}
			if u.Remaining > tt.most {
				t.Stopf(ruleZero, "%s: %s: got Remaining %d, want at most %d; %s",
					t.name, tt.name, u.Remaining, tt.most, told(1, tt.limit, u))
			}
		}
		if allowed > tt.most {
			t.Stopf(ruleZero, "%s: %s: got %d tokens, want at most %d", t.name, tt.name, allowed, tt.most)
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
		t.allowed(ruleDone, "a full bucket", 1, hourly(2), u, true)
	} else if u := t.takeFrom(t.bucket, 0, hourly(2)); u.Remaining != 2 {
		t.Stopf(ruleDone, "%s: after the error %q: got Remaining %d, want 2", t.name, err, u.Remaining)
	}
	empty := t.named("2")
	t.takeFrom(empty, 2, hourly(2))
	if u, err = t.limiter.Take(ctx, empty, 1, hourly(2)); err == nil {
		t.allowed(ruleDone, "an empty bucket", 1, hourly(2), u, false)
	}
}
