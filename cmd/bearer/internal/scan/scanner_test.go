package scan_test

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

func TestScanFindsKey(t *testing.T) {
	plain, named, long := newKey(""), newKey("acme"), newKey("a_b_"+strings.Repeat("c", 27)+"_")
	spelled := func(underscore string) string { return strings.ReplaceAll(named, "_", underscore) }
	wrapped := base64.StdEncoding.EncodeToString([]byte("password=" + named + "\nuser=x"))
	tests := []struct {
		name, text, key string
		offset          int64
		encoding        string
	}{
		{"alone", plain, plain, 0, ""},
		{"with a namespace", named, named, 0, ""},
		{"with the longest namespace", long, long, 0, ""},
		{"in quotes", `key = "` + named + `"`, named, 7, ""},
		{"behind another word", "x" + plain, plain, 1, ""},
		{"behind another name", "my_" + named, named, 3, ""},
		{"behind digits and underscores", "1_2__" + named, named, 5, ""},
		{"in front of another word", named + "extra", named, 0, ""},
		{"twice the prefix", "sk_live_" + plain, plain, 8, ""},
		{"behind a prefix that is cut", "sk_live_abc_" + plain, plain, 12, ""},
		{"in a URL", "https://x.example/?k=" + named + "&a=b", named, 21, ""},
		{"with underscores of Markdown", spelled(`\_`), named, 0, ""},
		{"with underscores of URLs", "k=" + spelled("%5F") + "%20", named, 2, ""},
		{"with underscores of URLs in lower case", "k=" + spelled("%5f"), named, 2, ""},
		{"with underscores of JSON", `"` + spelled(`\u005f`) + `"`, named, 1, ""},
		{"with underscores of JavaScript", `"` + spelled(`\x5F`) + `"`, named, 1, ""},
		{"with underscores of HTML", `<b>` + spelled(`&#95;`) + `</b>`, named, 3, ""},
		{"broken UTF-8 around it", "\xff\xfe\x80" + named + "\xff", named, 3, ""},
		{"zero bytes around it", "\x00\x00" + named + "\x00", named, 2, ""},
		{"UTF-16 little-endian", inUTF16("key: "+named+"\n", false), named, 10, "utf-16"},
		{"UTF-16 big-endian", inUTF16("key: "+named+"\n", true), named, 11, "utf-16"},
		{"UTF-16 at the end", inUTF16(named, true), named, 1, "utf-16"},
		{"UTF-16 with escapes", inUTF16(spelled("%5F"), false), named, 0, "utf-16"},
		{"base64, first byte of a group", base64.StdEncoding.EncodeToString([]byte(named)), named, 0, "base64"},
		{"base64, second byte", base64.StdEncoding.EncodeToString([]byte("x" + plain)), plain, 0, "base64"},
		{"base64, third byte", base64.StdEncoding.EncodeToString([]byte("xy" + plain)), plain, 0, "base64"},
		{"base64 for URLs", base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe" + named + "\xff")), named, 0, "base64"},
		{"base64 on two lines", wrapped[:40] + "\n" + wrapped[40:], named, 12, "base64"},
		{"base64 on indented lines", "  " + wrapped[:40] + "\r\n    " + wrapped[40:], named, 14, "base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := matchesIn(t, tt.text)
			require.Len(t, found, 1)
			assert.Equal(t, fingerprintOf(t, tt.key), found[0].Fingerprint)
			assert.Equal(t, tt.offset, found[0].Offset)
			assert.Equal(t, tt.encoding, found[0].Encoding)
			assert.Equal(t, tt.key[:len(tt.key)-31], found[0].Hint)
			assert.Equal(t, bearer.SecretKey, found[0].Kind)
			assert.Equal(t, bearer.Live, found[0].Environment)
		})
	}
}

func TestScanFindsNoKey(t *testing.T) {
	key := newKey("acme")
	tests := []struct{ name, text string }{
		{"nothing", ""},
		{"the prefix", "acme_sk_live_"},
		{"words", "live test sk_live_ pk_test_ _live_ deliver latest"},
		{"cut at the end", key[:len(key)-1]},
		{"cut in front of its namespace", key[1:]},
		{"without its namespace", strings.TrimPrefix(key, "acme_")},
		{"of another namespace", "acne" + strings.TrimPrefix(key, "acme")},
		{"another kind", strings.Replace(key, "_sk_", "_pk_", 1)},
		{"another environment", strings.Replace(key, "_live_", "_test_", 1)},
		{"in upper case", strings.ToUpper(key)},
		{"a space in it", key[:20] + " " + key[20:]},
		{"on two lines", key[:20] + "\n" + key[20:]},
		{"without an underscore", strings.Replace(key, "sk_", "sk", 1)},
		{"hyphens", strings.ReplaceAll(key, "_", "-")},
		{"reversed", reversed(key)},
		{"every other byte is not zero", spaced(key)},
		{"base64 twice", twice(key)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Empty(t, matchesIn(t, tt.text))
		})
	}
}

func reversed(text string) string {
	var b strings.Builder
	for i := len(text) - 1; i >= 0; i-- {
		b.WriteByte(text[i])
	}
	return b.String()
}

func spaced(text string) string { return strings.Join(strings.Split(text, ""), " ") }

func twice(text string) string {
	once := base64.StdEncoding.EncodeToString([]byte(text))
	return base64.StdEncoding.EncodeToString([]byte(once))
}

// A key with one character replaced is none, whichever that is: a CRC finds every
// error that is shorter than itself.
func TestScanFindsNoKeyWithOneOtherCharacter(t *testing.T) {
	for _, namespace := range []string{"", "acme"} {
		key := newKey(namespace)
		for i := range key {
			for _, c := range []byte("0aZ_") {
				if key[i] != c {
					assert.Empty(t, matchesIn(t, key[:i]+string(c)+key[i+1:]), "%d", i)
				}
			}
		}
	}
}

func TestScanFilters(t *testing.T) {
	acme, other, none := newKey("acme"), newKey("other"), newKey("")
	published, _ := bearer.KeyFormat{Namespace: "acme"}.Generate(bearer.PublishableKey, bearer.Test)
	text := strings.Join([]string{acme, other, none, published}, "\n")
	tests := []struct {
		name   string
		filter scan.Filter
		want   []string
	}{
		{"none", scan.Filter{}, []string{acme, other, none, published}},
		{"a namespace", scan.Filter{Namespaces: []string{"acme"}}, []string{acme, published}},
		{"two namespaces", scan.Filter{Namespaces: []string{"", "other"}}, []string{other, none}},
		{"without a namespace", scan.Filter{Namespaces: []string{""}}, []string{none}},
		{"an unknown namespace", scan.Filter{Namespaces: []string{"cme"}}, nil},
		{"a kind", scan.Filter{Kind: bearer.PublishableKey}, []string{published}},
		{"an environment", scan.Filter{Environment: bearer.Live}, []string{acme, other, none}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want, got []string
			for _, key := range tt.want {
				want = append(want, fingerprintOf(t, key))
			}
			for _, m := range matches(t, &scan.Scanner{Filter: tt.filter}, strings.NewReader(text)) {
				got = append(got, m.Fingerprint)
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestScanCountsLines(t *testing.T) {
	one, two := newKey(""), newKey("acme")
	text := "a\nbc " + one + " " + two + "\n\r\n" + strings.Repeat("x\n", 300_000) + "  " + two
	var places [][3]int64
	for _, m := range matchesIn(t, text) {
		places = append(places, [3]int64{m.Line, m.Column, m.Offset})
	}
	end := int64(len(text) - len(two))
	assert.Equal(t, [][3]int64{{2, 4, 5}, {2, 5 + int64(len(one)), 6 + int64(len(one))}, {300_004, 3, end}}, places)
}

// A key is found once wherever the border between two blocks is, and however the
// reader hands the text out.
func TestScanAcrossBlocks(t *testing.T) {
	key := newKey("acme")
	forms := map[string]string{
		"plain": key, "utf-16": inUTF16(key, false), "base64": base64.StdEncoding.EncodeToString([]byte(key)),
	}
	const block = 256 << 10
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			s := &scan.Scanner{}
			for _, border := range []int{block, block + 1<<10, block + 2<<10, 2*block + 2<<10} {
				for before := -len(text) - 4; before <= 4; before += 5 {
					pad := border + before
					text := strings.Repeat(".", pad) + text + strings.Repeat(".", 2000)
					found := matches(t, s, iotest.HalfReader(strings.NewReader(text)))
					require.Len(t, found, 1, "%d", pad)
					assert.Equal(t, int64(pad), found[0].Offset)
				}
			}
		})
	}
}

func TestScanReturnsErrorOfReader(t *testing.T) {
	broken := errors.New("broken")
	var found int
	n, err := new(scan.Scanner).Scan(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)),
		func(scan.Match) { found++ })
	assert.ErrorIs(t, err, broken)
	assert.Equal(t, int64(3), n)
	assert.Zero(t, found)
}

func TestScanUsesBoundedMemory(t *testing.T) {
	s := &scan.Scanner{}
	matches(t, s, strings.NewReader("x")) // makes the buffer
	long := strings.Repeat("the latest sk_live_ is delivered ", 1<<16)
	allocated := testing.AllocsPerRun(1, func() { matches(t, s, strings.NewReader(long)) })
	assert.Less(t, allocated, 100.0)
}

func TestRedact(t *testing.T) {
	key := newKey("acme")
	hint := key[:len(key)-31]
	assert.Equal(t, "a/"+hint+".../"+hint+"....txt", scan.Redact("a/"+key+"/"+key+".txt"))
	assert.Equal(t, "a/b", scan.Redact("a/b"))
}

func TestPatternsMatchKeys(t *testing.T) {
	for _, namespace := range []string{"", "acme", "a_b"} {
		key := newKey(namespace)
		assert.Regexp(t, "^"+scan.Pattern(namespace)+"$", key)
		assert.NotRegexp(t, scan.Pattern(namespace), key[:len(key)-1])
		assert.NotRegexp(t, scan.Pattern("other"), key)
	}
}

func TestReadBaseline(t *testing.T) {
	mark := strings.Repeat("0f", 16)
	tests := []struct {
		name, text string
		want       int
		err        string
	}{
		{"empty", "", 0, ""},
		{"comments", "# a\n\n  # b\n", 0, ""},
		{"with a text", mark + "  acme_sk_live_x  a/b:1\n", 1, ""},
		{"twice", mark + "\r\n" + mark + "\n", 1, ""},
		{"no fingerprint", mark + "\n" + mark[1:] + "\n", 0, "line 2 does not begin with a fingerprint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := scan.ReadBaseline(strings.NewReader(tt.text))
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Len(t, b, tt.want)
		})
	}
}

// Whatever stands around a key, it is found, and what is found are keys.
func FuzzScan(f *testing.F) {
	f.Add("", "", byte(0))
	f.Add("a_", "b", byte(1))
	f.Add("X2xpdmVf", "=", byte(2))
	f.Add("sk_live_", "_sk_live_", byte(3))
	f.Add("\\u005f", "%5F", byte(0))
	f.Fuzz(func(t *testing.T, before, after string, form byte) {
		key := newKey([]string{"", "acme"}[form&1])
		text := key
		if form&2 != 0 {
			text = inUTF16(key, form&4 != 0)
			before = strings.TrimRight(before, "\x00")
			after = strings.TrimLeft(after, "\x00")
		}
		whole := matchesIn(t, before+text+after)
		var prints []string
		for _, m := range whole {
			prints = append(prints, m.Fingerprint)
		}
		assert.Contains(t, prints, fingerprintOf(t, key))
		slow := matches(t, &scan.Scanner{}, iotest.OneByteReader(strings.NewReader(before+text+after)))
		assert.Equal(t, whole, slow)
	})
}

func BenchmarkScan(b *testing.B) {
	texts := map[string]string{
		"prose":       strings.Repeat("The latest tests are delivered to those who live there.\n", 20_000),
		"zeros":       strings.Repeat("\x00", 1<<20),
		"look-alikes": strings.Repeat("acme_sk_live_a1B2c3D4_"+strings.Repeat("x", 30)+"\n", 20_000),
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			s := &scan.Scanner{}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, _ = s.Scan(strings.NewReader(text), func(scan.Match) {})
			}
		})
	}
}
