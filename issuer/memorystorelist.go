package issuer

import (
	"slices"
	"sync"
)

// A rowList keeps rows in the order of their positions, the oldest first. Those
// that are added wait at its end until it is read. A place among the others would
// cost more the more there are: records that are made in one second are in the
// order of their IDs, which are random.
//
// It is guarded by the lock of its table. Those who hold a read lock may call
// inOrder alone.
type rowList[T any, P record[T]] struct {
	rows []*row[T]

	mu      sync.Mutex // held to bring the rows in order, by a read lock
	ordered int        // how many rows at the beginning are in order
}

// add adds a row.
func (l *rowList[T, P]) add(r *row[T]) { l.rows = append(l.rows, r) }

// remove removes a row.
func (l *rowList[T, P]) remove(r *row[T]) {
	l.rows = removeRow[T, P](l.inOrder(), r)
	l.ordered = len(l.rows)
}

// removeAll removes the rows that are gone.
func (l *rowList[T, P]) removeAll(isGone func(*row[T]) bool) {
	l.rows = slices.DeleteFunc(l.inOrder(), isGone)
	l.ordered = len(l.rows)
}

// fewRows are put into their places one by one.
const fewRows = 8

// inOrder returns the rows in order. If many were added since the last time, all
// are sorted that stand behind the first of them. A nil list has none.
func (l *rowList[T, P]) inOrder() []*row[T] {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ordered == len(l.rows) {
		return l.rows
	}
	if tail := l.rows[l.ordered:]; len(tail) <= fewRows {
		l.rows = l.rows[:l.ordered]
		for _, r := range slices.Clone(tail) {
			l.rows = insertRow[T, P](l.rows, r)
		}
		l.ordered = len(l.rows)
		return l.rows
	}
	byPosition := func(a, b *row[T]) int {
		return comparePositions(P(a.record).position(), P(b.record).position())
	}
	first := slices.MinFunc(l.rows[l.ordered:], byPosition)
	from := firstFrom[T, P](l.rows[:l.ordered], P(first.record).position())
	slices.SortFunc(l.rows[from:], byPosition)
	l.ordered = len(l.rows)
	return l.rows
}
