package storesuite

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest/internal/report"
)

// A field is a field of a key, how to show it, and the value by which two are
// the same.
type field struct{ name, text, value string }

// fieldsOf returns the fields of a key, with what a guard makes of them: it
// goes by no order of Scopes and AllowedIPs, by whole seconds, and only by
// whether a key was revoked at all.
func fieldsOf(k *bearer.Key) []field {
	addresses := make([]string, len(k.AllowedIPs))
	for i, prefix := range k.AllowedIPs {
		addresses[i] = prefix.String()
	}
	expires, limit := timeText(k.ExpiresAt), limitText(k.Limit)
	limitValue, _, _ := strings.Cut(limit, " (burst") // any that is not positive lets nothing through
	return []field{
		{"ID", k.ID, k.ID},
		{"Hash", hashText(k.Hash), string(k.Hash[:])},
		{"Kind", k.Kind.String(), k.Kind.String()},
		{"Environment", cmp.Or(k.Environment.String(), "none"), k.Environment.String()},
		{"Owner", k.Owner, k.Owner},
		{"Scopes", string(k.Scopes), sorted(strings.Fields(string(k.Scopes)))},
		{"AllowedIPs", listText(addresses), sorted(addresses)},
		{"Limit", limit, limitValue},
		{"ExpiresAt", expires, expires},
		{"RevokedAt", timeText(k.RevokedAt), strconv.FormatBool(k.RevokedAt.IsZero())},
	}
}

// differences returns the fields in which two keys differ, and texts that say
// so.
func differences(got, want *bearer.Key) (differ []field) {
	wanted := fieldsOf(want)
	for i, f := range fieldsOf(got) {
		g, w := f.text, wanted[i].text
		switch {
		case f.value == wanted[i].value:
			continue
		case f.name == "Hash":
			w = "that which was asked for"
		case f.name == "ID", f.name == "Owner", f.name == "Scopes":
			g, w = report.Quoted(g, w)
		}
		differ = append(differ, field{name: f.name, text: fmt.Sprintf("%s: got %s, want %s", f.name, g, w)})
	}
	return differ
}

func sorted(list []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), " ")
}

func hashText(h bearer.KeyHash) string {
	if h == (bearer.KeyHash{}) {
		return "the zero hash (was it read?)"
	}
	return "another"
}

func listText(texts []string) string {
	const shown = 5
	switch n := len(texts); {
	case n == 0:
		return "none"
	case n > shown:
		return fmt.Sprintf("%s … (%d in all)", strings.Join(texts[:shown], " "), n)
	default:
		return strings.Join(texts, " ")
	}
}

// limitText rounds as a column of decimals does: 20 a minute are 0.33333 a
// second there.
func limitText(l bearer.Limit) string {
	switch {
	case l == bearer.Limit{}:
		return "the zero limit"
	case l.Rate >= rate.Inf:
		return "no limit"
	case l.Burst < 1:
		return fmt.Sprintf("a limit that lets nothing through (burst %d)", l.Burst)
	case l.Rate < 1:
		return fmt.Sprintf("%.5g a minute, burst %d", float64(l.Rate)*60, l.Burst)
	default:
		return fmt.Sprintf("%.6g a second, burst %d", float64(l.Rate), l.Burst)
	}
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return "the zero time"
	}
	return at.UTC().Format(time.RFC3339)
}
