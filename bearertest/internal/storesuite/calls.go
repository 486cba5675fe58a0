package storesuite

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
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

// sameIDs stores pairs of keys. Of those that have one ID, the second may replace
// the first. If the store assigns the IDs, no two keys have the same.
func (s *suite) sameIDs() {
	if s.ids.assigned {
		return
	}
	unchanged := func(id string) string { return id }
	revoked := func(k *bearer.Key) { k.RevokedAt = time.Now().Add(-time.Hour) }
	s.sameID("one ID", isPlain, unchanged, s.findIfThere)
	if !s.Broken(ruleKept) && !s.Broken(ruleRefusable) {
		s.sameID("one ID, of a key that was revoked", revoked, unchanged, s.findIfThere)
	}
	s.sameID("an ID of another case", isPlain, strings.ToLower, s.find)
	s.sameID("an ID with a space at its end", isPlain, func(id string) string { return id + " " }, s.find)
	s.sameID("an ID with another last letter", isPlain, func(id string) string { return id[:len(id)-1] + "y" }, s.find)
}

// sameID stores a key, and one of other fields and of the ID that idOf makes of
// the first's. It looks up the second, and then the first by findFirst.
func (s *suite) sameID(name string, change func(*bearer.Key), idOf func(string) string,
	findFirst func(report.Rule, string, *bearer.Key)) {
	first := s.newKey()
	change(&first)
	if !s.offer(first) {
		return
	}
	for _, unlike := range []func(*bearer.Key){fill, isPlain} {
		second := s.newKey()
		unlike(&second)
		second.ID = idOf(first.ID)
		if s.offer(second) {
			s.find(ruleSameID, name+", the later key", &second)
			findFirst(ruleSameID, name+", the earlier key", &first)
			return
		}
	}
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
	for _, r := range others() {
		s.refused("revoked, "+r.name, func(k *bearer.Key) {
			r.change(k)
			k.RevokedAt = past
		})
	}
	if !s.Broken(ruleKept) && s.put("a key after those that were revoked", s.newKey()) {
		s.askRefused("after another key of their owner was issued")
	}
}

// others are keys that a store might except from what it does about a plain one.
func others() []record {
	return []record{
		{"a publishable key", true, func(k *bearer.Key) { k.Kind = bearer.PublishableKey }},
		{"a key of the other environment", true, func(k *bearer.Key) {
			k.Environment = bearer.Test + bearer.Live - k.Environment
		}},
		{"a key without an owner", true, func(k *bearer.Key) { k.Owner = "" }},
		{"a key with full access", true, func(k *bearer.Key) { k.Scopes = bearer.FullAccess }},
		{"a key with an expiry", true, func(k *bearer.Key) { k.ExpiresAt = someday() }},
		{"a key with an end", true, func(k *bearer.Key) { k.EndsAt = someday() }},
		{"a key with everything", true, fill},
	}
}

func (s *suite) refused(name string, change func(*bearer.Key)) {
	key := s.newKey()
	change(&key)
	if s.offer(key) {
		s.gone = append(s.gone, stored{name, key})
		s.findIfThere(ruleRefusable, name, &key)
		s.findIfThere(ruleRefusable, name+", again", &key)
	}
}

// askRefused looks up all of those again.
func (s *suite) askRefused(when string) {
	for i := range s.gone {
		s.findIfThere(ruleStays, s.gone[i].name+", "+when, &s.gone[i].key)
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
		{"a key", isPlain, isPlain},
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
		data := held.Data
		_, _ = s.ask(second.Hash)
		_, _ = s.ask(s.newKey().Hash)
		s.compare(ruleKept, tt.name+", after another was found", held, &first)
		_, _ = s.ask(first.Hash)
		if !reflect.DeepEqual(held.Data, data) {
			s.Stopf(ruleKept, "%s, after it was found again: Data: got other data, want the same", tt.name)
		}
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
