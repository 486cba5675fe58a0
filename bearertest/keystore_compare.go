package bearertest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// This file compares keys by what a guard makes of them.

// A difference is a field in which two keys differ.
type difference struct{ field, got, want string }

func (d difference) String() string {
	return fmt.Sprintf("%s: got %s, want %s", d.field, d.got, d.want)
}

// keyFields are the fields of a key, and how to compare and to show them.
var keyFields = []struct {
	name  string
	equal func(a, b *bearer.Key) bool
	text  func(got, want *bearer.Key) (string, string)
}{
	{"ID", func(a, b *bearer.Key) bool { return a.ID == b.ID },
		func(a, b *bearer.Key) (string, string) { return quoted(a.ID, b.ID) }},
	{"Hash", func(a, b *bearer.Key) bool { return a.Hash == b.Hash }, hashTexts},
	{"Kind", func(a, b *bearer.Key) bool { return a.Kind == b.Kind },
		func(a, b *bearer.Key) (string, string) { return a.Kind.String(), b.Kind.String() }},
	{"Environment", func(a, b *bearer.Key) bool { return a.Environment == b.Environment },
		func(a, b *bearer.Key) (string, string) { return environment(a), environment(b) }},
	{"Owner", func(a, b *bearer.Key) bool { return a.Owner == b.Owner },
		func(a, b *bearer.Key) (string, string) { return quoted(a.Owner, b.Owner) }},
	{"Scopes", func(a, b *bearer.Key) bool { return sameSet(scopesOf(a), scopesOf(b)) },
		func(a, b *bearer.Key) (string, string) { return quoted(string(a.Scopes), string(b.Scopes)) }},
	{"AllowedIPs", func(a, b *bearer.Key) bool { return sameSet(addressesOf(a), addressesOf(b)) },
		func(a, b *bearer.Key) (string, string) { return list(addressesOf(a)), list(addressesOf(b)) }},
	{"Limit", func(a, b *bearer.Key) bool { return sameLimit(a.Limit, b.Limit) },
		func(a, b *bearer.Key) (string, string) { return limitText(a.Limit), limitText(b.Limit) }},
	{"ExpiresAt", func(a, b *bearer.Key) bool { return sameTime(a.ExpiresAt, b.ExpiresAt) },
		func(a, b *bearer.Key) (string, string) { return timeText(a.ExpiresAt), timeText(b.ExpiresAt) }},
	{"RevokedAt", func(a, b *bearer.Key) bool { return a.RevokedAt.IsZero() == b.RevokedAt.IsZero() },
		func(a, b *bearer.Key) (string, string) { return timeText(a.RevokedAt), timeText(b.RevokedAt) }},
}

// unlike returns the fields in which two keys differ.
func unlike(got, want *bearer.Key) (differ []difference) {
	for _, field := range keyFields {
		if !field.equal(got, want) {
			g, w := field.text(got, want)
			differ = append(differ, difference{field.name, g, w})
		}
	}
	return differ
}

// compare reports the fields in which two keys differ, but those that the check
// of the fields found to be lost: to whatever it is about, that is nothing.
func (t *keyStoreTest) compare(r rule, name string, got, want *bearer.Key) {
	for _, d := range unlike(got, want) {
		if t.lost[d.field] == nil {
			t.brokenf(r, "%s: %s", name, d)
		}
	}
}

func scopesOf(k *bearer.Key) []string { return strings.Fields(string(k.Scopes)) }

func addressesOf(k *bearer.Key) []string {
	texts := make([]string, len(k.AllowedIPs))
	for i, prefix := range k.AllowedIPs {
		texts[i] = prefix.String()
	}
	return texts
}

func sameSet(a, b []string) bool {
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return slices.Equal(set(a), set(b))
}

// sameLimit compares rates as a column of decimals keeps them. What lets
// nothing through does so by any burst that is not positive, but by none that
// makes the limit zero, which is the guard's.
func sameLimit(a, b bearer.Limit) bool {
	nothing := func(l bearer.Limit) bool { return l != bearer.Limit{} && l.Rate < rate.Inf && l.Burst < 1 }
	near := func(a, b rate.Limit) bool { return max(a, b)-min(a, b) <= 1e-5*max(a, b) }
	switch {
	case a.Rate >= rate.Inf || b.Rate >= rate.Inf:
		return a.Rate >= rate.Inf && b.Rate >= rate.Inf
	case nothing(a) || nothing(b):
		return nothing(a) && nothing(b)
	default:
		return a.Burst == b.Burst && near(a.Rate, b.Rate)
	}
}

// sameTime compares to the second. The zero time is like none but itself.
func sameTime(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Unix() == b.Unix() }

func hashTexts(got, _ *bearer.Key) (string, string) {
	if got.Hash == (bearer.KeyHash{}) {
		return "the zero hash (was it read?)", "that which was asked for"
	}
	return "another", "that which was asked for"
}

func environment(k *bearer.Key) string {
	if k.Environment == 0 {
		return "none"
	}
	return k.Environment.String()
}

// quoted quotes two texts that differ: of long ones, what is about the place
// where they part.
func quoted(got, want string) (string, string) {
	const long, before, after = 60, 10, 20
	if len(got) <= long && len(want) <= long {
		return fmt.Sprintf("%q", got), fmt.Sprintf("%q", want)
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	part := func(s string) string {
		from, to := max(0, at-before), min(len(s), at+after)
		return fmt.Sprintf("%d bytes (from byte %d on: %q)", len(s), from, s[from:to])
	}
	return part(got), part(want)
}

func list(texts []string) string {
	const shown = 5
	if len(texts) == 0 {
		return "none"
	}
	text := strings.Join(texts[:min(shown, len(texts))], " ")
	if len(texts) > shown {
		text += fmt.Sprintf(" … (%d in all)", len(texts))
	}
	return text
}

func limitText(l bearer.Limit) string {
	perHour := float64(l.Rate) * time.Hour.Seconds()
	switch {
	case l == bearer.Limit{}:
		return "the zero limit"
	case l.Rate >= rate.Inf:
		return "no limit"
	case l.Burst < 1:
		return fmt.Sprintf("a limit that lets nothing through (burst %d)", l.Burst)
	case perHour < 60:
		return fmt.Sprintf("%.4g an hour, burst %d", perHour, l.Burst)
	case l.Rate < 1:
		return fmt.Sprintf("%.4g a minute, burst %d", perHour/60, l.Burst)
	default:
		return fmt.Sprintf("%.6g a second, burst %d", float64(l.Rate), l.Burst)
	}
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return "the zero time"
	}
	return at.Format(time.RFC3339Nano)
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func manyPrefixes() []netip.Prefix {
	list := make([]netip.Prefix, 20)
	for i := range list {
		list[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24)
	}
	return list
}
