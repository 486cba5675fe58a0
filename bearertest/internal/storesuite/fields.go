package storesuite

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// A record is a key that differs from a plain one in one field.
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

func manyPrefixes() (list []netip.Prefix) {
	for i := range 20 {
		list = append(list, prefixes(fmt.Sprintf("10.0.%d.0/24", i))...)
	}
	return list
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// fields stores the records, and looks each up twice: a cache may answer the
// second time. What is not found at all is another mistake than what cannot be
// read, or lacks a field. A field is told once, and all in one finding, so that
// each is listed.
func (s *suite) fields() {
	told := make(map[string]bool) // by the fields' names
	var texts []string
	for _, r := range records() {
		key := newKey()
		r.change(&key)
		if r.rare && !s.offer(key) || !r.rare && !s.put(r.name, key) {
			continue
		}
		for _, name := range []string{r.name, r.name + ", again"} {
			got, err := s.ask(key.Hash)
			if err != nil || got == nil {
				s.Brokenf(ruleFor(err, ruleFound), "%s: got %s, want the key", name, answer(got, err))
				break
			}
			for _, d := range differences(got, &key) {
				if !told[d.name] {
					told[d.name] = true
					texts = append(texts, name+": "+d.text)
				}
			}
		}
	}
	if texts != nil {
		s.Brokenf(ruleFields, "%s", strings.Join(texts, "\n\t"))
	}
}
