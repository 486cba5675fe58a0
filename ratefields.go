package bearer

import (
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/time/rate"
)

// This file is the rate limit fields: RateLimit-Policy and RateLimit of
// draft-ietf-httpapi-ratelimit-headers-11, and the X-RateLimit-* fields that
// were usual before it.

const (
	policyField = "Ratelimit-Policy"
	stateField  = "Ratelimit"
	legacyLimit = "X-Ratelimit-Limit"
	legacyLeft  = "X-Ratelimit-Remaining"
	legacyReset = "X-Ratelimit-Reset"

	maxFieldLength  = 47                  // of the values of policyField and stateField, which have up to 40 bytes
	maxFieldInteger = 999_999_999_999_999 // the largest of a structured field: RFC 9651 section 3.3.1
)

// rateFields sets the fields of acceptances. It remembers their values: callers
// who have one limit, and as much left, get the same.
type rateFields struct {
	legacy   bool // Config.LegacyRateHeaders
	policies textCache[Limit]
	states   textCache[rateState]
}

// set sets the fields of an acceptance, if it was charged: u is zero if not.
// Their values are kept in an array of the caller's.
func (f *rateFields) set(h http.Header, u *Usage, values *[2]string) {
	if u.Limit == (Limit{}) || !(u.Limit.Rate < rate.Inf) { // NaN too
		return
	}
	s := u.state()
	values[0] = f.policies.text(uint(u.Limit.Burst), u.Limit, appendPolicy)
	// With as much left, and a token a second or more, the seconds are one of two
	// that follow each other: below a burst of 128, all states of a limit have
	// slots of their own.
	values[1] = f.states.text(uint(2*s.remaining+s.seconds%2), s, appendState)
	h[policyField] = values[:1:1]
	h[stateField] = values[1:2:2]
	if f.legacy {
		setLegacyFields(h, u)
	}
}

// setLegacyFields sets the fields that were usual before the draft. The reset is
// in seconds to go.
func setLegacyFields(h http.Header, u *Usage) {
	h.Set(legacyLimit, strconv.Itoa(max(u.Limit.Burst, 0)))
	h.Set(legacyLeft, strconv.Itoa(max(u.Remaining, 0)))
	h.Set(legacyReset, strconv.FormatInt(u.state().seconds, 10))
}

// deleteRateFields deletes the fields of an acceptance, if there are any.
func deleteRateFields(h http.Header) {
	if h[stateField] != nil {
		for _, name := range [...]string{policyField, stateField, legacyLimit, legacyLeft, legacyReset} {
			delete(h, name)
		}
	}
}

// setRateFields sets the fields of a refusal by set, if it tells of a limit.
func (e *Error) setRateFields(set func(name, value string)) {
	if e.carriesLimit() {
		var buf [maxFieldLength]byte
		set(policyField, string(appendPolicy(buf[:0], e.Usage.Limit)))
		set(stateField, string(appendState(buf[:0], e.Usage.state())))
	}
}

// carriesLimit reports whether a refusal tells of a limit.
func (e *Error) carriesLimit() bool {
	l := e.Usage.Limit
	return e.Code == CodeRateLimitExceeded && l != Limit{} && l.Rate < rate.Inf
}

// appendPolicy appends the value of RateLimit-Policy: section 3 of the draft.
func appendPolicy(b []byte, l Limit) []byte {
	b = append(b, `"default";q=`...)
	b = strconv.AppendInt(b, min(max(int64(l.Burst), 0), maxFieldInteger), 10)
	b = append(b, ";w="...)
	return strconv.AppendInt(b, l.window(), 10)
}

// A rateState is what the RateLimit field says.
type rateState struct {
	remaining int64 // whole tokens
	seconds   int64 // until the bucket is full or, of a refusal, until the next try can succeed
}

func (u *Usage) state() rateState {
	until := u.Reset
	if !u.Allowed {
		until = u.retryAfter()
	}
	return rateState{min(max(int64(u.Remaining), 0), maxFieldInteger), wholeSeconds(until)}
}

// appendState appends the value of RateLimit: section 4 of the draft.
func appendState(b []byte, s rateState) []byte {
	b = append(b, `"default";r=`...)
	b = strconv.AppendInt(b, s.remaining, 10)
	b = append(b, ";t="...)
	return strconv.AppendInt(b, s.seconds, 10)
}

// window returns the whole seconds that fill the bucket from empty, at least 1.
func (l Limit) window() int64 {
	const slack = 1 - 1e-14                // for 11/(11.0/60), which floats put above 60
	perSecond := math.Abs(float64(l.Rate)) // -0 too
	seconds := math.Ceil(float64(l.Burst) / perSecond * slack)
	if !(seconds >= 1) { // NaN too
		return 1
	}
	return int64(min(seconds, math.MaxInt32))
}

// wholeSeconds rounds up, so that callers who wait so long do not come early.
func wholeSeconds(d time.Duration) int64 {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return max(seconds, 0)
}

// A textCache remembers texts by what they say, so that a text is not made again
// for each answer: see BenchmarkRateFields. It has a fixed size: what falls into
// a slot takes the place of what was there. It is read without a lock. The zero
// value is an empty cache.
type textCache[K comparable] struct {
	slots [256]atomic.Pointer[cachedText[K]]
}

// A cachedText does not change once it is in a slot. It holds its text itself:
// if no text comes twice, it takes no more allocations than the texts would.
type cachedText[K comparable] struct {
	key  K
	n    uint8 // bytes of text
	text [maxFieldLength]byte
}

// text returns what write appends for key, up to maxFieldLength bytes.
func (c *textCache[K]) text(slot uint, key K, write func([]byte, K) []byte) string {
	s := &c.slots[slot%uint(len(c.slots))]
	e := s.Load()
	if e == nil || e.key != key {
		e = &cachedText[K]{key: key}
		e.n = uint8(len(write(e.text[:0], key)))
		s.Store(e)
	}
	text := e.text[:e.n]
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // no one writes to them
}
