package hashmap

import "time"

// Expiring is a bounded map from digests to values that expire by themselves.
// A full map forgets a value at random, so that no caller can aim at another's.
// It is safe for concurrent use.
type Expiring[V any] struct {
	values Map[expiringValue[V]]
	most   int
}

type expiringValue[V any] struct {
	value V
	until time.Time
}

// NewExpiring returns a map of up to most values.
func NewExpiring[V any](most int) *Expiring[V] { return &Expiring[V]{most: most} }

// Load returns a value that has not expired. time.Until reads one clock where
// time.Now reads two, which is a twentieth of the key path.
func (x *Expiring[V]) Load(digest Digest) (v V, ok bool) {
	if e := x.values.Load(&digest); e != nil && time.Until(e.until) > 0 {
		return e.value, true
	}
	return v, false
}

// Store holds a value until an instant.
func (x *Expiring[V]) Store(digest Digest, v V, until time.Time) {
	m := &x.values
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held >= x.most && m.Load(&digest) == nil {
		m.removeAny()
	}
	m.put(&Entry[expiringValue[V]]{Digest: digest, Value: expiringValue[V]{v, until}})
}

// Remove removes a value, if it is there.
func (x *Expiring[V]) Remove(digest Digest) { x.values.Remove(digest) }
