package bearer

import "time"

// expiring is a bounded map from digests to values that end by themselves. A
// full map forgets a value at random: nobody can aim at another's.
type expiring[V any] struct {
	values digests[expiringValue[V]]
	most   int
}

type expiringValue[V any] struct {
	value V
	until time.Time
}

// newExpiring returns a map of up to most values.
func newExpiring[V any](most int) *expiring[V] {
	return &expiring[V]{most: most}
}

// load returns a value that has not ended.
func (e *expiring[V]) load(digest KeyHash, now time.Time) (v V, ok bool) {
	if x := e.values.load(&digest); x != nil && now.Before(x.until) {
		return x.value, true
	}
	return v, false
}

// store holds a value until an instant.
func (e *expiring[V]) store(digest KeyHash, v V, until time.Time) {
	e.values.mu.Lock()
	defer e.values.mu.Unlock()
	if e.values.held >= e.most && e.values.load(&digest) == nil {
		e.values.removeAny()
	}
	e.values.put(&digestEntry[expiringValue[V]]{digest: digest, value: expiringValue[V]{v, until}})
}

func (e *expiring[V]) forget(digest KeyHash) {
	e.values.mu.Lock()
	defer e.values.mu.Unlock()
	e.values.remove(digest)
}

// earlier returns the first of two instants; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}
