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
	hash := s.newKey().Hash
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
// If the store assigns the IDs, no two keys have the same.
func (s *suite) sameID() {
	if s.ids.assigned {
		return
	}
	first, second := s.newKey(), s.newKey()
	second.ID = first.ID
	if !s.put("one ID", first) || !s.offer(second) {
		return
	}
	s.find(ruleSameID, "the new text", &second)
	s.findIfThere(ruleSameID, "the old text", &first)
}

// askedEarly asks for a key before and after it is issued.
func (s *suite) askedEarly() {
	key := s.newKey()
	_, _ = s.ask(key.Hash)
	if !s.put("early question", key) {
		return
	}
	s.askUntil(func(_ *bearer.Key, err error) bool { return !errors.Is(err, bearer.ErrKeyNotFound) }, key.Hash, soon)
	s.find(ruleSoon, fmt.Sprintf("%v after it was issued", soon), &key)
}

// refusable looks up keys that a guard refuses. The zero time stands for never:
// that is what a store must take no other time for.
func (s *suite) refusable() {
	past := time.Now().Truncate(time.Second).Add(-time.Hour)
	times := []struct {
		when string
		at   time.Time
	}{
		{"", past},
		{" at the beginning of 1970", time.Unix(0, 0).UTC()},
		{" a second before 1970", time.Unix(-1, 0).UTC()},
		{" in the year 1", time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)},
	}
	for _, t := range times {
		s.refused("revoked"+t.when, func(k *bearer.Key) { k.RevokedAt = t.at })
		s.refused("expired"+t.when, func(k *bearer.Key) { k.ExpiresAt = t.at })
		s.refused("ended"+t.when, func(k *bearer.Key) { k.EndsAt = t.at })
	}
	s.refused("revoked in an hour", func(k *bearer.Key) { k.RevokedAt = past.Add(2 * time.Hour) })
	s.refused("revoked and expired", func(k *bearer.Key) { k.ExpiresAt, k.RevokedAt = past, past.Add(-time.Hour) })
}

func (s *suite) refused(name string, change func(*bearer.Key)) {
	key := s.newKey()
	change(&key)
	if s.offer(key) {
		s.findIfThere(ruleRefusable, name, &key)
		s.findIfThere(ruleRefusable, name+", again", &key)
	}
}

// contextDone looks up keys by contexts that are done, and then as usual.
func (s *suite) contextDone() {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	expired, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		name, want := ctx.Err().Error(), s.newKey()
		if !s.put(name, want) {
			return
		}
		s.findWith(ctx, name, &want)
		s.find(ruleDone, "another request, after "+name, &want)
	}
}

// findWith looks up a key that is in the store, by a context that is done, or
// soon will be.
func (s *suite) findWith(ctx context.Context, name string, want *bearer.Key) {
	switch key, err := s.store.FindKey(ctx, want.Hash); {
	case err == nil && key != nil:
		s.compare(ruleDone, name, key, want)
	case err == nil, errors.Is(err, bearer.ErrKeyNotFound):
		s.Stopf(ruleDone, "%s: got %s, want that error, or the key", name, answer(key, err))
	}
}

// kept holds a key while others are looked up and issued.
func (s *suite) kept() {
	for _, tt := range []struct {
		name          string
		first, second func(*bearer.Key)
	}{
		{"a key", func(*bearer.Key) {}, func(*bearer.Key) {}},
		{
			"a key with addresses",
			func(k *bearer.Key) { k.AllowedIPs = prefixes("10.0.0.0/8", "192.0.2.7/32") },
			func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32", "2001:db8::/32") },
		},
		{
			"a key with origins",
			func(k *bearer.Key) { k.Kind, k.AllowedOrigins = bearer.PublishableKey, []string{"https://a.example"} },
			func(k *bearer.Key) { k.Kind, k.AllowedOrigins = bearer.PublishableKey, []string{"https://b.example"} },
		},
	} {
		first, second := s.newKey(), s.newKey()
		tt.first(&first)
		tt.second(&second)
		if !s.offer(first) || !s.offer(second) {
			continue
		}
		held := s.hold(&first)
		if held == nil {
			continue
		}
		_, _ = s.ask(second.Hash)
		_, _ = s.ask(s.newKey().Hash)
		s.compare(ruleKept, tt.name+", after another was found", held, &first)
		s.issueLike(&first)
		s.compare(ruleKept, tt.name+", after others were issued", held, &first)
	}
}

// hold returns what the store returns for a key, no copy of it.
func (s *suite) hold(key *bearer.Key) *bearer.Key {
	found, err := s.store.FindKey(context.Background(), key.Hash)
	if err != nil {
		return nil
	}
	return found
}

// issueLike issues other keys: unlike ones, one of the same ID, and one of the
// same hash. The store may refuse them, or hold the last instead of the first.
func (s *suite) issueLike(key *bearer.Key) {
	for range 8 { // in a sorted list, some of them stand before the first
		other := s.newKey()
		fill(&other)
		_ = s.offer(other)
	}
	other := s.newKey()
	other.RevokedAt, other.AllowedIPs = time.Now(), prefixes("198.51.100.0/24", "198.51.102.0/24")
	other.ID = key.ID
	_ = s.offer(other)
	other.Hash = key.Hash
	_ = s.offer(other)
}
