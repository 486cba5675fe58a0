package bearertest

import (
	"fmt"
	"math"
	"time"

	"github.com/blockauth/bearer"
)

// This file is what a bucket may hold, and so what a limiter may answer.

// clockSlack is how far off a clock may be that has only milliseconds.
const clockSlack = 2 * time.Millisecond

// A band is what a bucket can hold: from least to most, since nobody knows when
// in the course of a take the limiter read the clock. However slow the machine
// is, a right limiter is within the band.
type band struct {
	limit      bearer.Limit
	low, high  float64   // tokens
	flowed     float64   // how many of low flowed in since the bucket was full
	begin, end time.Time // of the last take; zero: there was none
}

// flow lets tokens flow in until a take that lasts from begin to end.
func (b *band) flow(begin, end time.Time) {
	burst, rate := float64(b.limit.Burst), float64(b.limit.Rate)
	if b.begin.IsZero() {
		b.low, b.high = burst, burst
	} else {
		in := max(0, begin.Sub(b.end).Seconds()) * rate
		b.flowed += in
		b.low += in
		b.high = min(burst, b.high+end.Sub(b.begin).Seconds()*rate)
	}
	if b.low >= burst+b.slack() {
		b.flowed = 0 // full by any clock
	}
	b.low = min(b.low, burst)
	b.begin, b.end = begin, end
}

// settle takes what a take was allowed, or learns from a refusal that less than
// n was there.
func (b *band) settle(n int, allowed bool) {
	if allowed {
		b.low, b.high = max(0, b.low-float64(n)), b.high-float64(n)
	} else {
		b.high = min(b.high, float64(n))
	}
}

func (b *band) slack() float64 { return clockSlack.Seconds() * float64(b.limit.Rate) }

// least and most round as floats do: a millionth of a token.

func (b *band) least() float64 { return max(0, b.low-min(b.slack(), b.flowed)) + 1e-6 }

func (b *band) most() float64 { return min(float64(b.limit.Burst), b.high+b.slack()) + 1e-6 }

// until returns how long it takes until the bucket holds n tokens: at least and
// at most.
func (b *band) until(n int) (least, most time.Duration) {
	wait := func(held float64) time.Duration {
		return time.Duration(max(0, float64(n)-held) / float64(b.limit.Rate) * float64(time.Second))
	}
	return wait(b.most()), wait(b.least())
}

// A mismatch is what an answer has that it may not have.
type mismatch struct {
	field     string // of Usage
	got, want any
}

// judge compares the answer to a take with the band.
func (b *band) judge(n int, u bearer.Usage) *mismatch {
	switch {
	case u.Allowed && b.most() < float64(n), n > b.limit.Burst && u.Allowed:
		return &mismatch{"Allowed", true, false}
	case !u.Allowed && b.least() >= float64(n):
		return &mismatch{"Allowed", false, true}
	}
	b.settle(n, u.Allowed)
	least, most := int(math.Floor(b.least())), int(math.Floor(b.most()))
	if u.Remaining < least || u.Remaining > most {
		return &mismatch{"Remaining", u.Remaining, span(least, most)}
	}
	if m := b.judgeWait(n, u); m != nil {
		return m
	}
	if soonest, latest := b.until(b.limit.Burst); !within(u.Reset, soonest, latest) {
		return &mismatch{"Reset", u.Reset, "about " + latest.Round(time.Millisecond).String()}
	}
	return nil
}

func (b *band) judgeWait(n int, u bearer.Usage) *mismatch {
	soonest, latest := b.until(n)
	switch {
	case u.Allowed && u.Wait != 0:
		return &mismatch{"Wait", u.Wait, "0 with Allowed"}
	case n > b.limit.Burst && u.Wait >= 0:
		return &mismatch{"Wait", u.Wait, "a negative one"}
	case !u.Allowed && n <= b.limit.Burst && (u.Wait <= 0 || !within(u.Wait, soonest, latest)):
		return &mismatch{"Wait", u.Wait, "about " + latest.Round(time.Millisecond).String()}
	}
	return nil
}

func span(least, most int) any {
	if least == most {
		return least
	}
	return fmt.Sprintf("%d to %d", least, most)
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
