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
)

// A field is a field of a key, and a text of what a guard makes of it.
type field struct{ name, text string }

// fieldsOf returns the fields of a key that was found by a hash. A guard goes by
// no order of Scopes and AllowedIPs, by whole seconds, and only by whether a key
// was revoked at all: keys that differ in nothing else have the same texts.
func fieldsOf(k *bearer.Key, asked bearer.KeyHash) []field {
	addresses := make([]string, len(k.AllowedIPs))
	for i, prefix := range k.AllowedIPs {
		addresses[i] = prefix.String()
	}
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
		{"Scopes", quoted(sorted(strings.Fields(string(k.Scopes))))},
		{"AllowedIPs", cmp.Or(sorted(addresses), "none")},
		{"Limit", limitText(k.Limit)},
		{"ExpiresAt", timeText(k.ExpiresAt)},
		{"RevokedAt", revoked},
	}
}

// differences returns the fields in which two keys differ, with texts that say
// so.
func differences(got, want *bearer.Key) (differ []field) {
	wanted := fieldsOf(want, want.Hash)
	for i, f := range fieldsOf(got, want.Hash) {
		if f.text != wanted[i].text {
			f.text = fmt.Sprintf("%s: got %.80s, want %.80s", f.name, f.text, wanted[i].text)
			differ = append(differ, f)
		}
	}
	return differ
}

// quoted tells the length of a long text first: it may have been cut.
func quoted(text string) string {
	if len(text) > 50 {
		return fmt.Sprintf("%d bytes %q", len(text), text)
	}
	return strconv.Quote(text)
}

func sorted(list []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), " ")
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

// limitText rounds as a column of decimals does: 20 a minute are 0.33333 a
// second there.
func limitText(l bearer.Limit) string {
	switch {
	case l == bearer.Limit{}:
		return "the zero limit"
	case l.Rate >= rate.Inf:
		return "no limit"
	case l.Burst < 1:
		return "a limit that lets nothing through"
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
