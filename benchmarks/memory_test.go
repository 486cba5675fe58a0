package benchmarks_test

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"
)

var (
	bucketCount   = flag.Int("buckets", 1_000_000, "buckets whose memory is measured")
	strangerCount = flag.Int("strangers", 10_000_000, "strangers who come once each")
)

// Where a flood of strangers is stopped.
const (
	maxHeap  = 4 << 30
	maxFlood = 2 * time.Minute
)

// BenchmarkMemory is the heap that a limiter holds for buckets in use. It is
// measured with -benchtime 1x, and each peer in a process of its own.
func BenchmarkMemory(b *testing.B) {
	for _, peer := range limiters {
		b.Run(peer.name, func(b *testing.B) {
			before := liveHeap()
			take := peer.open(b, slow)
			for i := range *bucketCount {
				take(bucketID(i))
			}
			b.ReportMetric(float64(liveHeap()-before)/float64(*bucketCount), "B/bucket")
			runtime.KeepAlive(take)
		})
	}
}

// BenchmarkStrangers is the heap after many addresses came once each, under a
// limit of 100 a second. A flood that takes too much is stopped: "strangers"
// says how many came.
func BenchmarkStrangers(b *testing.B) {
	for _, peer := range limiters {
		b.Run(peer.name, func(b *testing.B) {
			open := peer.open
			if peer.name == "bearer" {
				open = bearerBuckets("ip")
			}
			take := open(b, quota{N: 100, Per: time.Second})
			came, start := 0, time.Now()
			tooMuch := func() bool { return heap().HeapAlloc >= maxHeap || time.Since(start) >= maxFlood }
			for came < *strangerCount && (came%100_000 != 0 || !tooMuch()) {
				take(fmt.Sprintf("198.51.%d.%d:%d", came>>8&255, came&255, came>>16))
				came++
			}
			b.ReportMetric(float64(liveHeap()), "live-B")
			b.ReportMetric(float64(heap().HeapSys), "peak-B") // the largest size that the heap has had
			b.ReportMetric(float64(came), "strangers")
			runtime.KeepAlive(take)
		})
	}
}

func heap() (m runtime.MemStats) {
	runtime.ReadMemStats(&m)
	return m
}

// liveHeap is what survives a collection, finalizers and pools included.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	return heap().HeapAlloc
}
