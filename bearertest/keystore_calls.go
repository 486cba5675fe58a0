package bearertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what stores make of several calls.

func (t *keyStoreTest) unknown() {
	hash := newKey().Hash
	t.missing(ruleUnknown, "a hash that was never stored", hash)
	t.missing(ruleUnknown, "the same hash, again", hash)
	t.vague = t.broken(ruleUnknown)
	if key, err := t.lookUp(bearer.KeyHash{}); !t.vague && err == nil && key != nil {
		t.brokenf(ruleLoose, "the zero hash: got the %s, want no key", *key)
	}
}

// sameID stores two keys of one ID, of which the second may replace the first.
func (t *keyStoreTest) sameID() {
	first, second := newKey(), newKey()
	second.ID = first.ID
	if !t.put("one ID", first) || !t.offer(second) {
		return
	}
	if got := t.find(ruleSameID, "the new text", second.Hash); got != nil {
		t.compare(ruleSameID, "the new text", got, &second)
	}
	if got, err := t.lookUp(first.Hash); !errors.Is(err, bearer.ErrKeyNotFound) && got != nil {
		t.compare(ruleSameID, "the old text", got, &first)
	}
}

// late asks for a key before and after it is issued.
func (t *keyStoreTest) late() {
	want := newKey()
	_, _ = t.lookUp(want.Hash)
	if !t.put("early question", want) {
		return
	}
	const lateness = 3 * time.Second
	for start := time.Now(); time.Since(start) < lateness; time.Sleep(50 * time.Millisecond) {
		if _, err := t.lookUp(want.Hash); !errors.Is(err, bearer.ErrKeyNotFound) {
			break
		}
	}
	t.find(ruleLate, fmt.Sprintf("%v after it was issued", lateness), want.Hash)
}

func (t *keyStoreTest) refusable() {
	now := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		name               string
		expires, revokedAt time.Time
	}{
		{"revoked", time.Time{}, now.Add(-time.Hour)},
		{"expired", now.Add(-time.Hour), time.Time{}},
		{"revoked and expired", now.Add(-time.Hour), now.Add(-2 * time.Hour)},
	} {
		want := newKey()
		want.ExpiresAt, want.RevokedAt = c.expires, c.revokedAt
		if t.lost["ExpiresAt"] != nil && !c.expires.IsZero() || !t.offer(want) {
			continue
		}
		t.refused(c.name, &want)
		t.refused(c.name+", again", &want)
	}
}

// refused looks up a key that the guard would refuse.
func (t *keyStoreTest) refused(name string, want *bearer.Key) {
	switch key, err := t.lookUp(want.Hash); {
	case key != nil && err == nil:
		t.compare(ruleRefusable, name, key, want)
	case !t.vague && !t.stuck.Load() && !errors.Is(err, bearer.ErrKeyNotFound):
		t.brokenf(ruleRefusable, "%s: got %s, want the key, or an error wrapping bearer.ErrKeyNotFound",
			name, answer(key, err))
	}
}

// done looks keys up by contexts that are done, and then as usual.
func (t *keyStoreTest) done() {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a row of a table
	}{{"a context that was cancelled", cancelled}, {"a context whose deadline has passed", expired}} {
		want := newKey()
		if !t.put(c.name, want) {
			return
		}
		key, err := t.store.FindKey(c.ctx, want.Hash)
		switch found := t.find(ruleStoreDone, "another request, after "+c.name, want.Hash); {
		case found == nil:
		case errors.Is(err, bearer.ErrKeyNotFound), err == nil && key == nil:
			t.brokenf(ruleStoreDone, "%s: got %s, want the error %q, or the key", c.name, answer(key, err), c.ctx.Err())
		case err == nil:
			t.compare(ruleStoreDone, c.name, key, &want)
		}
	}
}

// kept holds a key while others are looked up.
func (t *keyStoreTest) kept() {
	for _, c := range []struct {
		name          string
		first, second []string
	}{
		{"a key", nil, nil},
		{"a key with addresses", []string{"10.0.0.0/8", "192.0.2.7/32"}, []string{"203.0.113.7/32", "2001:db8::/32"}},
	} {
		first, second := newKey(), newKey()
		second.Owner, second.Scopes = "owner_2", "wallets:write"
		first.AllowedIPs, second.AllowedIPs = prefixes(c.first...), prefixes(c.second...)
		if !t.offer(first) || !t.offer(second) {
			continue
		}
		held, err := t.store.FindKey(context.Background(), first.Hash) // what the store holds, no copy of it
		if err != nil || held == nil || len(unlike(held, &first)) > 0 {
			continue // wrong at once: the check of the fields tells
		}
		_, _ = t.lookUp(second.Hash)
		_, _ = t.lookUp(newKey().Hash)
		t.compare(ruleKept, c.name+", after another was found", held, &first)
	}
}

func (t *keyStoreTest) concurrent() {
	if t.broken(ruleFound) || t.broken(ruleLoose) {
		return // what one call gets wrong, many do
	}
	keys := make([]bearer.Key, 8)
	for i := range keys {
		keys[i] = newKey()
		keys[i].Owner = fmt.Sprintf("owner_%d", i)
		if !t.put("concurrent calls", keys[i]) {
			return
		}
	}
	var all sync.WaitGroup
	for i := range 4 * len(keys) {
		want := &keys[i%len(keys)]
		all.Go(func() {
			t.catch("concurrent calls", ruleStorePanic, func() { t.lookUpOften(want) })
		})
	}
	all.Wait()
}

func (t *keyStoreTest) lookUpOften(want *bearer.Key) {
	for range 8 {
		if got := t.find(ruleConcurrent, "concurrent calls", want.Hash); got != nil {
			t.compare(ruleConcurrent, "concurrent calls", got, want)
		}
		t.missing(ruleConcurrent, "concurrent calls", newKey().Hash)
		if t.stuck.Load() {
			return
		}
	}
}
