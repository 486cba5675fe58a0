package bearertest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what stores do to the fields of a key.

// A record is a key that differs from a plain one, most often in one field.
type record struct {
	name   string
	rare   bool // a schema may refuse it
	change func(*bearer.Key)
}

func records() []record {
	east := time.FixedZone("east", 5*60*60+30*60)
	day := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	far := time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC)
	addresses := prefixes("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32")
	return []record{
		{"a plain key", false, func(*bearer.Key) {}},
		{"a publishable key", false, func(k *bearer.Key) { k.Kind = bearer.PublishableKey }},
		{"a live key", false, func(k *bearer.Key) { k.Environment = bearer.Live }},
		{"a key of no environment", true, func(k *bearer.Key) { k.Environment = 0 }},
		{"a long ID", true, func(k *bearer.Key) { k.ID += strings.Repeat("x", 64-len(k.ID)) }},
		{"an owner with quotes", false, func(k *bearer.Key) { k.Owner = `O'Brien "& Söhne"; -- %s` }},
		{"an owner with spaces around", true, func(k *bearer.Key) { k.Owner = " owner 1 " }},
		{"a UUID for an owner", true, func(k *bearer.Key) { k.Owner = "123e4567-e89b-12d3-a456-426614174000" }},
		{"a long owner", true, func(k *bearer.Key) { k.Owner = strings.Repeat("owner_1234", 10) }},
		{"no owner", true, func(k *bearer.Key) { k.Owner = "" }},
		{"full access", false, func(k *bearer.Key) { k.Scopes = bearer.FullAccess }},
		{"no scopes", true, func(k *bearer.Key) { k.Scopes = "" }},
		{"several scopes", false, func(k *bearer.Key) { k.Scopes = "wallets:* tokens:read" }},
		{"scopes in another case", true, func(k *bearer.Key) { k.Scopes = "Tokens:Read wallets:WRITE" }},
		{"many scopes", true, func(k *bearer.Key) { k.Scopes = manyScopes() }},
		{"addresses", false, func(k *bearer.Key) { k.AllowedIPs = addresses }},
		{"many addresses", true, func(k *bearer.Key) { k.AllowedIPs = manyPrefixes() }},
		{"a limit", false, func(k *bearer.Key) { k.Limit = bearer.PerMinute(20) }},
		{"a large limit", true, func(k *bearer.Key) { k.Limit = bearer.PerSecond(100_000) }},
		{"no limit", true, func(k *bearer.Key) { k.Limit = bearer.Unlimited }},
		{"a limit that lets nothing through", true, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }},
		{"an expiry", false, func(k *bearer.Key) { k.ExpiresAt = day.UTC() }},
		{"an expiry in another zone", false, func(k *bearer.Key) { k.ExpiresAt = day.In(east) }},
		{"an expiry in a far year", true, func(k *bearer.Key) { k.ExpiresAt = far }},
	}
}

func manyScopes() bearer.Scopes {
	scopes := make([]bearer.Scope, 80)
	for i := range scopes {
		scopes[i] = bearer.Scope(fmt.Sprintf("resource_%02d:read", i)) // 1,359 bytes in all
	}
	return bearer.JoinScopes(scopes...)
}

// fields stores the records, and compares all fields twice: a cache may answer
// the second time.
func (t *keyStoreTest) fields() {
	t.lost = make(map[string]*loss)
	for _, c := range records() {
		want := newKey()
		c.change(&want)
		if c.rare && t.offer(want) || !c.rare && t.put(c.name, want) {
			_ = t.stored(c.name, &want) && t.stored(c.name+", again", &want)
		}
	}
	t.losses()
}

// stored looks up a key and compares its fields. What is not found at all is
// another mistake than what cannot be read.
func (t *keyStoreTest) stored(name string, want *bearer.Key) bool {
	got, err := t.lookUp(want.Hash)
	switch {
	case t.stuck.Load():
		return false
	case err == nil && got != nil:
		return t.lose(name, unlike(got, want))
	case err != nil && !errors.Is(err, bearer.ErrKeyNotFound):
		t.brokenf(ruleReads, "%s: got the error %q, want the key", name, err)
	default:
		t.brokenf(ruleFound, "%s: got %s, want the key", name, answer(got, err))
	}
	if !want.ExpiresAt.IsZero() {
		t.lost["ExpiresAt"] = new(loss) // it is not found again for being expired
	}
	return false
}

// A loss is what became of one field.
type loss struct {
	first   string // how it came back first
	records int    // in how many it differed
}

// lose notes the fields that differ, and reports whether there are none.
func (t *keyStoreTest) lose(name string, differ []difference) bool {
	for _, d := range differ {
		if t.lost[d.field] == nil {
			t.lost[d.field] = new(loss)
		}
		l := t.lost[d.field]
		if l.records == 0 {
			l.first = name + ": " + d.String()
		}
		l.records++
	}
	return len(differ) == 0
}

// losses reports the fields that differ, each once, and none behind an "and
// more".
func (t *keyStoreTest) losses() {
	var lines []string
	for _, field := range keyFields {
		l := t.lost[field.name]
		if l == nil || l.records == 0 {
			continue
		}
		line := l.first
		if l.records > 1 {
			line += fmt.Sprintf(" (as in %d of the others)", l.records-1)
		}
		lines = append(lines, line)
	}
	if lines != nil {
		t.brokenf(ruleFields, "%s", strings.Join(lines, "\n\t"))
	}
}
