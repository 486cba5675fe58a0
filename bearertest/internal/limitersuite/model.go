package limitersuite

import (
	"fmt"
	"math"
	"time"

	"github.com/blockauth/bearer"
)

// clockSlack is how far off a clock may be that has only milliseconds.
const clockSlack = 2 * time.Millisecond

// rounding is how many tokens floats may be off.
const rounding = 1e-6

// A model is when a bucket is full: between early and late, since a limiter may
// read the clock at any time in the course of a take. A right limiter is within
// the model however slow the machine is.
//
// An example: of 4 tokens at 100 a second, one is taken between 0 and 3 ms: the
// bucket is full between 10 and 13 ms. Another is taken between 8 and 9 ms: at
// least 3.5 tokens were there (4 less those of 13-8 ms) and at most 3.9 (10-9
// ms), so that 2.5 to 2.9 are left, and the limiter has to tell 2. The bucket is
// full between 20 and 23 ms then.
//
// Times are those since the test began, when the bucket was full.
type model struct {
	limit       bearer.Limit
	early, late time.Duration
	since       time.Duration // it is not full
	loose       float64       // tokens that a limiter may be off by, besides
}

// filling returns how long n tokens take to flow in.
func (m *model) filling(n int) time.Duration {
	return time.Duration(float64(n) / float64(m.limit.Rate) * float64(time.Second))
}

// held returns how many tokens are there, at least and at most, in a take that
// lasts from begin to end. A clock can be late about what flowed in alone: not
// about a bucket that is full, or was just now.
func (m *model) held(begin, end time.Duration) (least, most float64) {
	at := func(missing time.Duration) float64 {
		return max(0, float64(m.limit.Burst)-max(0, missing.Seconds())*float64(m.limit.Rate)) + rounding
	}
	slack := min(clockSlack, begin-m.since)
	least, most = at(m.late+max(0, slack)-begin), at(m.early-clockSlack-end)
	return max(rounding, least-m.loose), min(most+m.loose, float64(m.limit.Burst)+rounding)
}

// wait returns how long it takes until n tokens are there, at least and at most.
func (m *model) wait(n int, begin, end time.Duration) (least, most time.Duration) {
	rest := m.filling(m.limit.Burst - n)
	return max(0, m.early-rest-end), max(0, m.late-rest-begin)
}

// take changes the model by the verdict of a take of n tokens: n were there if it
// was allowed, and less if not.
func (m *model) take(n int, allowed bool, begin, end time.Duration) {
	rest := m.filling(m.limit.Burst - n)
	if !allowed {
		m.early = max(m.early, begin+rest)
		return
	}
	if m.late+clockSlack < begin {
		m.since = end // it was full by any clock
	}
	m.early = max(m.early, begin) + m.filling(n)
	m.late = min(max(m.late, end), end+rest) + m.filling(n)
}

// judge compares an answer with the model. It returns the field that is wrong
// and how, or none.
func (m *model) judge(n int, u bearer.Usage, begin, end time.Duration) (field, finding string) {
	return m.judgeTaken(n, n, u, begin, end)
}

// judgeTaken is judge for a take of n tokens that takes less if it is allowed: as
// one of several of which another is refused.
func (m *model) judgeTaken(n, taken int, u bearer.Usage, begin, end time.Duration) (field, finding string) {
	least, most := m.held(begin, end)
	switch {
	case u.Allowed && (most < float64(n) || n > m.limit.Burst):
		return "Allowed", "got Allowed true, want false"
	case !u.Allowed && least >= float64(n):
		return "Allowed", "got Allowed false, want true"
	}
	if u.Allowed {
		m.take(taken, true, begin, end)
	} else {
		m.take(n, false, begin, end)
	}
	return m.judgeRest(n, u, begin, end)
}

// judgeRest compares what an answer tells with what is there after the take.
func (m *model) judgeRest(n int, u bearer.Usage, begin, end time.Duration) (field, finding string) {
	least, most := m.held(begin, end)
	least, most = math.Floor(least), math.Floor(most)
	soonest, latest := m.wait(n, begin, end)
	soonestFull, latestFull := m.wait(m.limit.Burst, begin, end)
	switch {
	case float64(u.Remaining) < least || float64(u.Remaining) > most:
		return "Remaining", fmt.Sprintf("got Remaining %d, want %v to %v", u.Remaining, least, most)
	case u.Allowed && u.Wait != 0:
		return "Wait", fmt.Sprintf("got Wait %v, want 0 with Allowed", u.Wait)
	case n > m.limit.Burst && u.Wait >= 0:
		return "Wait", fmt.Sprintf("got Wait %v, want a negative one", u.Wait)
	case !u.Allowed && n <= m.limit.Burst && (u.Wait <= 0 || !within(u.Wait, soonest, math.MaxInt64/2)):
		return "Wait", fmt.Sprintf("got Wait %v, want at least %v", u.Wait, soonest)
	case !u.Allowed && n <= m.limit.Burst && !within(u.Wait, soonest, latest):
		return "late Wait", fmt.Sprintf("got Wait %v, want at most %v", u.Wait, latest)
	case !within(u.Reset, soonestFull, latestFull):
		return "Reset", fmt.Sprintf("got Reset %v, want about %v", u.Reset, latestFull.Round(time.Millisecond))
	}
	return "", ""
}

// within reports whether a duration is between two. It may have come by a clock
// or a rate that is a little off, or be rounded up to whole seconds, as header
// fields are.
func within(got, least, most time.Duration) bool {
	least -= least/10_000 + clockSlack
	most += most/10_000 + clockSlack
	if got%time.Second == 0 {
		most = most.Truncate(time.Second) + time.Second
	}
	return got >= 0 && least <= got && got <= most
}
