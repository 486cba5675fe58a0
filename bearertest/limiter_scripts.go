package bearertest

import "github.com/blockauth/bearer"

// A step is a take, what it is about, and the rule that a wrong answer breaks.
type step struct {
	what string
	n    int
	rule rule
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

// play takes what a script says, up to the first wrong answer.
func (t *bucketTest) play(l bearer.Limit, steps []step) {
	t.band.limit = l
	for _, s := range steps {
		if _, ok := t.take(s.rule, s.what, s.n); !ok {
			return
		}
	}
}
