package limitersuite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// intN returns a random number below n, and unit one below 1.
func intN(n int) int { return rand.IntN(n) }   //nolint:gosec // no secret
func unit() float64  { return rand.Float64() } //nolint:gosec // no secret

// fastest are limits of which a token takes no whole number of milliseconds, or
// of microseconds.
func fastest() []bearer.Limit {
	drawn := func(most float64) float64 { return most * (0.11 + 0.89*unit()) }
	rates := []float64{1500, 700_000, 3_000_000, drawn(10_000), drawn(100_000), drawn(1_000_000)}
	limits := make([]bearer.Limit, len(rates))
	for i, r := range rates {
		limits[i] = bearer.Limit{Rate: rate.Limit(r), Burst: 10 * int(r)} // they fill in ten seconds
	}
	return limits
}

// fast empties buckets whose limits are fast. A limiter may be off by a hundredth:
// of a token that takes 333 nanoseconds, a third of one is a thousandth.
func (t *test) fast() {
	const slack = 100*time.Millisecond + clockSlack
	for i, l := range fastest() {
		b, start := t.named(strconv.Itoa(i)), time.Now()
		u := t.takeFrom(b, l.Burst, l)
		t.allowed(ruleBurst, "the burst", l.Burst, l, u, true)
		if full := 10 * time.Second; !within(u.Reset, full-slack-time.Since(start), full+slack) {
			t.Stopf(ruleRefills, "%s: the burst: got Reset %v, want about %v; %s", t.name, u.Reset, full, told(l.Burst, l, u))
		}
		u = t.takeFrom(b, l.Burst/2, l)
		took := time.Since(start)
		if took > time.Second {
			return // too slow to tell more
		}
		t.allowed(ruleRefills, "half of an empty bucket", l.Burst/2, l, u, false)
		if half := 5 * time.Second; !within(u.Wait, half-slack-took, half+slack) {
			t.Stopf(ruleRefuses, "%s: half of an empty bucket: got Wait %v, want about %v; %s",
				t.name, u.Wait, half, told(l.Burst/2, l, u))
		}
	}
}

// ofSeconds is how far off a time is, at most, that is a float64 of seconds since
// 1970: since 2004, one such time and the next are 238 nanoseconds apart.
const ofSeconds = 120e-9

// fastTokens takes from such buckets token by token, each of which a limiter
// might round down to nothing.
func (t *test) fastTokens() {
	for i, l := range fastest() {
		a := t.full(strconv.Itoa(i), l)
		for n, start := 0, time.Now(); n < 4000 && time.Since(start) < 30*time.Millisecond; n++ {
			a.model.loose = 40 + float64(n)*float64(l.Rate)*ofSeconds // 40 are a hundredth
			t.takeOf(a, ruleRefills, fmt.Sprintf("token %d", n+1), 1)
		}
	}
}

// drawnAccount returns a bucket whose limit is drawn at random: one that fills in
// a millisecond to a day, at up to ten thousand tokens a second. What is asked for
// is drawn, too: from none to one more than it ever holds.
func (t *test) drawnAccount(suffix string) *account {
	fill := math.Exp(unit()*math.Log(86400e3)) / 1e3 // seconds
	most := min(max(1, fill*10_000), 100_000)
	burst := math.Ceil(math.Exp(unit() * math.Log(most)))
	a := t.full(suffix, bearer.Limit{Rate: rate.Limit(burst / fill), Burst: int(burst)})
	// Limiters round by a thousandth of a token what floats tell, and may be off by
	// some of ofSeconds, one of each take.
	a.model.loose = 2e-3 + float64(a.model.limit.Rate)*1e-6
	a.next = func() int { return intN(2 + intN(a.model.limit.Burst+1)) }
	return a
}
