package storesuite

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// Options are what a store wants of the records that it is tested with.
type Options struct {
	NewOwner, NewID func() string
}

// newOwner returns an owner that has nothing yet.
func (o *Options) newOwner() string {
	if o.NewOwner != nil {
		return o.NewOwner()
	}
	return mixed("owner_")
}

// newID returns an ID that is not taken.
func (o *Options) newID(prefix string) string {
	if o.NewID != nil {
		return o.NewID()
	}
	return mixed(prefix)
}

// mixed returns a random name of letters of both cases after the prefix: an order
// that goes by letters is another than one that goes by bytes.
func mixed(prefix string) string {
	text := []byte(rand.Text())
	for i := range text {
		if mathrand.IntN(2) == 0 { //nolint:gosec // only the case is drawn by it
			text[i] |= 0x20 // a letter's lower case; a digit stays
		}
	}
	return prefix + string(text)
}

// newHash returns a random hash. It has no byte at an end that stores trim, or
// take for the end of a text: such hashes are for one check, not for one record in
// a hundred of any other.
func newHash() (hash bearer.KeyHash) {
	const trimmed = "\x00\t\n\v\f\r \x85\xa0\xc2" // the last three are of white space in UTF-8
	for strings.IndexByte(trimmed, hash[0]) >= 0 || strings.IndexByte(trimmed, hash[31]) >= 0 {
		_, _ = rand.Read(hash[:])
	}
	return hash
}

// now returns the time in whole microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func newSecret(at time.Time) issuer.Secret {
	return issuer.Secret{ID: rand.Text(), Hash: newHash(), Hint: "sk_test_a1B2", CreatedAt: at}
}

// A text is one that stores change.
type text struct{ name, text string }

// texts are what names, reasons and labels may be.
func texts() []text {
	return []text{
		{"of many scripts", "Ünïcödé ελληνικά 日本語 עברית 😀"},
		{"with combining marks", "e\u0301 \u1e9b\u0323 \u212b"},
		{"with spaces around", "  a b  "},
		{"with quotes and wildcards", `' " \ % _ ; -- ${x} ?1 {"a":1} <b>`},
		{"with line breaks", "a\tb\r\nc\n"},
		{"that is a word of databases", "NULL"},
		{"that is a number", "007"},
		{"of 254 bytes", strings.Repeat("ü", 127)},
	}
}

// An instant is a time that stores change.
type instant struct {
	name string
	at   time.Time
}

func instants() []instant {
	day := now().Truncate(24 * time.Hour)
	return []instant{
		{"at a microsecond", day.Add(1 * time.Microsecond)},
		{"at the last microsecond of a second", day.Add(999999 * time.Microsecond)},
		{"in another zone", day.Add(123456 * time.Microsecond).In(time.FixedZone("", 5*60*60+30*60))},
		{"at an hour that summer time skips", time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)},
		{"at the beginning of 1970", time.Unix(0, 0).UTC()},
		{"before 1970", time.Unix(-86400, 0).UTC()},
		{"after 2038", time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"in 2200", time.Date(2200, 12, 31, 23, 59, 59, 999999000, time.UTC)},
	}
}

// manyScopes are 64 scopes of 2 KiB.
func manyScopes() bearer.Scopes {
	scopes := make([]string, 64)
	for i := range scopes {
		scopes[i] = fmt.Sprintf("resource_%02d_%s:read", i, strings.Repeat("x", 14))
	}
	return bearer.Scopes(strings.Join(scopes, " "))
}

// manyPrefixes are 100 prefixes of both families.
func manyPrefixes() []netip.Prefix {
	prefixes := make([]netip.Prefix, 100)
	for i := range prefixes {
		var address [16]byte
		copy(address[:], []byte{0x20, 0x01, 0x0d, 0xb8, byte(i)})
		prefix := netip.PrefixFrom(netip.AddrFrom16(address), 40+i%89)
		if i%2 == 0 {
			prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32-i%3)
		}
		prefixes[i] = prefix.Masked()
	}
	return prefixes
}

// manyOrigins are 100 origins, in no order.
func manyOrigins() []string {
	origins := make([]string, 100)
	for i := range origins {
		origins[i] = fmt.Sprintf("https://app%02d.example:%d", 99-i, 1000+i)
	}
	return origins
}

// manyPairs are 50 pairs of 40 and 500 bytes, some keys of which differ in case.
func manyPairs() map[string]string {
	pairs := map[string]string{"case": "1", "Case": "2", "empty": "", "ключ": "значение", " ": "'\"\\\t\n"}
	for i := len(pairs); i < 50; i++ {
		key := fmt.Sprintf("%02d%s", i, strings.Repeat("k", 38))
		pairs[key] = strings.Repeat("v", 497) + fmt.Sprintf("%03d", i)
	}
	return pairs
}

// anyBytes are bytes that are no text.
func anyBytes() []byte {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	return append(all, "{\"b\": 1, \"a\":  2}\x00 \x00"...)
}
