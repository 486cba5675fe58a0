package bearer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of 5000 callers who ask for a few keys again and again, the store sees one
// look-up of each key in each TTL.
func TestCachedStoreUnderAHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			callers, keys = 5000, 5
			ttl, last     = 10 * time.Second, 30 * time.Second
		)
		start, asked := time.Now(), make(map[bearer.KeyHash][]time.Duration) // when, since start
		var mu sync.Mutex
		cache := bearer.CachedStore(storeFunc(func(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
			mu.Lock()
			asked[hash] = append(asked[hash], time.Since(start))
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			return &bearer.Key{Hash: hash}, nil
		}), bearer.CacheConfig{TTL: ttl})
		var all sync.WaitGroup
		var answers atomic.Int64
		for i := range callers {
			all.Go(func() {
				for n := i; time.Since(start) < last; n++ {
					if _, err := cache.FindKey(t.Context(), cacheHash(n%keys)); err == nil {
						answers.Add(1)
					}
					time.Sleep(time.Second)
				}
			})
		}
		all.Wait()
		assert.Greater(t, answers.Load(), int64(20*callers))
		require.Len(t, asked, keys)
		for _, times := range asked {
			assert.LessOrEqual(t, len(times), int(last/ttl)+1)
			for i := 1; i < len(times); i++ {
				assert.GreaterOrEqual(t, times[i]-times[i-1], ttl)
			}
		}
	})
}

// A flood of made-up keys takes little memory, and the keys that are good are
// still found in memory. BenchmarkFlood of benchmarks/stores has ten million.
func TestCachedStoreUnderAFlood(t *testing.T) {
	const good = 1000
	unknown := max(fewer(400_000), 50_000)
	var asked, wrong atomic.Int64
	cache := bearer.CachedStore(storeFunc(func(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		if hash[31] == 0 {
			return nil, bearer.ErrKeyNotFound
		}
		asked.Add(1)
		return &bearer.Key{Hash: hash}, nil
	}), bearer.CacheConfig{})
	var hashes [good]bearer.KeyHash
	for n := range hashes {
		hashes[n] = cacheHash(n)
		hashes[n][31] |= 1
		_, err := cache.FindKey(t.Context(), hashes[n]) // the first look-up of each is no hit
		require.NoError(t, err)
	}
	asked.Store(0)

	growth := heapGrowth(func() {
		var all sync.WaitGroup
		for c := range runtime.GOMAXPROCS(0) {
			all.Go(func() {
				for i := c; i < unknown; i += runtime.GOMAXPROCS(0) {
					var hash bearer.KeyHash
					binary.LittleEndian.PutUint64(hash[:], uint64(i)*0x9e3779b97f4a7c15)
					_, missing := cache.FindKey(t.Context(), hash)
					_, err := cache.FindKey(t.Context(), hashes[i%good])
					if !errors.Is(missing, bearer.ErrKeyNotFound) || err != nil {
						wrong.Add(1)
					}
				}
			})
		}
		all.Wait()
	})
	hits := 1 - float64(asked.Load())/float64(unknown)
	t.Logf("%d unknown keys: %.1f MB, %.4f of the look-ups of good keys are hits", unknown, growth/1e6, hits)
	assert.Zero(t, wrong.Load())
	assert.Less(t, growth, 64e6)
	assert.GreaterOrEqual(t, hits, 0.99)
}

// heapGrowth returns by how many bytes the heap is larger than before, at the
// most, while a function runs: what is garbage is counted until it is collected.
func heapGrowth(during func()) float64 {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	size := func() float64 {
		metrics.Read(heap)
		return float64(heap[0].Value.Uint64())
	}
	runtime.GC()
	before, most := size(), 0.0
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			most = max(most, size())
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	during()
	close(done)
	<-stopped
	return max(most, size()) - before
}
