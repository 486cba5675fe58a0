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

// A model is what a bucket can hold: from low to high, since a limiter may read
// the clock at any time in the course of a take. A right limiter is within the
// model however slow the machine is.
//
// An example: of 4 tokens at 100 a second, one is taken between 0 and 3 ms, and
// one between 10 and 12 ms. Before the second take, at least 7 ms passed (3 to
// 10) and at most 12 (0 to 12), so that 3.7 to 4 tokens were there, and 2.7 to
// 3 are left: the limiter has to tell 2 or 3.
type model struct {
	limit      bearer.Limit
	low, high  float64   // tokens
	flowed     float64   // how many of low flowed in since the bucket was full
	begin, end time.Time // of the last take; zero: there was none
}

// flow lets tokens flow in until a take that lasts from begin to end.
func (m *model) flow(begin, end time.Time) {
	burst, rate := float64(m.limit.Burst), float64(m.limit.Rate)
	if m.begin.IsZero() {
		m.low, m.high = burst, burst
	} else {
		in := max(0, begin.Sub(m.end).Seconds()) * rate
		m.flowed += in
		m.low += in
		m.high = min(burst, m.high+end.Sub(m.begin).Seconds()*rate)
	}
	if m.low >= burst+m.slack() {
		m.flowed = 0 // full by any clock
	}
	m.low = min(m.low, burst)
	m.begin, m.end = begin, end
}

func (m *model) slack() float64 { return clockSlack.Seconds() * float64(m.limit.Rate) }

// least returns how many tokens are there by a clock that is late. It can be
// late about those only that flowed in.
func (m *model) least() float64 { return max(0, m.low-min(m.slack(), m.flowed)) + rounding }

// most returns how many tokens are there by a clock that is early.
func (m *model) most() float64 { return min(float64(m.limit.Burst), m.high+m.slack()) + rounding }

// until returns how long it takes until the bucket holds n tokens: at least and
// at most.
func (m *model) until(n int) (least, most time.Duration) {
	wait := func(held float64) time.Duration {
		return time.Duration(max(0, float64(n)-held) / float64(m.limit.Rate) * float64(time.Second))
	}
	return wait(m.most()), wait(m.least())
}

// A mismatch is what an answer has that it may not have.
type mismatch struct {
	field     string // of Usage
	got, want any
}

// judge compares the answer to a take of n tokens with the model, which then
// lacks what was taken. Of a bucket that refused n, it knows that less than n
// was there.
func (m *model) judge(n int, u bearer.Usage) *mismatch {
	tokens := float64(n)
	switch {
	case u.Allowed && (m.most() < tokens || n > m.limit.Burst):
		return &mismatch{"Allowed", true, false}
	case !u.Allowed && m.least() >= tokens:
		return &mismatch{"Allowed", false, true}
	case u.Allowed:
		m.low, m.high = max(0, m.low-tokens), m.high-tokens
	default:
		m.high = min(m.high, tokens)
	}
	return m.judgeUsage(n, u)
}

// judgeUsage compares what an answer tells with what is left.
func (m *model) judgeUsage(n int, u bearer.Usage) *mismatch {
	least, most := math.Floor(m.least()), math.Floor(m.most())
	soonest, latest := m.until(n)
	soonestFull, latestFull := m.until(m.limit.Burst)
	switch {
	case float64(u.Remaining) < least || float64(u.Remaining) > most:
		return &mismatch{"Remaining", u.Remaining, span(least, most)}
	case u.Allowed && u.Wait != 0:
		return &mismatch{"Wait", u.Wait, "0 with Allowed"}
	case n > m.limit.Burst && u.Wait >= 0:
		return &mismatch{"Wait", u.Wait, "a negative one"}
	case !u.Allowed && n <= m.limit.Burst && (u.Wait <= 0 || !within(u.Wait, soonest, latest)):
		return &mismatch{"Wait", u.Wait, "about " + latest.Round(time.Millisecond).String()}
	case !within(u.Reset, soonestFull, latestFull):
		return &mismatch{"Reset", u.Reset, "about " + latestFull.Round(time.Millisecond).String()}
	}
	return nil
}

func span(least, most float64) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%v to %v", least, most)
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
