package bearertest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// This file tests what stores do to the fields of a key.

// fields stores keys that differ in one field, and compares all fields.
func (t *keyStoreTest) fields() {
	east := time.FixedZone("east", 5*60*60+30*60)
	day := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	for _, c := range []struct {
		name   string
		change func(*bearer.Key)
	}{
		{"a plain key", func(*bearer.Key) {}},
		{"a publishable key", func(k *bearer.Key) { k.Kind = bearer.PublishableKey }},
		{"a live key", func(k *bearer.Key) { k.Environment = bearer.Live }},
		{"a key of no environment", func(k *bearer.Key) { k.Environment = 0 }},
		{"an owner with quotes", func(k *bearer.Key) { k.Owner = `O'Brien "& Söhne"; -- %s` }},
		{"no owner", func(k *bearer.Key) { k.Owner = "" }},
		{"full access", func(k *bearer.Key) { k.Scopes = bearer.FullAccess }},
		{"no scopes", func(k *bearer.Key) { k.Scopes = "" }},
		{"several scopes", func(k *bearer.Key) { k.Scopes = "wallets:* tokens:read" }},
		{"many scopes", func(k *bearer.Key) { k.Scopes = bearer.Scopes(strings.Repeat("a:read ", 99) + "z:read") }},
		{"addresses", func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32") }},
		{"a limit", func(k *bearer.Key) { k.Limit = bearer.PerMinute(20) }},
		{"no limit", func(k *bearer.Key) { k.Limit = bearer.Unlimited }},
		{"a limit that lets nothing through", func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }},
		{"an expiry", func(k *bearer.Key) { k.ExpiresAt = day.UTC() }},
		{"an expiry in another zone", func(k *bearer.Key) { k.ExpiresAt = day.In(east) }},
		{"an expiry in a far year", func(k *bearer.Key) { k.ExpiresAt = time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC) }},
	} {
		want := newKey()
		c.change(&want)
		if !t.put(c.name, want) {
			continue
		}
		t.stored(c.name, &want)
	}
}

// stored looks up a key and compares its fields. What is not found at all is
// another mistake than what cannot be read.
func (t *keyStoreTest) stored(name string, want *bearer.Key) {
	got, err := t.store.FindKey(context.Background(), want.Hash)
	switch {
	case err != nil && !errors.Is(err, bearer.ErrKeyNotFound):
		t.brokenf(ruleReads, "%s: got the error %q, want the key", name, err)
		t.lose(want)
	case err != nil:
		t.brokenf(ruleFound, "%s: got the error %q, want the key", name, err)
		t.lose(want)
	case got == nil:
		t.brokenf(ruleFound, "%s: got neither a key nor an error, want the key", name)
		t.lose(want)
	default:
		t.compare(ruleFields, name, got, want)
	}
}

// lose notes what a key that is not found shows: that none is, if it is a
// plain one, or that its expiry cannot be read.
func (t *keyStoreTest) lose(key *bearer.Key) {
	plain := newKey()
	plain.ID, plain.Hash = key.ID, key.Hash
	if reflect.DeepEqual(*key, plain) {
		t.blind = true
	}
	if !key.ExpiresAt.IsZero() {
		t.loses("ExpiresAt")
	}
}

func (t *keyStoreTest) loses(field string) {
	if t.lost == nil {
		t.lost = make(map[string]bool)
	}
	t.lost[field] = true
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// compare reports the fields in which two keys differ, but those that the check
// of the fields found to be lost: to whatever else it is about, that is nothing.
func (t *keyStoreTest) compare(r rule, name string, got, want *bearer.Key) {
	field := func(field string, equal bool, got, want any) {
		switch {
		case equal || r != ruleFields && t.lost[field]:
			return
		case r == ruleFields:
			t.loses(field)
		}
		t.brokenf(r, "%s: %s: got %v, want %v", name, field, got, want)
	}
	field("ID", got.ID == want.ID, got.ID, want.ID)
	field("Hash", got.Hash == want.Hash, "another", "that which was asked for")
	field("Kind", got.Kind == want.Kind, got.Kind, want.Kind)
	field("Environment", got.Environment == want.Environment, int(got.Environment), int(want.Environment))
	field("Owner", got.Owner == want.Owner, quoted(got.Owner), quoted(want.Owner))
	field("Scopes", got.Scopes == want.Scopes, quoted(string(got.Scopes)), quoted(string(want.Scopes)))
	field("AllowedIPs", samePrefixes(got.AllowedIPs, want.AllowedIPs), got.AllowedIPs, want.AllowedIPs)
	field("Limit", got.Limit == want.Limit, limitText(got.Limit), limitText(want.Limit))
	field("ExpiresAt", sameTime(got.ExpiresAt, want.ExpiresAt), timeText(got.ExpiresAt), timeText(want.ExpiresAt))
	field("RevokedAt", sameTime(got.RevokedAt, want.RevokedAt), timeText(got.RevokedAt), timeText(want.RevokedAt))
}

func quoted(s string) string { return fmt.Sprintf("%.60q", s) }

func limitText(l bearer.Limit) string {
	return fmt.Sprintf("%v a second, burst %d", float64(l.Rate), l.Burst)
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return "the zero time"
	}
	return at.Format(time.RFC3339Nano)
}

// sameTime compares to the second. The zero time is like none but itself.
func sameTime(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Unix() == b.Unix() }

func samePrefixes(a, b []netip.Prefix) bool {
	sorted := func(list []netip.Prefix) []netip.Prefix {
		return slices.SortedFunc(slices.Values(list), func(a, b netip.Prefix) int {
			return strings.Compare(a.String(), b.String())
		})
	}
	return slices.Equal(sorted(a), sorted(b))
}
