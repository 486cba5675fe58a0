package bearer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A byte that is not in the set is found wherever it stands.
func TestCharsetHolds(t *testing.T) {
	set := charsetOf(base62)
	assert.True(t, set.holds(""))
	for n := 1; n < 40; n++ {
		text := strings.Repeat("a", n)
		assert.True(t, set.holds(text))
		for i := range n {
			for c := range 256 {
				changed := text[:i] + string([]byte{byte(c)}) + text[i+1:]
				want := strings.IndexByte(base62, byte(c)) >= 0
				assert.Equal(t, want, set.holds(changed), "%q", changed)
			}
		}
	}
}

func TestValue62(t *testing.T) {
	for _, row := range []struct {
		digits string
		want   uint64
	}{
		{"", 0},
		{"0", 0},
		{"9", 9},
		{"A", 10},
		{"z", 61},
		{"10", 62},
		{"000001", 1},
		{"zzzzzz", 62*62*62*62*62*62 - 1},
	} {
		assert.Equal(t, row.want, value62(row.digits), row.digits)
	}
	for _, body := range []string{"", "a", "sk_live_"} {
		sum := checksum(body)
		assert.Less(t, value62(string(sum[:])), uint64(1)<<32)
	}
}

// BenchmarkCharset is why bytes are looked up eight at a time.
func BenchmarkCharset(b *testing.B) {
	text := strings.Repeat("sk_live_", 6)
	b.Run("eight", func(b *testing.B) {
		for b.Loop() {
			if !b64Chars.holds(text) {
				b.Fatal(text)
			}
		}
	})
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			for i := range len(text) {
				if b64Chars[text[i]] == 0 {
					b.Fatal(text)
				}
			}
		}
	})
}
