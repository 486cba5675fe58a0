package storesuite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/blockauth/bearer"
)

// unknown looks up hashes that were never stored.
func (s *suite) unknown() {
	hash := newKey().Hash
	s.missing(ruleUnknown, "a hash that was never stored", hash)
	s.missing(ruleUnknown, "the same hash, again", hash)
	if s.Broken(ruleUnknown) {
		return
	}
	if key, err := s.ask(bearer.KeyHash{}); err == nil && key != nil { // any error will do
		s.Stopf(ruleOwnKey, "the zero hash: got the %s, want no key", key)
	}
}

// sameID stores two keys of one ID, of which the second may replace the first.
func (s *suite) sameID() {
	first, second := newKey(), newKey()
	second.ID = first.ID
	if !s.put("one ID", first) || !s.offer(second) {
		return
	}
	s.find(ruleSameID, "the new text", &second)
	s.findIfThere(ruleSameID, "the old text", &first)
}

// askedEarly asks for a key before and after it is issued.
func (s *suite) askedEarly() {
	key := newKey()
	_, _ = s.ask(key.Hash)
	if !s.put("early question", key) {
		return
	}
	const soon = 3 * time.Second
	for start := time.Now(); time.Since(start) < soon; time.Sleep(50 * time.Millisecond) {
		if _, err := s.ask(key.Hash); !errors.Is(err, bearer.ErrKeyNotFound) {
			break
		}
	}
	s.find(ruleSoon, fmt.Sprintf("%v after it was issued", soon), &key)
}

// refusable looks up keys that a guard refuses.
func (s *suite) refusable() {
	past := time.Now().Truncate(time.Second).Add(-time.Hour)
	for _, r := range []record{
		{"revoked", true, func(k *bearer.Key) { k.RevokedAt = past }},
		{"expired", true, func(k *bearer.Key) { k.ExpiresAt = past }},
		{"revoked and expired", true, func(k *bearer.Key) { k.ExpiresAt, k.RevokedAt = past, past.Add(-time.Hour) }},
	} {
		key := newKey()
		r.change(&key)
		if s.offer(key) {
			s.findIfThere(ruleRefusable, r.name, &key)
			s.findIfThere(ruleRefusable, r.name+", again", &key)
		}
	}
}

// contextDone looks up keys by contexts that are done, and then as usual.
func (s *suite) contextDone() {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		name, want := ctx.Err().Error(), newKey()
		if !s.put(name, want) {
			return
		}
		switch key, err := s.store.FindKey(ctx, want.Hash); {
		case err == nil && key != nil:
			s.compare(ruleDone, name, key, &want)
		case err == nil, errors.Is(err, bearer.ErrKeyNotFound):
			s.Stopf(ruleDone, "%s: got %s, want that error, or the key", name, answer(key, err))
		}
		s.find(ruleDone, "another request, after "+name, &want)
	}
}

// kept holds a key while others are looked up.
func (s *suite) kept() {
	for _, tt := range []struct {
		name          string
		first, second []string
	}{
		{"a key", nil, nil},
		{"a key with addresses", []string{"10.0.0.0/8", "192.0.2.7/32"}, []string{"203.0.113.7/32", "2001:db8::/32"}},
	} {
		first, second := newKey(), newKey()
		second.Owner, second.Scopes = "owner_2", "wallets:write"
		first.AllowedIPs, second.AllowedIPs = prefixes(tt.first...), prefixes(tt.second...)
		if !s.offer(first) || !s.offer(second) {
			continue
		}
		held, err := s.store.FindKey(context.Background(), first.Hash) // what the store holds, no copy of it
		if err != nil || held == nil {
			continue
		}
		_, _ = s.ask(second.Hash)
		_, _ = s.ask(newKey().Hash)
		s.compare(ruleKept, tt.name+", after another was found", held, &first)
	}
}

// concurrent looks up keys, and hashes that are not there, on many goroutines.
func (s *suite) concurrent() {
	keys := make([]bearer.Key, 8)
	for i := range keys {
		keys[i] = newKey()
		keys[i].Owner = fmt.Sprintf("owner_%d", i)
		if !s.put("concurrent calls", keys[i]) {
			return
		}
	}
	s.Together(4*len(keys), "concurrent calls", rulePanic, func(i int) {
		for range 8 {
			s.find(ruleConcurrent, "concurrent calls", &keys[i%len(keys)])
			s.missing(ruleConcurrent, "concurrent calls", newKey().Hash)
		}
	})
}
