package benchmarks_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
)

// BenchmarkLimiter is one take by a limiter alone, with n buckets in turn.
func BenchmarkLimiter(b *testing.B) {
	for _, n := range []int{1, 10_000, 1_000_000} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = bucketID(i)
		}
		for _, peer := range limiters {
			take := peer.open(b, quotaFor(n))
			for _, id := range ids {
				take(id)
			}
			b.Run(fmt.Sprintf("n=%d/serial/%s", n, peer.name), func(b *testing.B) {
				b.ReportAllocs()
				takeAll(b, b.Loop, take, ids, 0)
			})
			b.Run(fmt.Sprintf("n=%d/parallel/%s", n, peer.name), func(b *testing.B) {
				var start atomic.Int64
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) { takeAll(b, pb.Next, take, ids, int(start.Add(1))*7919) })
			})
		}
	}
}

func bucketID(i int) string { return "key_" + strconv.Itoa(i) }

// takeAll takes from the buckets in turn. None may refuse.
func takeAll(tb testing.TB, next func() bool, take func(string) bool, ids []string, start int) {
	tb.Helper()
	for i := start % len(ids); next(); {
		if !take(ids[i]) {
			tb.Error("refused")
			return
		}
		i++
		if i == len(ids) {
			i = 0
		}
	}
}
