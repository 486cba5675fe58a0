package issuer

import (
	"cmp"
	"slices"
	"sort"
)

// A row holds one record of a MemoryStore. A record is never changed, but another
// is put in its place: what was read under the lock is copied after it.
type row[T any] struct{ record *T }

// A record is what a table holds.
type record[T any] interface {
	*T
	position() Position
	owner() string
}

// A table keeps records by their ID and, for each owner, in the order of their
// positions, the oldest first.
type table[T any, P record[T]] struct {
	byID    map[string]*row[T]
	byOwner map[string]*rowList[T, P]
}

func (t *table[T, P]) init() {
	t.byID = make(map[string]*row[T])
	t.byOwner = make(map[string]*rowList[T, P])
}

// add adds a record with an ID that is not taken.
func (t *table[T, P]) add(id string, rec *T) *row[T] {
	r := &row[T]{rec}
	t.byID[id] = r
	t.enlist(r)
	return r
}

// enlist adds a row to the list of its owner.
func (t *table[T, P]) enlist(r *row[T]) {
	owner := P(r.record).owner()
	l := t.byOwner[owner]
	if l == nil {
		l = new(rowList[T, P])
		t.byOwner[owner] = l
	}
	l.add(r)
}

// put puts a record with the same ID in the place of the one in the row.
func (t *table[T, P]) put(r *row[T], rec *T) {
	old, next := P(r.record), P(rec)
	if samePlace(old, next) {
		r.record = rec
		return
	}
	t.byOwner[old.owner()].remove(r)
	r.record = rec
	t.enlist(r)
}

// samePlace reports whether two records are at one place of one list.
func samePlace[T any, P record[T]](a, b P) bool {
	return a.owner() == b.owner() && comparePositions(a.position(), b.position()) == 0
}

// comparePositions compares by CreatedAt, then by the bytes of ID.
func comparePositions(a, b Position) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// firstFrom returns the index of the first row at the position or after it.
func firstFrom[T any, P record[T]](rows []*row[T], p Position) int {
	return sort.Search(len(rows), func(i int) bool {
		return comparePositions(P(rows[i].record).position(), p) >= 0
	})
}

// insertRow puts a row in its place: the end, as a rule.
func insertRow[T any, P record[T]](rows []*row[T], r *row[T]) []*row[T] {
	return slices.Insert(rows, firstFrom[T, P](rows, P(r.record).position()), r)
}

// removeRow takes a row out of its place.
func removeRow[T any, P record[T]](rows []*row[T], r *row[T]) []*row[T] {
	i := firstFrom[T, P](rows, P(r.record).position())
	if i == len(rows) || rows[i] != r {
		return rows
	}
	return slices.Delete(rows, i, i+1)
}

// newestPage returns the records after a position that are wanted, the newest
// first, up to limit; zero: all.
func newestPage[T any, P record[T]](rows []*row[T], after Position, limit int, want func(P) bool) (found []*T) {
	end := len(rows)
	if after != (Position{}) {
		end = firstFrom[T, P](rows, after)
	}
	for i := end - 1; i >= 0 && (limit <= 0 || len(found) < limit); i-- {
		if want(rows[i].record) {
			found = append(found, rows[i].record)
		}
	}
	return found
}

// oldestPage is newestPage for the oldest first.
func oldestPage[T any, P record[T]](rows []*row[T], after Position, limit int, want func(P) bool) (found []*T) {
	for i := firstFrom[T, P](rows, after); i < len(rows) && (limit <= 0 || len(found) < limit); i++ {
		rec := P(rows[i].record)
		if want(rec) && comparePositions(rec.position(), after) != 0 {
			found = append(found, rows[i].record)
		}
	}
	return found
}
