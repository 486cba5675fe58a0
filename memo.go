package bearer

import (
	"sync/atomic"
	"unsafe"
)

// A memo remembers texts by what they say, so that a text is not made anew for
// each answer: see BenchmarkRateFields. It has a fixed size: what falls into a
// slot takes the place of what was there. It is read without a lock. The zero
// value is an empty memo.
type memo[K comparable] struct {
	slots [256]atomic.Pointer[memoEntry[K]]
}

// A memoEntry does not change once it is in a slot. It holds its text itself:
// where none comes twice, it takes no more allocations than the texts would.
type memoEntry[K comparable] struct {
	key  K
	n    uint8 // bytes of text
	text [47]byte
}

// text returns what write appends for key, up to 47 bytes.
func (m *memo[K]) text(slot uint, key K, write func([]byte, K) []byte) string {
	s := &m.slots[slot%uint(len(m.slots))]
	e := s.Load()
	if e == nil || e.key != key {
		e = &memoEntry[K]{key: key}
		e.n = uint8(len(write(e.text[:0], key)))
		s.Store(e)
	}
	text := e.text[:e.n]
	return unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // nobody writes to them
}
