package bearer

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

// Whatever falls into one slot, everybody gets the text that was asked for.
func TestMemo(t *testing.T) {
	var m memo[int]
	decimal := func(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 20_000 {
				n := i * (worker + 1) % 1000
				if got := m.text(uint(n%3), n, decimal); got != strconv.Itoa(n) {
					t.Errorf("want %d, got %s", n, got)
					return
				}
			}
		})
	}
	group.Wait()
}

// The longest fields fit.
func TestRateFieldsAtTheirLongest(t *testing.T) {
	u := Usage{
		Allowed: true, Remaining: math.MaxInt, Reset: math.MaxInt64,
		Limit: Limit{Rate: math.SmallestNonzeroFloat64, Burst: math.MaxInt},
	}
	h := make(http.Header)
	new(rateFields).set(h, &u, new([2]string))
	assert.Equal(t, `"default";q=999999999999999;w=2147483647`, h.Get("RateLimit-Policy"))
	assert.Equal(t, `"default";r=999999999999999;t=9223372037`, h.Get("RateLimit"))
}

// An answer that changes its fields in place does not change those of others.
func TestRateFieldsAreOfOneAnswer(t *testing.T) {
	var f rateFields
	u := Usage{Allowed: true, Limit: PerMinute(100), Remaining: 99, Reset: time.Second}
	first, second := make(http.Header), make(http.Header)
	f.set(first, &u, new([2]string))
	first["Ratelimit"][0], first["Ratelimit-Policy"][0] = "changed", "changed"
	f.set(second, &u, new([2]string))
	assert.Equal(t, `"default";r=99;t=1`, second.Get("RateLimit"))
	assert.Equal(t, `"default";q=100;w=60`, second.Get("RateLimit-Policy"))
}

// BenchmarkRateFields is why the fields are remembered: "made" is without, and
// "never twice" is the worst that can be.
func BenchmarkRateFields(b *testing.B) {
	h := make(http.Header)
	limit := Limit{Rate: rate.Limit(100), Burst: 1 << 20}
	usage := func(i int) Usage { return Usage{Allowed: true, Limit: limit, Remaining: i, Reset: time.Minute} }
	var fields rateFields
	remembered := func(u Usage, values *[2]string) { fields.set(h, &u, values) }
	for _, row := range []struct {
		name string
		most int
		set  func(Usage, *[2]string)
	}{
		{"remembered", 100, remembered},
		{"never twice", math.MaxInt, remembered},
		{"made", math.MaxInt, func(u Usage, values *[2]string) {
			var buf [40]byte
			values[0] = string(appendPolicy(buf[:0], u.Limit))
			values[1] = string(appendState(buf[:0], u.state()))
			h["Ratelimit-Policy"], h["Ratelimit"] = values[:1:1], values[1:2:2]
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			values := new([2]string)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				row.set(usage(i%row.most), values)
			}
		})
	}
}
