// Package storesuite tests the stores of an issuer: it is behind the suites of
// issuertest.
package storesuite

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A book is what a store keeps of one kind, in the terms that all kinds share:
// records with an ID, a Version and an end, that are created, replaced and listed.
type book[T any] struct {
	*report

	fresh   func() T // a plain record that is not stored
	create  func(ctx context.Context, rec T) error
	replace func(ctx context.Context, rec T) error
	list    func(ctx context.Context, q query) ([]T, error)
	finds   func(q query, rec *T) bool // whether a query finds a record, but for its Owner
	ways    []way[T]                   // to get a record; the first goes by its ID alone

	id, owner, createdBy *access[T, string]
	version              *access[T, int64]
	created, ended       *access[T, time.Time] // ended is nil if records have no end

	variants  []variant[T]
	foreign   bool // IDs are those of the database: none can be made up
	hasOldest bool // lists may begin with the oldest

	foreignOwner bool // owners are those of the database
}

// A way is a call that returns one record.
type way[T any] struct {
	name string
	get  func(ctx context.Context, rec *T) (T, error)
}

// An access is a field of a record.
type access[T, F any] struct{ of func(*T) *F }

func field[T, F any](of func(*T) *F) *access[T, F] { return &access[T, F]{of} }

// A variant is a record that stores may change.
type variant[T any] struct {
	name   string
	change func(*T)
}

// A query is a query of any kind.
type query struct {
	owner, subject, createdBy          string
	withEnded, oldest                  bool
	liveAt, expiresBefore, unusedSince time.Time
	after                              issuer.Position
	limit                              int
}

// put creates a record.
func (b *book[T]) put(name string, rec T) {
	if err := b.create(b.ctx, clone(rec)); err != nil {
		b.stopf(ruleFirst, "%s: got the error %q when it was created, want nil", name, err)
	}
}

// new creates a plain record, and returns it.
func (b *book[T]) new(name string) T {
	rec := b.fresh()
	b.put(name, rec)
	return rec
}

// see gets a record by every way, and compares it. A difference breaks the rule.
func (b *book[T]) see(broken rule, name string, want T) {
	for _, w := range b.ways {
		got, err := w.get(b.ctx, &want)
		if err != nil {
			b.stopf(broken, "%s, %s: got the error %q, want the record", name, w.name, err)
		}
		if text := difference(got, want); text != "" {
			b.stopf(broken, "%s, %s: %s", name, w.name, text)
		}
	}
}

// swap replaces a record, and counts its Version.
func (b *book[T]) swap(broken rule, name string, rec *T) {
	if err := b.replace(b.ctx, clone(*rec)); err != nil {
		b.stopf(broken, "%s: got the error %q when it was replaced, want nil", name, err)
	}
	*b.version.of(rec)++
}

// sentinels are the errors that a store has for what is no outage.
var sentinels = []error{
	issuer.ErrNotFound, issuer.ErrExists, issuer.ErrConflict, issuer.ErrFull, bearer.ErrKeyNotFound,
}

// fails checks that an error wraps the one that is wanted, and no other sentinel.
func (r *report) fails(broken rule, name string, err, want error) {
	if !errors.Is(err, want) {
		r.stopf(broken, "%s: got %s, want an error wrapping %q", name, errorText(err), want)
	}
	for _, other := range sentinels {
		if errors.Is(err, other) && isNotFound(other) != isNotFound(want) || // one of them may wrap the other
			errors.Is(err, other) && !isNotFound(other) && !errors.Is(want, other) {
			r.stopf(broken, "%s: got %s, which wraps %q, want only %q", name, errorText(err), other, want)
		}
	}
}

func isNotFound(err error) bool {
	return errors.Is(err, issuer.ErrNotFound) || errors.Is(err, bearer.ErrKeyNotFound)
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return "the error \"" + err.Error() + "\""
}

// first creates a record and gets it.
func (b *book[T]) first() {
	for range 2 {
		rec := b.fresh()
		b.put("a plain record", rec)
		for _, w := range b.ways {
			if _, err := w.get(b.ctx, &rec); err != nil {
				b.stopf(ruleFirst, "a plain record, %s: got the error %q, want the record", w.name, err)
			}
		}
	}
}

// whole creates and replaces records of all variants.
func (b *book[T]) whole() {
	b.see(ruleWhole, "a plain record", b.new("a plain record"))
	for _, v := range b.variants {
		rec := b.fresh()
		v.change(&rec)
		b.put(v.name, rec)
		b.see(ruleWhole, v.name, rec)

		plain := b.new("a plain record")
		changed := clone(plain)
		v.change(&changed)
		b.swap(ruleWhole, v.name, &changed)
		b.see(ruleWhole, v.name+", after ReplaceX", changed)
		if b.ended != nil && !b.ended.of(&changed).IsZero() {
			continue
		}
		*b.version.of(&plain) = *b.version.of(&changed)
		b.swap(ruleWhole, v.name, &plain)
		b.see(ruleWhole, v.name+", after a plain one replaced it", plain)
	}
}

// copies changes what was stored, and what was returned.
func (b *book[T]) copies() {
	for _, v := range b.variants {
		rec := b.fresh()
		v.change(&rec)
		given := clone(rec)
		if err := b.create(b.ctx, given); err != nil {
			b.stopf(ruleFirst, "%s: got the error %q when it was created, want nil", v.name, err)
		}
		scramble(reflect.ValueOf(&given).Elem())
		b.see(ruleCopies, v.name+", after the one that was created was changed", rec)
		for _, w := range b.ways {
			if got, err := w.get(b.ctx, &rec); err == nil {
				scramble(reflect.ValueOf(&got).Elem())
			}
			b.see(ruleCopies, v.name+", after what "+w.name+" returned was changed", rec)
		}
		if b.ended != nil && !b.ended.of(&rec).IsZero() {
			continue
		}
		given = clone(rec)
		if err := b.replace(b.ctx, given); err != nil {
			b.stopf(ruleSwap, "%s: got the error %q when it was replaced, want nil", v.name, err)
		}
		*b.version.of(&rec)++
		scramble(reflect.ValueOf(&given).Elem())
		b.see(ruleCopies, v.name+", after the one that replaced it was changed", rec)
	}
}

// unknown asks for what is not there, and replaces it.
func (b *book[T]) unknown() {
	rec := b.fresh()
	for _, w := range b.ways {
		_, err := w.get(b.ctx, &rec)
		want := issuer.ErrNotFound
		if w.name == byHash {
			want = bearer.ErrKeyNotFound
		}
		b.fails(ruleUnknown, "what was never stored, "+w.name, err, want)
	}
	b.fails(ruleUnknown, "the replacement of what was never stored", b.replace(b.ctx, clone(rec)), issuer.ErrNotFound)
	if _, err := b.ways[0].get(b.ctx, &rec); err == nil {
		b.stopf(ruleUnknown, "after the replacement of what was never stored: got it, want an error wrapping "+
			"issuer.ErrNotFound")
	}
}
