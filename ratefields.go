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

	maxFieldInteger = 999_999_999_999_999 // the largest of a structured field: RFC 9651 section 3.3.1

	// maxFieldLength is the longest value that is remembered, and maxCachedName
	// the longest name of a policy in it. The rest of a value has up to 33 bytes:
	// in "";q=999999999999999;w=2147483647, 2 quotes, 3 and 15, and 3 and 10.
	maxFieldLength = 47
	maxCachedName  = maxFieldLength - 33
)

// rateFields sets the fields of acceptances. It remembers their values: callers
// who have one limit, and as much left, get the same.
type rateFields struct {
	legacy   bool // Config.LegacyRateHeaders
	policies []policyValues
}

// policyValues are the remembered values of one policy.
type policyValues struct {
	name   string
	limits textCache[Limit]
	states textCache[rateState]
}

func newRateFields(c *Config) *rateFields {
	f := &rateFields{legacy: c.LegacyRateHeaders, policies: make([]policyValues, len(c.Policies))}
	for i := range f.policies {
		f.policies[i].name = c.Policies[i].Name
	}
	return f
}

// set sets the fields of an acceptance, if it was charged. Their values are kept
// in an array of the caller's.
func (f *rateFields) set(h http.Header, d *decision, values *[2]string) {
	u := &d.usage
	if u.Limit == (Limit{}) || !(u.Limit.Rate < rate.Inf) { // isTold, in place
		return
	}
	p := &f.policies[d.policy]
	switch {
	case d.rateValues[0] != "":
		*values = d.rateValues
	case len(p.name) > maxCachedName:
		*values = rateValuesOf([]quota{{bucket: Bucket{Policy: p.name}, usage: *u}})
	default:
		values[0] = p.limits.text(uint(u.Limit.Burst), p.name, u.Limit, appendPolicy)
		// With as much left, and a token a second or more, the seconds are one of
		// two that follow each other: below a burst of 128, all states of a limit
		// have slots of their own.
		s := rateState{u.wholeTokens(), wholeSeconds(u.Reset)} // u.state(), of what was let through
		values[1] = p.states.text(uint(2*s.remaining+s.seconds%2), p.name, s, appendState)
	}
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
	if s := u.state(); s.seconds != never {
		h.Set(legacyReset, strconv.FormatInt(s.seconds, 10))
	}
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
	if e.Code != CodeRateLimitExceeded {
		return
	}
	quotas := e.quotas
	if len(quotas) == 0 {
		quotas = []quota{{bucket: Bucket{Policy: e.policyName()}, usage: e.Usage}}
	}
	if values := rateValuesOf(quotas); values[0] != "" {
		set(policyField, values[0])
		set(stateField, values[1])
	}
}

// policyName returns the name of the policy that refused. The application may
// have set it to what cannot stand in a field.
func (e *Error) policyName() string {
	if !validPolicyName(e.Policy) {
		return defaultPolicy
	}
	return e.Policy
}

// isTold reports whether clients are told of a limit: not if there is none.
func (l Limit) isTold() bool {
	return l != Limit{} && l.Rate < rate.Inf // not NaN
}

// rateValuesOf returns the values of RateLimit-Policy and RateLimit: lists with an
// item for each quota (RFC 9651 section 3.1), or "" if no quota is told.
func rateValuesOf(quotas []quota) [2]string {
	var room [usualPolicies * 2 * maxFieldLength]byte
	b := room[:0]
	for i := range quotas {
		if q := &quotas[i]; q.usage.Limit.isTold() {
			b = appendPolicy(appendComma(b, 0), q.bucket.Policy, q.usage.Limit)
		}
	}
	n := len(b)
	for i := range quotas {
		if q := &quotas[i]; q.usage.Limit.isTold() {
			b = appendState(appendComma(b, n), q.bucket.Policy, q.usage.state())
		}
	}
	text := string(b) // one allocation serves both
	return [2]string{text[:n], text[n:]}
}

// appendComma appends what parts an item of a list, which begins at start, from
// the item before it.
func appendComma(b []byte, start int) []byte {
	if len(b) > start {
		b = append(b, ", "...)
	}
	return b
}

// appendPolicy appends an item of RateLimit-Policy: section 3 of the draft.
func appendPolicy(b []byte, name string, l Limit) []byte {
	b = append(append(append(b, '"'), name...), `";q=`...)
	b = strconv.AppendInt(b, min(max(int64(l.Burst), 0), maxFieldInteger), 10)
	b = append(b, ";w="...)
	return strconv.AppendInt(b, l.window(), 10)
}

// A rateState is what the RateLimit field says.
type rateState struct {
	remaining int64 // whole tokens
	seconds   int64 // until the bucket is full or, of a refusal, until the next try can succeed; or never
}

const never = -1

func (u *Usage) state() rateState {
	s := rateState{u.wholeTokens(), never}
	switch {
	case u.Allowed:
		s.seconds = wholeSeconds(u.Reset)
	case u.Wait >= 0:
		s.seconds = wholeSeconds(max(u.Wait, 1))
	}
	return s
}

func (u *Usage) wholeTokens() int64 { return min(max(int64(u.Remaining), 0), maxFieldInteger) }

// appendState appends an item of RateLimit: section 4 of the draft. Where waiting
// does not help, it has no t.
func appendState(b []byte, name string, s rateState) []byte {
	b = append(append(append(b, '"'), name...), `";r=`...)
	b = strconv.AppendInt(b, s.remaining, 10)
	if s.seconds == never {
		return b
	}
	return strconv.AppendInt(append(b, ";t="...), s.seconds, 10)
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

// text returns what write appends for name and key, up to maxFieldLength bytes.
// The name is always the same.
func (c *textCache[K]) text(slot uint, name string, key K, write func([]byte, string, K) []byte) string {
	s := &c.slots[slot%uint(len(c.slots))]
	e := s.Load()
	if e == nil || e.key != key {
		e = &cachedText[K]{key: key}
		e.n = uint8(len(write(e.text[:0], name, key)))
		s.Store(e)
	}
	text := e.text[:e.n]
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // no one writes to them
}
