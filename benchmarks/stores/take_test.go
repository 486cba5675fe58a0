package stores_test

import (
	"bufio"
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
)

// callers is how many goroutines take at once.
const callers = 64

// BenchmarkTake is one token, with what is left: of one goroutine, of many on one
// bucket, and of many on ten thousand in turn.
func BenchmarkTake(b *testing.B) {
	for _, row := range []struct {
		name             string
		callers, buckets int
	}{
		{"callers=1/buckets=1", 1, 1},
		{"callers=64/buckets=1", callers, 1},
		{"callers=64/buckets=10000", callers, 10_000},
	} {
		for _, peer := range limiterPeers {
			b.Run(row.name+"/peer="+peer.name, func(b *testing.B) {
				benchTake(b, peer.newTake(b, generous), row.callers, bucketNames(row.buckets))
			})
		}
	}
}

func benchTake(b *testing.B, take take, callers int, buckets []string) {
	b.Helper()
	ctx, next := context.Background(), atomic.Int64{}
	for _, bucket := range buckets {
		_, err := take(ctx, bucket)
		require.NoError(b, err)
	}
	report(b, func() {
		share(b.N, callers, func() {
			i := int(next.Add(1)) % len(buckets)
			if isAllowed, err := take(ctx, buckets[i]); err != nil || !isAllowed {
				b.Errorf("allowed: %t, error: %v", isAllowed, err)
			}
		})
	})
}

// share calls do n times, from so many goroutines.
func share(n, callers int, do func()) {
	var all sync.WaitGroup
	left := atomic.Int64{}
	left.Store(int64(n))
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				do()
			}
		})
	}
	all.Wait()
}

// BenchmarkRefusal is a take of a bucket that is empty, of one goroutine.
func BenchmarkRefusal(b *testing.B) {
	for _, peer := range limiterPeers {
		b.Run("peer="+peer.name, func(b *testing.B) {
			ctx := context.Background()
			take := peer.newTake(b, quota{rate: 1, burst: 3600})
			for isAllowed := true; isAllowed; {
				var err error
				isAllowed, err = take(ctx, "a")
				require.NoError(b, err)
			}
			refused := 0
			report(b, func() {
				for range b.N {
					isAllowed, err := take(ctx, "a")
					if err != nil {
						b.Fatal(err)
					}
					if !isAllowed {
						refused++
					}
				}
			})
			b.ReportMetric(float64(refused)/float64(b.N), "refused/op")
		})
	}
}

// report reports the CPU time of a loop: of this process, and of Redis. It tells
// more than the time if others use the machine too.
func report(b *testing.B, loop func()) {
	b.Helper()
	client := newClient(b, services.Redis(b))
	runtime.GC() // of what was there before
	b.ReportAllocs()
	b.ResetTimer()
	before, beforeRedis := cpuTime(), redisTime(b, client)
	loop()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(redisTime(b, client)-beforeRedis)/float64(b.N), "redis-ns/op")
}

// redisTime returns the CPU time of Redis.
func redisTime(b *testing.B, client *redis.Client) time.Duration {
	b.Helper()
	info, err := client.Info(b.Context(), "cpu").Result()
	require.NoError(b, err)
	sum := 0.0
	for lines := bufio.NewScanner(strings.NewReader(info)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			require.NoError(b, err)
			sum += seconds
		}
	}
	return time.Duration(sum * float64(time.Second))
}

// BenchmarkAdmitted is how many of those who ask without a pause are admitted,
// where the ideal bucket admits its burst, and then its rate. It is measured with
// -benchtime 1x.
func BenchmarkAdmitted(b *testing.B) {
	for _, callers := range []int{1, callers} {
		for _, peer := range limiterPeers {
			b.Run("callers="+strconv.Itoa(callers)+"/peer="+peer.name, func(b *testing.B) {
				got := admitted(b, peer, callers, 4*time.Second)
				b.ReportMetric(float64(got.admitted), "admitted")
				b.ReportMetric(got.ideal(), "ideal")
				b.ReportMetric(float64(got.admitted)/got.ideal(), "admitted/ideal")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// An admission is how many were admitted, where the ideal bucket admits from least
// to most: on a busy machine it is not known when exactly Redis decided.
type admission struct {
	admitted    int
	least, most float64
}

// ideal returns what the ideal bucket admits that is nearest to what was admitted.
func (a admission) ideal() float64 { return min(max(float64(a.admitted), a.least), a.most) }

// admitted lets callers ask for a while, and then one until it is refused.
func admitted(tb testing.TB, peer limiterPeer, callers int, d time.Duration) admission {
	tb.Helper()
	q := quota{rate: 75, burst: 100}
	take := peer.newTake(tb, q)
	ask := func(bucket string) bool {
		isAllowed, err := take(tb.Context(), bucket)
		assert.NoError(tb, err)
		return isAllowed
	}
	ask("warm") // loads the script
	var all sync.WaitGroup
	var n atomic.Int64
	before := time.Now()
	require.True(tb, ask("a"))
	after := time.Now()
	for range callers {
		all.Go(func() {
			for time.Since(before) < d {
				if ask("a") {
					n.Add(1)
				}
			}
		})
	}
	all.Wait()
	last := time.Now()
	for ask("a") {
		n.Add(1)
		last = time.Now()
	}
	ideal := func(d time.Duration) float64 { return float64(q.burst) + float64(q.rate)*d.Seconds() }
	return admission{1 + int(n.Load()), ideal(last.Sub(after)), ideal(time.Since(before))}
}

// The limiter admits what the ideal bucket does, within 1 %.
func TestAdmittedIsIdeal(t *testing.T) {
	d := 4 * time.Second
	if testing.Short() {
		d /= 4
	}
	got := admitted(t, limiterPeers[0], 8, d)
	t.Logf("admitted %d of %.1f to %.1f", got.admitted, got.least, got.most)
	assert.LessOrEqual(t, float64(got.admitted), 1.01*got.most)
	assert.GreaterOrEqual(t, float64(got.admitted), 0.99*got.least-1)
}
