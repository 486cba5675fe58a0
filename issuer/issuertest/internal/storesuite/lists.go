package storesuite

import (
	"cmp"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// A shelf is a few records of one owner, and the texts and times that they have:
// queries are made of the same, so that each limit is met.
type shelf[T any] struct {
	owner   string
	records []T // as they are stored
	authors []string
	times   []time.Time
}

// lists stores records that are like each other in some fields, and queries them,
// one filter at a time, page by page, and by drawn queries.
func (b *book[T]) lists(fill func(rec *T, n int, s *shelf[T]), settle func(rec *T, n int)) {
	s := b.newShelf(fill, settle)
	all := query{owner: s.owner, withEnded: true}
	b.ask(s, all)
	for _, q := range s.queries(all) {
		if b.foreign && q.after.ID != "" {
			continue // made up
		}
		b.ask(s, q)
		q.withEnded = false
		b.ask(s, q)
	}
	for _, oldest := range []bool{false, true} {
		for _, limit := range []int{1, 3, 7} {
			b.walk(s, query{owner: s.owner, withEnded: true, oldest: oldest, limit: limit})
			b.walk(s, query{owner: s.owner, createdBy: s.authors[0], oldest: oldest, limit: limit})
		}
	}
	for range 150 {
		b.ask(s, b.draw(s))
	}
	if !b.foreignOwner {
		b.ask(s, query{owner: s.owner + "_", withEnded: true})
		b.ask(s, query{owner: swapCase(s.owner), withEnded: true})
	}
}

// newShelf stores the records, in another order than that of a list, and as many
// of another owner among them. What fill and settle do to a record depends on its
// number, so that each case is there in any run.
func (b *book[T]) newShelf(fill func(*T, int, *shelf[T]), settle func(*T, int)) *shelf[T] {
	first, other := b.fresh(), b.fresh()
	start := now().Add(-time.Hour)
	s := &shelf[T]{owner: *b.owner.of(&first), authors: []string{"ann", "Ann", "ann ", "bob", ""}}
	const us = time.Microsecond
	for _, after := range []time.Duration{0, us, 2 * us, time.Millisecond, time.Second, time.Second + us} {
		s.times = append(s.times, start.Add(after))
	}
	for i := range 24 {
		rec := b.fresh()
		*b.owner.of(&rec) = s.owner
		*b.createdBy.of(&rec) = pick(s.authors)
		if i < len(s.authors) { // each of them, in any case
			*b.createdBy.of(&rec) = s.authors[i]
		}
		*b.created.of(&rec) = s.times[i*5%len(s.times)]
		if i%3 == 0 { // a tie of some
			*b.created.of(&rec) = s.times[1]
		}
		fill(&rec, i, s)
		b.put("a record of a list", rec)
		settle(&rec, i)
		s.records = append(s.records, rec)
		if i%4 == 0 {
			rec = b.fresh()
			*b.owner.of(&rec) = *b.owner.of(&other)
			*b.created.of(&rec) = s.times[1]
			b.put("a record of another owner", rec)
		}
	}
	return s
}

func pick[T any](list []T) T { return list[mathrand.IntN(len(list))] } //nolint:gosec // nothing secret

// queries are those with one filter.
func (s *shelf[T]) queries(all query) (list []query) {
	for _, by := range s.authors {
		q := all
		q.createdBy = by
		list = append(list, q)
	}
	for _, at := range s.times {
		for _, set := range []func(*query){
			func(q *query) { q.liveAt = at },
			func(q *query) { q.expiresBefore = at },
			func(q *query) { q.unusedSince = at },
			func(q *query) { q.after = issuer.Position{CreatedAt: at, ID: "A"} },
			func(q *query) { q.after = issuer.Position{CreatedAt: at, ID: "~"} },
			func(q *query) { q.after, q.oldest = issuer.Position{CreatedAt: at, ID: "~"}, true },
		} {
			q := all
			set(&q)
			list = append(list, q)
		}
	}
	return list
}

// draw returns a query with some filters.
func (b *book[T]) draw(s *shelf[T]) query {
	q := query{owner: s.owner, withEnded: oneIn(2), oldest: oneIn(2), limit: mathrand.IntN(6)} //nolint:gosec // as above
	if oneIn(2) {
		rec := pick(s.records)
		q.after = issuer.Position{CreatedAt: *b.created.of(&rec), ID: *b.id.of(&rec)}
		if oneIn(2) {
			q.after.CreatedAt = q.after.CreatedAt.In(time.FixedZone("", -8*60*60))
		}
	}
	if oneIn(4) {
		q.createdBy = pick(s.authors)
	}
	for _, at := range []*time.Time{&q.liveAt, &q.expiresBefore, &q.unusedSince} {
		if oneIn(4) {
			*at = pick(s.times)
		}
	}
	return q
}

// oneIn reports true once in n times.
func oneIn(n int) bool { return mathrand.IntN(n) == 0 } //nolint:gosec // as above

// want returns what a query finds on the shelf.
func (b *book[T]) want(s *shelf[T], q query) (found []T) {
	if q.owner != s.owner {
		return nil
	}
	for i := range s.records {
		rec := &s.records[i]
		if (q.createdBy == "" || q.createdBy == *b.createdBy.of(rec)) && b.finds(q, rec) &&
			(q.after == issuer.Position{} || b.compare(q, *rec, q.after) > 0) {
			found = append(found, *rec)
		}
	}
	slices.SortFunc(found, func(x, y T) int {
		return b.compare(q, x, issuer.Position{CreatedAt: *b.created.of(&y), ID: *b.id.of(&y)})
	})
	if q.limit > 0 && len(found) > q.limit {
		found = found[:q.limit]
	}
	return found
}

// compare compares a record's position with another, in the order of the query.
func (b *book[T]) compare(q query, rec T, p issuer.Position) int {
	order := cmp.Or(b.created.of(&rec).Compare(p.CreatedAt), strings.Compare(*b.id.of(&rec), p.ID))
	if q.oldest && b.hasOldest {
		return order
	}
	return -order
}

// ask makes a query, and compares what it finds.
func (b *book[T]) ask(s *shelf[T], q query) []T {
	got, err := b.list(b.ctx, q)
	if err != nil {
		b.stopf(ruleList, "%s: got the error %q, want a list", q, err)
	}
	want := b.want(s, q)
	if a, z := b.ids(got), b.ids(want); !slices.Equal(a, z) {
		b.stopf(ruleList, "%s, of %d records: got %d: %v, want %d: %v", q, len(s.records), len(a), a, len(z), z)
	}
	for i := range want {
		if text := difference(got[i], want[i]); text != "" {
			b.stopf(ruleWhole, "a list: %s", text)
		}
	}
	return got
}

func (b *book[T]) ids(list []T) (ids []string) {
	for i := range list {
		ids = append(ids, *b.id.of(&list[i]))
	}
	return ids
}

// walk goes through the pages of a list: together they are the list.
func (b *book[T]) walk(s *shelf[T], q query) {
	for range len(s.records) + 1 {
		page := b.ask(s, q)
		if len(page) == 0 {
			return
		}
		last := page[len(page)-1]
		q.after = issuer.Position{CreatedAt: *b.created.of(&last), ID: *b.id.of(&last)}
	}
}

// long lists more records than a page of any API has.
func (b *book[T]) long() {
	first := b.fresh()
	const many = 105
	for range many {
		rec := b.fresh()
		*b.owner.of(&rec) = *b.owner.of(&first)
		b.put("one of many records", rec)
	}
	got, err := b.list(b.ctx, query{owner: *b.owner.of(&first)})
	if err != nil || len(got) != many {
		b.stopf(ruleList, "a Limit of zero: got %d of %d records and %s, want all", len(got), many, errorText(err))
	}
}

// String describes a query.
func (q query) String() string {
	var parts []string
	add := func(name, value string) { parts = append(parts, name+": "+value) }
	if q.createdBy != "" {
		add("CreatedBy", fmt.Sprintf("%q", q.createdBy))
	}
	if q.withEnded {
		add("also what ended", "true")
	}
	if q.oldest {
		add("Oldest", "true")
	}
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"LiveAt", q.liveAt}, {"ExpiresBefore", q.expiresBefore}, {"UnusedSince", q.unusedSince}} {
		if !t.at.IsZero() {
			add(t.name, textOf(t.at))
		}
	}
	if q.after != (issuer.Position{}) {
		add("After", "{"+textOf(q.after.CreatedAt)+" "+q.after.ID+"}")
	}
	if q.limit > 0 {
		add("Limit", strconv.Itoa(q.limit))
	}
	return "a query {" + strings.Join(parts, ", ") + "}"
}
