package storesuite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// byHash is the name of the way that goes by a hash.
const byHash = "KeyByHash"

// taken creates what has an ID that is taken.
func (b *book[T]) taken() {
	rec := b.new("a plain record")
	other := b.fresh()
	lost := clone(other)
	*b.id.of(&other) = *b.id.of(&rec)
	b.fails(ruleTaken, "a second record with one ID", b.create(b.ctx, clone(other)), issuer.ErrExists)
	b.see(ruleAtomic, "a record whose ID another one was to get", rec)
	for _, w := range b.ways[1:] { // by what else the other one had
		if _, err := w.get(b.ctx, &lost); err == nil {
			b.stopf(ruleAtomic, "a record that was not created, %s: got it, want an error", w.name)
		}
	}
	if b.ended == nil {
		return
	}
	b.end(&rec)
	*b.version.of(&other) = *b.version.of(&rec)
	b.fails(ruleTaken, "a record with the ID of one that ended", b.create(b.ctx, clone(other)), issuer.ErrExists)
	b.see(ruleAtomic, "a record that ended, whose ID another one was to get", rec)
}

// end ends a record.
func (b *book[T]) end(rec *T) {
	*b.ended.of(rec) = now().Add(-time.Second)
	b.swap(ruleSwap, "a record that ends", rec)
}

// exact asks for IDs that are nearly right, and creates a record with one.
func (b *book[T]) exact() {
	if b.foreign {
		return
	}
	rec := b.new("a plain record")
	id := *b.id.of(&rec)
	for _, near := range []string{swapCase(id), id + " ", " " + id, id[:len(id)-1] + "_", id[:len(id)-1] + "%", ""} {
		other := clone(rec)
		*b.id.of(&other) = near
		_, err := b.ways[0].get(b.ctx, &other)
		b.fails(ruleExact, fmt.Sprintf("%q instead of %q, %s", near, id, b.ways[0].name), err, issuer.ErrNotFound)
	}
	other := b.fresh()
	*b.id.of(&other) = swapCase(id)
	if err := b.create(b.ctx, clone(other)); err != nil {
		b.stopf(ruleExact, "%q beside %q: got the error %q when it was created, want nil", swapCase(id), id, err)
	}
	b.see(ruleExact, "an ID of another case", other)
	b.see(ruleExact, "an ID beside one of another case", rec)
}

// swapCase returns a text with the other case of its letters.
func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if up := strings.ToUpper(string(r)); up != string(r) {
			return []rune(up)[0]
		}
		return []rune(strings.ToLower(string(r)))[0]
	}, text)
}

// swaps replaces a record by right and by wrong Versions.
func (b *book[T]) swaps() {
	for _, v := range append([]variant[T]{{"a plain record", func(*T) {}}}, b.variants...)[:2] {
		rec := b.fresh()
		*b.version.of(&rec) = 7
		v.change(&rec)
		if b.ended != nil {
			*b.ended.of(&rec) = time.Time{}
		}
		b.put(v.name, rec)
		b.swap(ruleSwap, v.name+", by one that is the same", &rec)
		b.see(ruleSwap, v.name+", replaced by one that is the same", rec)
		b.swap(ruleSwap, v.name+", again", &rec)
		b.see(ruleFresh, v.name+", replaced again", rec)
		for _, wrong := range []int64{7, 8, 10, 0, -1} {
			stale := b.fresh()
			*b.id.of(&stale), *b.owner.of(&stale) = *b.id.of(&rec), *b.owner.of(&rec)
			*b.version.of(&stale) = wrong
			name := fmt.Sprintf("Version %d instead of 9", wrong)
			b.fails(ruleSwap, name, b.replace(b.ctx, clone(stale)), issuer.ErrConflict)
			b.see(ruleAtomic, v.name+", after a swap was lost", rec)
		}
	}
}

// endings replaces what has ended.
func (b *book[T]) endings() {
	for _, at := range []time.Time{now(), now().Add(-24 * time.Hour), now().Add(24 * time.Hour), time.Unix(0, 0).UTC()} {
		rec := b.new("a plain record")
		alive := clone(rec)
		*b.ended.of(&rec) = at
		b.swap(ruleSwap, "a record that ends", &rec)
		b.see(ruleEnded, "a record that ended", rec)
		for _, change := range []func(*T){
			func(r *T) { *b.ended.of(r) = time.Time{} },
			func(r *T) { *b.ended.of(r) = at.Add(time.Second) },
			func(*T) {},
		} {
			for _, version := range []int64{*b.version.of(&rec), *b.version.of(&alive)} {
				again := clone(rec)
				change(&again)
				*b.version.of(&again) = version
				b.fails(ruleEnded, "a record that ended, when it is replaced", b.replace(b.ctx, again), issuer.ErrConflict)
			}
			b.see(ruleEnded, "a record that ended, after it was to be replaced", rec)
		}
	}
}

// winners makes calls at once of which one may succeed.
func (b *book[T]) winners() {
	const many = 100
	for range 2 {
		rec := b.new("a plain record")
		before := clone(rec)
		b.one(many, "replacements of one Version", issuer.ErrConflict, func(i int) (T, error) {
			changed := clone(before)
			*b.createdBy.of(&changed) = fmt.Sprintf("by_%d", i)
			err := b.replace(b.ctx, clone(changed))
			*b.version.of(&changed)++
			return changed, err
		})
	}
	rec := b.fresh()
	b.one(many, "creations of one ID", issuer.ErrExists, func(int) (T, error) {
		other := b.fresh()
		*b.id.of(&other), *b.owner.of(&other) = *b.id.of(&rec), *b.owner.of(&rec)
		return other, b.create(b.ctx, clone(other))
	})
}

// one makes n calls at once, and checks that one succeeded, that all others were
// told, and that what is stored is the winner's.
func (b *book[T]) one(n int, name string, lost error, call func(i int) (T, error)) {
	var mu sync.Mutex
	var won []T
	var failed atomic.Bool
	b.together(n, name, func(i int) {
		rec, err := call(i)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			won = append(won, rec)
			return
		}
		if !errors.Is(err, lost) {
			failed.Store(true)
		}
		b.fails(ruleWinner, fmt.Sprintf("%d %s", n, name), err, lost)
	})
	if failed.Load() {
		return
	}
	if len(won) != 1 {
		b.stopf(ruleWinner, "%d %s at once: got %d that succeeded, want one", n, name, len(won))
	}
	b.see(ruleWinner, fmt.Sprintf("%d %s at once", n, name), won[0])
}

// done makes calls with contexts that are done.
func (b *book[T]) done() {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		name := "a context that is done (" + ctx.Err().Error() + ")"
		rec := b.new("a plain record")
		for _, w := range b.ways {
			got, err := w.get(ctx, &rec)
			b.noSentinel(name+", "+w.name, err)
			if text := difference(got, rec); err == nil && text != "" {
				b.stopf(ruleOutage, "%s, %s: %s", name, w.name, text)
			}
		}
		changed := clone(rec)
		err := b.replace(ctx, clone(changed))
		b.noSentinel(name+", the replacement", err)
		if err == nil {
			*b.version.of(&changed)++
			b.see(ruleOutage, name+", after its replacement succeeded", changed)
		}
		other := b.fresh()
		err = b.create(ctx, clone(other))
		b.noSentinel(name+", the creation", err)
		if err == nil {
			b.see(ruleOutage, name+", after its creation succeeded", other)
		}
		if b.list == nil {
			continue
		}
		found, err := b.list(ctx, query{owner: *b.owner.of(&rec), withEnded: true})
		b.noSentinel(name+", the list", err)
		if err == nil && len(found) == 0 {
			b.stopf(ruleOutage, "%s, the list: got none and no error, want the record or an error", name)
		}
	}
}

// noSentinel checks that an error is none of what a store says of records.
func (r *report) noSentinel(name string, err error) {
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			r.stopf(ruleOutage, "%s: got %s, which wraps %q, want it not to", name, errorText(err), sentinel)
		}
	}
}
