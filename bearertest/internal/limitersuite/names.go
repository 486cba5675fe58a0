package limitersuite

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// named returns the bucket of the test under a longer name.
func (t *test) named(suffix string) bearer.Bucket {
	b := t.bucket
	b.ID += suffix
	return b
}

// apart empties one bucket and asks for another. A name that the limiter cannot
// take is left out.
func (t *test) apart(name string, empty, full bearer.Bucket) {
	if _, err := t.ask(empty, 2, hourly(2)); err != nil {
		return
	}
	if u, err := t.ask(full, 2, hourly(2)); err == nil {
		what := fmt.Sprintf("%s: %.200q, after %.200q was emptied", name, full, empty)
		t.allowed(ruleOwnBucket, what, 2, hourly(2), u, true)
	}
}

// classes are those of a guard.
var classes = []string{"key", "token", "ip", "nobody", "policy"}

// similarNames returns names of policies, and classes besides those, of which a
// limiter might take two for one.
func similarNames() (policies, others []string) {
	long := letters(40)
	policies = []string{
		"default", "Default", "daily", "per-second", "per_second", "persecond", "p1", "p2", "a", long + "a", long + "b",
	}
	return policies, []string{"k", "t", "keys", "tokens", "ipv6", "other" + letters(5)}
}

// otherNames empties one bucket and asks for those whose names are similar.
func (t *test) otherNames() {
	id := t.bucket.ID
	policies, others := similarNames()
	for _, class := range append(others, classes...) {
		for _, policy := range policies {
			b := bearer.Bucket{Policy: policy, Class: class, ID: id}
			what := "another policy"
			if policy == "default" {
				what = "another class"
			}
			if u, err := t.ask(b, 2, hourly(2)); err == nil {
				t.allowed(ruleOwnBucket, fmt.Sprintf("%s: %.200q, after others were emptied", what, b), 2, hourly(2), u, true)
			}
		}
	}
	t.similar()
	t.shaped()
	for i, separator := range []string{"", "-", "_"} {
		t.joined(fmt.Sprintf("%s%d", id, i), separator)
	}
}

func (t *test) withID(id string) bearer.Bucket {
	b := t.bucket
	b.ID = id
	return b
}

// joined asks for buckets whose names would be one if their parts were joined, in
// any order. The separator may stand in the name of a policy.
//
// An example: "a", "key" and "token-b" make the text a-key-token-b, which is also
// that of "a-key", "token" and "b".
func (t *test) joined(id, separator string) {
	join := func(parts ...string) string { return strings.Join(parts, separator) }
	p, q := letters(3), letters(4)
	for _, pair := range [][2]bearer.Bucket{
		{{Policy: p, Class: "key", ID: join("token", id)}, {Policy: join(p, "key"), Class: "token", ID: id}},
		{{Policy: p, Class: "key", ID: join(q, id)}, {Policy: join(p, q), Class: "key", ID: id}},
		{{Policy: q, Class: "ip", ID: join(id, p)}, {Policy: join(p, q), Class: "ip", ID: id}},
		{{Policy: join(p, "token", q), Class: "key", ID: id}, {Policy: q, Class: "token", ID: join(id, "key", p)}},
		{{Policy: p, Class: "key", ID: "x" + id}, {Policy: p, Class: "keyx", ID: id}},
	} {
		t.apart("names that are joined", pair[0], pair[1])
	}
}

// letters returns so many random letters.
func letters(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + intN(26))
	}
	return string(text)
}

// similarIDs are pairs of IDs that a limiter might take for one. In them, ID and
// NUM stand for letters and digits, and LONG for many letters.
var similarIDs = []struct{ name, empty, full string }{
	{"another ID", "ID", "IDx"},
	{"another ID, in front", "IDy", "xIDy"},
	{"another case", "IDb", "IDB"},
	{"another case, not of ASCII", "ID\u00e9", "ID\u00c9"},
	{"a space at the end", "ID ", "ID"},
	{"a space at the beginning", " ID", "ID"},
	{"braces", "{ID}a", "{ID}b"},
	{"a zero byte", "ID\x00a", "ID\x00b"},
	{"a line end", "ID\na", "ID\nb"},
	{"a slash", "ID/a", "ID_a"},
	{"a slash, or none", "ID/b", "IDb/"},
	{"a colon", "ID:a", "ID:"},
	{"letters in another order", "IDab", "IDba"},
	{"an escape", "ID%41", "IDA"},
	{"an escaped space", "ID%20", "ID "},
	{"a plus for a space", "ID+a", "ID a"},
	{"a path", "ID/a/../b", "ID/b"},
	{"a double slash", "ID//c", "ID/c"},
	{"a wildcard", "ID*", "IDab"},
	{"a wildcard for one letter", "ID?", "IDa"},
	{"a wildcard of SQL", "ID_", "ID%"},
	{"a backslash", `ID\a`, "IDa"},
	{"a quotation mark", `ID"a`, "ID'a"},
	{"an address with a dot", "ID.a@app.test", "IDa@app.test"},
	{"an address with a tag", "ID+a@app.test", "ID@app.test"},
	{"an address of another case", "ID@app.test", "ID@App.test"},
	{"a tab at the end", "ID\t", "ID"},
	{"a line end at the end", "ID\n", "ID"},
	{"a wide space at the end", "ID\u00a0", "ID"},
	{"a dot at the end", "ID.", "ID"},
	{"a slash at the end", "ID/", "ID"},
	{"two spaces", "ID  a", "ID a"},
	{"a composed letter", "ID\u00e9", "IDe\u0301"},
	{"letters without ASCII", "ID\u00e8", "ID\u00ea"},
	{"a letter folded to ASCII", "ID\u00e9", "IDe"},
	{"a letter dropped", "ID\u00e9", "ID"},
	{"a letter, or a question mark", "ID\u00fc", "ID?"},
	{"a letter that is two", "ID\u00df", "IDss"},
	{"a wide letter", "ID\uff22", "IDB"},
	{"a ligature", "ID\ufb01", "IDfi"},
	{"a letter of another script", "ID\u0430", "IDa"},
	{"four-byte letters", "ID\U0001f600", "ID\U0001f601"},
	{"a four-byte letter cut to 16 bits", "ID\U0001f602", "ID\uf602"},
	{"a letter cut to 8 bits", "ID\u0161", "IDa"},
	{"an invisible letter", "ID\u200dd", "IDd"},
	{"a byte order mark", "\ufeffID", "ID"},
	{"no UTF-8", "ID\xff", "ID\xfe"},
	{"no UTF-8, or its replacement", "ID\xfd", "ID\ufffd"},
	{"control characters", "ID\x01", "ID\x02"},
	{"a terminal's escape", "ID\x1b[0m", "ID[0m"},
	{"a large number", "9NUM1", "9NUM2"},
	{"a number with zeros", "00NUM", "NUM"},
	{"a number with a sign", "+NUM", "NUM"},
	{"a number with a fraction", "NUM.0", "NUM"},
	{"hyphens", "ID-a-b", "ID-ab"},
	{"a URL that ends in a slash", "https://ID.example/", "https://ID.example"},
	{"one CRC-32", "IDodmhgncmeg", "IDdgnpacmaib"},
	{"long IDs", "IDLONGa", "IDLONGb"},
	{"long IDs, other in front", "aLONGID", "bLONGID"},
	{"long IDs, other in the middle", "LONGaIDLONG", "LONGbIDLONG"},
	{"a long ID, or a shorter one", "IDLONGx", "IDLONG"},
}

// A kilobyte is the longest that an ID is.
const kilobyte = 1024

// longs are the lengths of LONG: those at which databases and caches cut names
// off, another, and one that makes most IDs a kilobyte.
func longs() []int { return []int{200, 250, 256, 450, 500 + intN(450), 975} }

// similar asks for pairs of similarIDs.
func (t *test) similar() {
	for i, tt := range similarIDs {
		for _, n := range longs() {
			id := fmt.Sprintf("%s%d.%d", t.bucket.ID, i, n)
			number := strconv.Itoa(1e8+intN(9e8)) + strconv.Itoa(1e6+intN(9e6))
			names := strings.NewReplacer("ID", id, "NUM", number, "LONG", strings.Repeat("x", n))
			if empty := names.Replace(tt.empty); len(empty) <= kilobyte {
				t.apart(tt.name, t.withID(empty), t.withID(names.Replace(tt.full)))
			}
			if !strings.Contains(tt.empty, "LONG") {
				break
			}
		}
	}
}

// shaped asks for pairs of IDs that look like something of which a limiter might
// read a part. All of them are new.
func (t *test) shaped() {
	bits := func(n int) uint64 { return rand.Uint64() >> (64 - n) } //nolint:gosec // no secret
	v4 := fmt.Sprintf("10.%d.%d.", bits(8), bits(8))
	v6 := fmt.Sprintf("2001:db8:%x:%x:", bits(16), bits(16))
	uuid := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", bits(32), bits(16), bits(12), bits(12), bits(48))
	for _, tt := range []struct{ name, empty, full string }{
		{"addresses of one /24", v4 + "7", v4 + "8"},
		{"addresses of one /64", v6 + "1:2:3:4", v6 + "1:2:3:5"},
		{"networks of one /48", v6 + ":/64", v6[:len(v6)-1] + "f::/64"},
		{"a UUID in capitals", uuid, strings.ToUpper(uuid)},
	} {
		empty, full := t.withID(tt.empty), t.withID(tt.full)
		if strings.Contains(tt.name, "of one") {
			empty.Class, full.Class = "ip", "ip"
		}
		t.apart(tt.name, empty, full)
	}
}

// alphabets are what IDs are drawn from.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "0123456789abcdef-",
	"abc:/|.,;#~@=+ \t%_{}[]\\'\"*?", "\u00e0\u00e1\u00e2\u00e3\u00e4\u00e5\u00e6", "\u0430\u0431\u0432\u0433",
	"\u65e5\u672c\u8a9e\u5b57", "\U0001f600\U0001f601\U0001f602",
}

// drawnNames asks for pairs of names that differ in one letter.
func (t *test) drawnNames() {
	t.Together(10, t.name, rulePanic, func(g int) {
		for i := 0; i < 40 && time.Since(t.start) < time.Second; i++ {
			alphabet := []rune(alphabets[intN(len(alphabets))])
			id := []rune(fmt.Sprintf("%s%d.%d.", t.bucket.ID, g, i))
			for range 1 + intN(50) {
				id = append(id, alphabet[intN(len(alphabet))])
			}
			other := []rune(string(id))
			at := len(other) - 1 - intN(min(50, len(other)))
			for other[at] == id[at] {
				other[at] = alphabet[intN(len(alphabet))]
			}
			t.apart("IDs drawn at random", t.withID(string(id)), t.withID(string(other)))
		}
	})
}
