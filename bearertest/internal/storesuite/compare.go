package storesuite

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

// A field is a field of a key, and a text of what a guard makes of it.
type field struct{ name, text string }

// fieldsOf returns the fields of a key that was found by a hash. A guard goes by
// no order of Scopes, AllowedIPs and AllowedOrigins, and only by whether a key was
// revoked at all: keys that differ in nothing else have the same texts. Data is
// the application's own.
func fieldsOf(k *bearer.Key, asked bearer.KeyHash) []field {
	revoked := "the zero time"
	if !k.RevokedAt.IsZero() {
		revoked = "a time"
	}
	return []field{
		{"ID", quoted(k.ID)},
		{"Hash", hashText(k.Hash, asked)},
		{"Kind", k.Kind.String()},
		{"Environment", cmp.Or(k.Environment.String(), "none")},
		{"Owner", quoted(k.Owner)},
		{"Scopes", scopesText(k.Scopes)},
		{"AllowedIPs", addressesText(k)},
		{"AllowedOrigins", listText(slices.Clone(k.AllowedOrigins))},
		{"Limit", limitText(k.Limit)},
		{"ExpiresAt", timeText(k.ExpiresAt)},
		{"EndsAt", timeText(k.EndsAt)},
		{"RevokedAt", revoked},
	}
}

// differences returns the fields in which two keys differ by more than they may,
// with texts that say so.
func (s *suite) differences(got, stored *bearer.Key) (differ []field) {
	want := allowing(stored, got)
	if s.ids.assigned {
		if problem := s.ids.problem(got.ID, stored.Hash); problem != "" {
			differ = append(differ, field{"ID", problem})
		}
		want.ID = got.ID
	}
	wanted := fieldsOf(&want, stored.Hash)
	for i, f := range fieldsOf(got, stored.Hash) {
		if f.text != wanted[i].text {
			f.text = fmt.Sprintf("%s: got %.80s, want %.80s", f.name, f.text, wanted[i].text)
			differ = append(differ, f)
		}
	}
	return differ
}

// allowing returns the key that was stored, with what a store may change as it is
// in the one that was found: a rate by the digits that it leaves out, a time by
// less than a second, and no environment to one of the two that a column has.
func allowing(stored, found *bearer.Key) bearer.Key {
	want := *stored
	if want.Environment == 0 && (found.Environment == bearer.Test || found.Environment == bearer.Live) {
		want.Environment = found.Environment
	}
	if isNear(want.Limit.Rate, found.Limit.Rate) {
		want.Limit.Rate = found.Limit.Rate
	}
	for _, t := range []struct {
		want  *time.Time
		found time.Time
	}{{&want.ExpiresAt, found.ExpiresAt}, {&want.EndsAt, found.EndsAt}} {
		if t.want.IsZero() == t.found.IsZero() && t.found.Sub(*t.want).Abs() < time.Second {
			*t.want = t.found
		}
	}
	return want
}

// isNear reports whether a rate was only rounded, as a column of five decimals
// does: 20 a minute are 0.33333 a second there, and one a day 0.00001. What flows
// in at all does so after it was rounded.
func isNear(want, got rate.Limit) bool {
	off := math.Abs(float64(want - got))
	return (want > 0) == (got > 0) && off <= max(5e-6, 2e-5*float64(want))
}

// quoted tells the length of a long text first: it may have been cut.
func quoted(text string) string {
	if len(text) > 50 {
		return fmt.Sprintf("%d bytes %+q", len(text), text)
	}
	return strconv.QuoteToASCII(text)
}

func scopesText(list bearer.Scopes) string {
	var scopes []string
	for scope := range list.All() {
		scopes = append(scopes, string(scope))
	}
	slices.Sort(scopes)
	return quoted(strings.Join(slices.Compact(scopes), " "))
}

// addressesText lists the prefixes as a guard reads them: those of IPv4-mapped
// addresses are of IPv4, and bits beyond their length do not count.
func addressesText(k *bearer.Key) string {
	addresses := make([]string, len(k.AllowedIPs))
	for i, p := range k.AllowedIPs {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p, _ = p.Addr().Unmap().Prefix(p.Bits() - 96)
		}
		addresses[i] = p.Masked().String()
	}
	return listText(addresses)
}

// listText sorts the list. It tells the length of a long one first.
func listText(list []string) string {
	slices.Sort(list)
	list = slices.Compact(list)
	text := cmp.Or(strings.Join(list, " "), "none")
	if len(list) > 32 {
		text = fmt.Sprintf("%d in all: %s", len(list), text)
	}
	return text
}

func hashText(h, asked bearer.KeyHash) string {
	switch h {
	case asked:
		return "that which was asked for"
	case bearer.KeyHash{}:
		return "the zero hash (was it read?)"
	default:
		return "another"
	}
}

func limitText(l bearer.Limit) string {
	switch {
	case l == bearer.Limit{}:
		return "the zero limit"
	case l.Rate >= rate.Inf:
		return "no limit"
	case l.Burst < 1:
		return "a limit that lets nothing through"
	case l.Rate <= 0:
		return fmt.Sprintf("%g a second, burst %d", float64(l.Rate), l.Burst)
	}
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"second", 1}, {"minute", 60}, {"hour", 60 * 60}} {
		if n := float64(l.Rate) * unit.seconds; n > 0.999 {
			return fmt.Sprintf("%.6g a %s, burst %d", n, unit.name, l.Burst)
		}
	}
	return fmt.Sprintf("%.6g a day, burst %d", float64(l.Rate)*24*60*60, l.Burst)
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return "the zero time"
	}
	return at.UTC().Format(time.RFC3339)
}
