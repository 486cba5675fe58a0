package base62_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/internal/base62"
)

// A byte that is not in the set is found wherever it stands.
func TestSetHolds(t *testing.T) {
	set := base62.SetOf(base62.Digits)
	assert.True(t, set.Holds(""))
	for n := 1; n < 40; n++ {
		text := strings.Repeat("a", n)
		assert.True(t, set.Holds(text))
		for i := range n {
			for c := range 256 {
				changed := text[:i] + string([]byte{byte(c)}) + text[i+1:]
				if want := strings.IndexByte(base62.Digits, byte(c)) >= 0; want != set.Holds(changed) {
					t.Errorf("want %t: %q", want, changed)
				}
			}
		}
	}
}

func TestEncode(t *testing.T) {
	for _, row := range []struct {
		text string
		n    uint32
	}{
		{"0", 0},
		{"9", 9},
		{"A", 10},
		{"z", 61},
		{"10", 62},
		{"000001", 1},
		{"zzzzz", 62*62*62*62*62 - 1},
		{"4gfFC3", 1<<32 - 1},
	} {
		assert.Equal(t, row.text, base62.Encode(row.n, len(row.text)))
	}
}

// Each digit is as likely as any other: of 62,000, each comes about 1000 times.
// A modulo of a byte would give the first eight of them a quarter more.
func TestRandomIsUniform(t *testing.T) {
	assert.Empty(t, base62.Random(0))
	counts := make(map[rune]int)
	for _, digit := range base62.Random(62_000) {
		counts[digit]++
	}
	assert.Len(t, counts, 62)
	for digit, n := range counts {
		assert.InDelta(t, 1000, n, 220, "%c", digit) // 7 standard deviations
	}
}

// BenchmarkSet is why bytes are looked up eight at a time.
func BenchmarkSet(b *testing.B) {
	set := base62.SetOf(base62.Digits + "_")
	text := strings.Repeat("sk_live_", 6)
	b.Run("eight", func(b *testing.B) {
		for b.Loop() {
			if !set.Holds(text) {
				b.Fatal(text)
			}
		}
	})
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			for i := range len(text) {
				if set[text[i]] == 0 {
					b.Fatal(text)
				}
			}
		}
	})
}
