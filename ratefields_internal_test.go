package bearer

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"
)

// Whatever falls into one slot, each caller gets the text that was asked for.
func TestTextCache(t *testing.T) {
	var m textCache[int]
	decimal := func(b []byte, _ string, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 20_000 {
				n := i * (worker + 1) % 1000
				if got := m.text(uint(n%3), "", n, decimal); got != strconv.Itoa(n) {
					t.Errorf("want %d, got %s", n, got)
					return
				}
			}
		})
	}
	group.Wait()
}

// fieldsOf are those of a guard with one policy.
func fieldsOf(name string) *rateFields {
	return newRateFields(&Config{Policies: []Policy{{Name: name}}})
}

// The longest fields fit.
func TestRateFieldsAtTheirLongest(t *testing.T) {
	u := Usage{
		Allowed: true, Remaining: math.MaxInt, Reset: math.MaxInt64,
		Limit: Limit{Rate: math.SmallestNonzeroFloat64, Burst: math.MaxInt},
	}
	most := strconv.Itoa(min(math.MaxInt, maxFieldInteger))
	for n := 1; n <= maxPolicyName; n++ {
		name, h := strings.Repeat("n", n), make(http.Header)
		fieldsOf(name).set(h, &decision{usage: u}, new([2]string))
		assert.Equal(t, `"`+name+`";q=`+most+`;w=2147483647`, h.Get("RateLimit-Policy"))
		assert.Equal(t, `"`+name+`";r=`+most+`;t=9223372037`, h.Get("RateLimit"))
	}
}

// Two limits that compare as equal have one policy.
func TestRateFieldsOfNegativeZero(t *testing.T) {
	for _, rate := range []rate.Limit{0, rate.Limit(math.Copysign(0, -1))} {
		h := make(http.Header)
		u := Usage{Allowed: true, Limit: Limit{Rate: rate, Burst: 5}}
		fieldsOf("default").set(h, &decision{usage: u}, new([2]string))
		assert.Equal(t, `"default";q=5;w=2147483647`, h.Get("RateLimit-Policy"))
	}
}

// An answer that changes its fields in place does not change those of others.
func TestRateFieldsAreOfOneAnswer(t *testing.T) {
	f := fieldsOf("default")
	u := decision{usage: Usage{Allowed: true, Limit: PerMinute(100), Remaining: 99, Reset: time.Second}}
	first, second := make(http.Header), make(http.Header)
	f.set(first, &u, new([2]string))
	first["Ratelimit"][0], first["Ratelimit-Policy"][0] = "changed", "changed"
	f.set(second, &u, new([2]string))
	assert.Equal(t, `"default";r=99;t=1`, second.Get("RateLimit"))
	assert.Equal(t, `"default";q=100;w=60`, second.Get("RateLimit-Policy"))
}

// BenchmarkRateFields is why the fields are remembered: "made" is without, and
// "never twice" is the worst that can be. In parallel, that writes to slots which
// other cores have just written.
func BenchmarkRateFields(b *testing.B) {
	limit := Limit{Rate: rate.Limit(100), Burst: 1 << 20}
	fields := fieldsOf("default")
	made := func(h http.Header, d *decision, values *[2]string) {
		var buf [40]byte
		values[0] = string(appendPolicy(buf[:0], "default", d.usage.Limit))
		values[1] = string(appendState(buf[:0], "default", d.usage.state()))
		h["Ratelimit-Policy"], h["Ratelimit"] = values[:1:1], values[1:2:2]
	}
	for _, row := range []struct {
		name string
		most int
		set  func(http.Header, *decision, *[2]string)
	}{
		{"remembered", 100, fields.set},
		{"never twice", math.MaxInt, fields.set},
		{"made", math.MaxInt, made},
	} {
		run := func(next func() bool, start int) {
			h, values := make(http.Header), new([2]string)
			d := decision{usage: Usage{Allowed: true, Limit: limit, Reset: time.Minute}}
			for d.usage.Remaining = start; next(); d.usage.Remaining++ {
				d.usage.Remaining %= row.most
				row.set(h, &d, values)
			}
		}
		b.Run(row.name+"/serial", func(b *testing.B) {
			b.ReportAllocs()
			run(b.Loop, 0)
		})
		b.Run(row.name+"/parallel", func(b *testing.B) {
			var start atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) { run(pb.Next, int(start.Add(1))*1_000_000) })
		})
	}
}
