package storesuite

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
)

func kindRecords() []record {
	return []record{
		{"a secret key", false, func(k *bearer.Key) { k.Kind = bearer.SecretKey }},
		{"a publishable key", false, func(k *bearer.Key) { k.Kind = bearer.PublishableKey }},
		{"a test key", false, func(k *bearer.Key) { k.Environment = bearer.Test }},
		{"a live key", false, func(k *bearer.Key) { k.Environment = bearer.Live }},
		{"a key of no environment", true, func(k *bearer.Key) { k.Environment = 0 }},
	}
}

// odd are texts that columns, encodings and collations change.
var odd = []struct{ name, text string }{
	{"spaces around", " owner 1 "},
	{"a no-break space at the end", "owner 1\u00a0"},
	{"letters in both cases", "Acme İstanbul ẞ"},
	{"characters of four bytes", "acme \U0001f511\U0001d504\U00020000 inc"},
	{"letters with marks of their own", "Cafe\u0301 \u212b \ufb01 \uff21"}, // other than in any normal form
	{"letters from right to left", "a\u200f\u05e2\u05d1\u05e8\u05d9\u05ea\u200e 1"},
	{"zeros before a number", zerosAndNumber},
	{"a zero", "0"},
	{"a number beyond 53 bits", "9007199254740993"},
	{"an exponent", anExponent},
	{"a word of a language", "NULL"},
	{"another word of a language", "true"},
	{"a third word of a language", "null"},
	{"blanks alone", "  "},
	{"a UUID in capitals", strings.ToUpper(aUUID)},
	{"what cannot be seen", "a\x01\x1b\x7f\u200b\ufeff1"},
	{"what may begin a comment", "a #b -- c"},
	{"what separates columns", `a,b;c|d:e/f\g{h}[i]` + "\tj=k&l"},
	{"line ends", "owner\r\n1\n"},
	{"a zero byte", "owner\x001"},
	{"wildcards", "own_r%*?"},
	{"placeholders", "$1 ? :name @p1 %[1]s {{.}} ${HOME}"},
	{"markup", "<b>&amp;</b> %41+\\u0041"},
}

const (
	zerosAndNumber = "007"
	anExponent     = "1e3"
)

// lengths are of names that columns have room for, as a rule or not.
var lengths = []int{36, 64, 100, 255, 1000}

func ownerRecords() []record {
	owned := func(name, owner string) record {
		return record{name, true, func(k *bearer.Key) { k.Owner = owner }}
	}
	list := make([]record, 0, 8+len(lengths)+len(odd))
	list = append(list,
		record{"an owner with quotes", false, func(k *bearer.Key) { k.Owner = `O'Brien "& Söhne"; -- %s` }},
		owned("a UUID for an owner", aUUID),
		owned("no owner", ""))
	for _, n := range lengths {
		list = append(list, owned(fmt.Sprintf("an owner of %d characters", n), strings.Repeat("owner_1234", n)[:n]))
	}
	list = append(list,
		owned("an owner of 100 umlauts", strings.Repeat("ü", 100)),
		owned("an owner of 64 symbols", strings.Repeat("\U0001f511", 64)))
	for _, o := range odd {
		list = append(list, owned("an owner with "+o.name, o.text))
	}
	return list
}

func idRecords() []record {
	named := func(name string, change func(*bearer.Key) string) record {
		return record{name, true, func(k *bearer.Key) { k.ID = change(k) }}
	}
	var list []record
	for _, n := range lengths {
		list = append(list, named(fmt.Sprintf("an ID of %d characters", n), func(k *bearer.Key) string {
			return k.ID + strings.Repeat("x", n-len(k.ID))
		}))
	}
	list = append(list,
		named("an ID with zeros before a number", func(k *bearer.Key) string { return "00" + number(k) }),
		named("an ID with a number and an exponent", func(k *bearer.Key) string { return number(k) + "e2" }))
	for _, o := range odd {
		list = append(list, named("an ID with "+o.name, func(k *bearer.Key) string {
			return o.text[:1] + k.ID + o.text[1:]
		}))
	}
	return list
}

// number returns a number that no other key has.
func number(k *bearer.Key) string {
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(k.Hash[:])), 10)
}

func scopeRecords() []record {
	scoped := func(name string, scopes bearer.Scopes) record {
		return record{name, true, func(k *bearer.Key) { k.Scopes = scopes }}
	}
	return []record{
		{"full access", false, func(k *bearer.Key) { k.Scopes = bearer.FullAccess }},
		{"several scopes", false, func(k *bearer.Key) { k.Scopes = "wallets:* tokens:read" }},
		scoped("no scopes", ""),
		scoped("scopes in another case", "Tokens:Read wallets:WRITE"),
		scoped("scopes with commas and braces", "files,docs:read {a,b}:read [c]:read"),
		scoped("scopes with separators and quotes", "a|b;c:read it's:read d=e&f:read"),
		scoped("scopes that are URLs", "https://api.example/auth/docs.read https://api.example/auth/docs"),
		scoped("scopes that are words of a language", "NULL true 007 1e3 - %s"),
		scoped("scopes of all characters", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~ a+b #c d#e (f) <g> h@i $j ${k} ~l m^n"),
		scoped("scopes that look like escapes", "a%2Bb a%20b a:*:b *:a a:**"),
		scoped("scopes that begin alike", "tokens tokens:read tokens:read:own"),
		scoped("many scopes", manyScopes("resource_%02d:read", 80)),  // 1,359 bytes in all
		scoped("more scopes", manyScopes("resource_%03d:read", 225)), // 4,049 bytes
		scoped("a long scope", bearer.Scopes(strings.Repeat("x", 2000)+":read")),
	}
}

func manyScopes(format string, n int) bearer.Scopes {
	scopes := make([]bearer.Scope, n)
	for i := range scopes {
		scopes[i] = bearer.Scope(fmt.Sprintf(format, i))
	}
	return bearer.JoinScopes(scopes...)
}

func addressRecords() []record {
	allowed := func(name string, list ...string) record {
		return record{name, true, func(k *bearer.Key) { k.AllowedIPs = prefixes(list...) }}
	}
	return []record{
		{"addresses", false, func(k *bearer.Key) {
			k.AllowedIPs = prefixes("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32")
		}},
		allowed("many addresses", manyPrefixes("10.0.%d.0/24", 20)...),
		allowed("many long addresses", manyPrefixes("2001:db8:1234:5678:9abc:def0:1234:%x0/124", 32)...),
		allowed("60 addresses", manyPrefixes("10.2.%d.0/24", 60)...),
		allowed("one address", "192.0.2.7/32"),
		allowed("one address of IPv6", "2001:db8::7/128"),
		allowed("a prefix of IPv6, /64", "2001:db8:1:2::/64"),
		allowed("prefixes of all lengths", "203.0.113.128/25", "198.51.100.4/31", "172.16.0.0/12",
			"2001:db8:3:ff00::/56", "2001:db8:4::8/125", "2001:db8:5::/48", "2001:db8:6:7::8/127"),
		allowed("a prefix with host bits", "10.1.2.3/8"),
		allowed("a prefix of IPv6 with host bits", "2001:db8::7/48"),
		allowed("an IPv4-mapped address", "::ffff:192.0.2.7/128"),
		allowed("a prefix of IPv4-mapped addresses", "::ffff:198.51.100.0/120"),
		allowed("addresses of the machine itself", "127.0.0.0/8", "::1/128"),
		allowed("addresses of one link", "169.254.0.0/16", "fe80::/10"),
		allowed("addresses of private networks", "192.168.0.0/16", "100.64.0.0/10", "fd00::/8"),
		allowed("addresses of groups, and above", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8"),
		allowed("short prefixes", "128.0.0.0/1", "64.0.0.0/3", "2000::/3"),
		allowed("all addresses of IPv4", "0.0.0.0/0"),
		allowed("all addresses of IPv6", "::/0"),
	}
}

func manyPrefixes(format string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// originRecords are publishable keys, but for one: a guard goes by no origins of
// secret keys, which an application may yet show.
func originRecords() []record {
	from := func(name string, rare bool, origins ...string) record {
		return record{name, rare, func(k *bearer.Key) { k.Kind, k.AllowedOrigins = bearer.PublishableKey, origins }}
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("https://app-%d.example", i)
	}
	return []record{
		from("origins", false, "https://app.example", "http://localhost:5173"),
		from("one origin", true, "https://app.example:8443"),
		from("an origin in another case", true, "https://App.example"),
		from("origins with separators and braces", true,
			"https://a,b.example", "https://{c,d}.example", "https://e;f.example"),
		from("an origin that is no URL of http", true, "chrome-extension://abcdefghijklmnop", "null"),
		from("origins of addresses", true, "http://127.0.0.1:3000", "http://[::1]:3000"),
		from("origins with usual ports", true, "https://app.example:443", "http://app.example:80"),
		{"origins of a secret key", true, func(k *bearer.Key) {
			k.Kind, k.AllowedOrigins = bearer.SecretKey, []string{"https://app.example"}
		}},
		from("many origins", true, many...),
	}
}

func limitRecords() []record {
	limited := func(name string, perSecond float64, burst int) record {
		return record{name, true, func(k *bearer.Key) { k.Limit = limit(perSecond, burst) }}
	}
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	const large = 1<<32 + 5
	return []record{
		{"a limit", false, func(k *bearer.Key) { k.Limit = bearer.PerMinute(20) }},
		{"no limit", true, func(k *bearer.Key) { k.Limit = bearer.Unlimited }},
		{"a limit that lets nothing through", true, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }},
		{"a large limit", true, func(k *bearer.Key) { k.Limit = bearer.PerSecond(100_000) }},
		limited("a large burst", 5, 40),
		limited("a small burst", 50, 1),
		limited("a burst of more than 32 bits", 1000, int(min(int64(large), int64(math.MaxInt)))),
		limited("a limit of 2.5 a second", 2.5, 7),
		limited("a limit of 90 a minute", 90.0/minute, 30),
		limited("a limit of one a minute", 1.0/minute, 1),
		limited("a limit of one an hour", 1.0/hour, 1),
		limited("a limit of one a day", 1.0/day, 3),
		limited("a limit of 45 in 30 days", 45.0/(30*day), 45),
		limited("a burst that does not come back", 0, 5),
		limited("a rate without a burst", 50, 0),
		limited("a limit of a million a second", 1_000_000, 2_000_000),
	}
}

func timeRecords() []record {
	at, tomorrow := someday(), time.Now().UTC().Add(24*time.Hour).Truncate(time.Second)
	zoned := func(offset time.Duration) time.Time { return at.In(time.FixedZone("local", int(offset.Seconds()))) }
	timed := func(name string, rare bool, expires, ends time.Time) record {
		return record{name, rare, func(k *bearer.Key) { k.ExpiresAt, k.EndsAt = expires, ends }}
	}
	var never time.Time
	soon := time.Now().UTC().Truncate(time.Second).Add(10 * time.Minute)
	list := make([]record, 0, 24)
	list = append(list,
		timed("an expiry", false, tomorrow, never),
		timed("an end", false, never, tomorrow),
		timed("an expiry in ten minutes", true, soon, never),
		timed("an end in ten minutes", true, never, soon),
		timed("an end at its expiry", true, at, at),
		timed("an end before its expiry", true, at.Add(time.Hour), at),
		timed("an end after its expiry", true, at, at.Add(time.Hour)))
	for _, t := range []struct {
		name string
		at   time.Time
	}{
		{"in another zone", zoned(5*time.Hour + 30*time.Minute)},
		{"in a zone west of UTC", zoned(-9*time.Hour - 30*time.Minute)},
		{"in the local zone", at.Local()},
		{"of a part of a second", at.Add(700 * time.Millisecond)},
		{"in a year beyond 32 bits", time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"in the last year of four digits", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		list = append(list,
			timed("an expiry "+t.name, true, t.at, never),
			timed("an end "+t.name, true, never, t.at))
	}
	return list
}

func limit(perSecond float64, burst int) bearer.Limit {
	return bearer.Limit{Rate: rate.Limit(perSecond), Burst: burst}
}

// someday returns a time of whole seconds that is far from midnight and from a
// whole hour.
func someday() time.Time {
	return time.Now().UTC().Truncate(24 * time.Hour).Add(50*time.Hour + 25*time.Minute + 45*time.Second)
}

// fill sets every field to what no other field has, and lists in an order that
// no store would sort them in.
func fill(k *bearer.Key) {
	k.Kind, k.Environment = bearer.PublishableKey, bearer.Live
	k.Owner, k.Scopes = "owner_2", "wallets:read tokens:read"
	k.AllowedIPs, k.AllowedOrigins = prefixes("2001:db8::/32", "192.0.2.0/24"), []string{"https://app.example"}
	k.Limit = limit(2.5, 7)
	k.ExpiresAt, k.EndsAt = someday().Add(time.Minute), someday().Add(time.Second*90)
}
