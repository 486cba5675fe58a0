package stores_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// A countingStore notes when it was asked for each key.
type countingStore struct {
	store bearer.KeyStore

	mu    sync.Mutex
	asked map[bearer.KeyHash][]time.Time
}

func (s *countingStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	s.mu.Lock()
	s.asked[hash] = append(s.asked[hash], time.Now())
	s.mu.Unlock()
	return s.store.FindKey(ctx, hash)
}

// most returns the most calls for one key in any time as long as the TTL.
func (s *countingStore) most(ttl time.Duration) (n int) {
	for _, times := range s.asked {
		for i := range times {
			j := i
			for j < len(times) && times[j].Sub(times[i]) < ttl {
				j++
			}
			n = max(n, j-i)
		}
	}
	return n
}

type stampede struct {
	most    int
	answers int64
}

// herd lets 5000 goroutines ask for keys through a cache, for so many TTLs.
func herd(tb testing.TB, store bearer.KeyStore, hashes []bearer.KeyHash, ttl time.Duration, ttls int) stampede {
	tb.Helper()
	counting := &countingStore{store: store, asked: make(map[bearer.KeyHash][]time.Time)}
	cache := bearer.CachedStore(counting, bearer.CacheConfig{TTL: ttl})
	var all sync.WaitGroup
	var answers, failed atomic.Int64
	start := time.Now()
	for i := range 5000 {
		all.Go(func() {
			for n := i; time.Since(start) < time.Duration(ttls)*ttl; n++ {
				if key, err := cache.FindKey(tb.Context(), hashes[n%len(hashes)]); err != nil || key == nil {
					failed.Add(1)
				}
				answers.Add(1)
				runtime.Gosched()
			}
		})
	}
	all.Wait()
	require.Zero(tb, failed.Load())
	return stampede{counting.most(ttl), answers.Load()}
}

// goodStore has the keys of a list, and counts how often they are looked up.
type goodStore struct {
	keys  *bearer.MemoryStore
	found atomic.Int64
}

func (s *goodStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := s.keys.FindKey(ctx, hash)
	if err == nil {
		s.found.Add(1)
	}
	return key, err
}

// BenchmarkFlood is requests with made-up keys, each of which is well-formed and
// comes once, with as many of a thousand good keys among them: what they do to the
// heap, and to what the cache remembers. It is measured with -benchtime
// 10000000x.
func BenchmarkFlood(b *testing.B) {
	texts, store := goodKeys(b, 1000)
	guard, err := bearer.New(bearer.Config{
		Keys:         bearer.CachedStore(store, bearer.CacheConfig{}),
		Limit:        bearer.Unlimited,
		FailureLimit: bearer.Limit{Rate: 1e9, Burst: 1e9}, // by address: a client would be refused long before
	})
	require.NoError(b, err)
	handler := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var left, wrong atomic.Int64
	left.Store(int64(b.N))
	before, asked := store.found.Load(), b.N
	b.ReportAllocs()
	b.ResetTimer()
	growth := heapGrowth(func() {
		var all sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			all.Go(func() {
				send := newSender(handler)
				for i := left.Add(-1); i >= 0; i = left.Add(-1) {
					text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
					if send(text) != http.StatusUnauthorized || send(texts[int(i)%len(texts)]) != http.StatusOK {
						wrong.Add(1)
					}
				}
			})
		}
		all.Wait()
	})
	b.StopTimer()
	require.Zero(b, wrong.Load())
	b.ReportMetric(growth/1e6, "peak-MB")
	b.ReportMetric(100*(1-float64(store.found.Load()-before)/float64(asked)), "hits-%")
}

// goodKeys returns the texts of n keys, and a store that has them.
func goodKeys(tb testing.TB, n int) (texts []string, store *goodStore) {
	tb.Helper()
	store = &goodStore{keys: bearer.NewMemoryStore()}
	for i := range n {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		texts = append(texts, text)
		require.NoError(tb, store.keys.Add(bearer.Key{
			ID: strconv.Itoa(i), Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		}))
	}
	return texts, store
}

// An answer is a ResponseWriter that keeps the status alone.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }

// newSender returns what sends a request with a key, for one goroutine.
func newSender(h http.Handler) func(text string) int {
	w := &answer{header: make(http.Header)}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
	field := []string{""}
	r.Header["Authorization"] = field
	return func(text string) int {
		clear(w.header)
		w.status, field[0] = http.StatusOK, "Bearer "+text
		h.ServeHTTP(w, r)
		return w.status
	}
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

// A herd asks the store at most twice for each key in a TTL.
func TestHerd(t *testing.T) {
	_, store := goodKeys(t, 0)
	hash := bearer.KeyHash{1}
	require.NoError(t, store.keys.Add(bearer.Key{ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live}))
	got := herd(t, store, []bearer.KeyHash{hash}, time.Second, 2)
	assert.LessOrEqual(t, got.most, 2)
	assert.GreaterOrEqual(t, got.answers, int64(5000))
}
