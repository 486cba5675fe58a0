package gcra

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// A limit is what a row of a test holds a bucket to.
type limit struct {
	rate  float64
	burst int
}

func perSecond(n int) limit { return limit{float64(n), n} }

func perMinute(n int) limit { return limit{float64(n) / 60, n} }

func (l limit) pace() pace { return newPace(l.rate, l.burst) }

const most = 1 << 20 // buckets

// repeats returns n, or in short tests a tenth of it.
func repeats(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// takeAt takes at a time that need not be the present.
func takeAt(t *Table, now time.Time, id string, n int, l limit) Usage {
	return takeOf(t, most, now, id, n, l)
}

func takeOf(t *Table, most int, now time.Time, id string, n int, l limit) Usage {
	t.epochAt(now, nil, most)
	return t.Take(now, &Bucket{ID: id, Rate: l.rate, Burst: l.burst}, n, n, most)
}

func TestPaceIsWholeWhereTheLimitIs(t *testing.T) {
	for _, n := range []int{1, 2, 4, 5, 8, 10, 100, 1000, 1_000_000} {
		want := pace{interval: 16e9 / uint64(n), depth: 16e9}
		assert.Equal(t, want, perSecond(n).pace(), "%d a second", n)
	}
	for _, n := range []int{1, 2, 3, 6, 10, 30, 60, 600} {
		want := pace{interval: 960e9 / uint64(n), depth: 960e9}
		assert.Equal(t, want, perMinute(n).pace(), "%d a minute", n)
	}
	for _, hours := range []uint64{1, 6, 12, 24, 36, 48, 168, 720} {
		l := limit{float64(rate.Every(time.Duration(hours) * time.Hour)), 10}
		assert.Equal(t, hours*3600*16e9, l.pace().interval, "one in %d hours", hours)
	}
	sixth := limit{1.0 / 6, 1}
	assert.Equal(t, uint64(96e9), sixth.pace().interval)
}

// However many tokens were taken, an arrival is less than a unit from where
// exact numbers would have it.
func TestPaceKeepsWhatItRounds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, perSecond := range []float64{999_999, 333_333, 99_993, 12_345.678, 700, 7, 0.3, 7e9} {
		p := newPace(perSecond, 1000)
		require.NotZero(t, p.shift, perSecond)
		interval := new(big.Rat).SetFrac(new(big.Int).SetUint64(p.interval), new(big.Int).Lsh(big.NewInt(1), p.shift))
		ideal, _ := interval.Float64()
		require.InEpsilon(t, 16e9/perSecond, ideal, 1e-15)
		for _, start := range []int64{0, 12345, int64(horizon) * nanosecond, -int64(horizon) * nanosecond} {
			arrival, exact := start, new(big.Rat).SetInt64(start)
			for range repeats(5_000) {
				n := random.IntN(4) * random.IntN(1000)
				arrival += p.cost(arrival, n)
				exact.Add(exact, new(big.Rat).Mul(interval, big.NewRat(int64(n), 1)))
			}
			off, _ := new(big.Rat).Sub(new(big.Rat).SetInt64(arrival), exact).Float64()
			assert.Less(t, math.Abs(off), 2.0, "%v a second, from %v", perSecond, start)
		}
	}
}

func TestTakesOutOfOrderAdmitNoMore(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	l := perSecond(100)
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			var b Table
			base := time.Now()
			time.Sleep(2 * time.Second) // readings are older than the clock
			admitted := 0
			for range 1000 {
				at := base.Add(time.Duration(random.Int64N(int64(time.Second))))
				if takeAt(&b, at, "1", 1, l).Allowed {
					admitted++
				}
			}
			require.LessOrEqual(t, admitted, 200)   // the burst, and a second's worth
			require.GreaterOrEqual(t, admitted, 50) // who comes late with an old reading finds less
		})
	}
}

func TestConcurrentTakesOutOfOrderAdmitNoMore(t *testing.T) {
	l := limit{1e5, 50}
	var b Table
	var admitted atomic.Int64
	var wg sync.WaitGroup
	started := time.Now()
	for range 8 {
		wg.Go(func() {
			for i := range 5000 {
				now := time.Now()
				for range i % 50 { // be late
					_ = rand.Uint64()
				}
				if takeAt(&b, now, "1", 1, l).Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, admitted.Load(), int64(50+time.Since(started).Seconds()*1e5))
}

// The bucket was full again at the last insert, and its slot is gone. A reading
// from before that must not find it full at a time when it was not.
func TestStaleReadingOfAForgottenBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Table
		l := limit{10, 10}
		require.True(t, takeOf(&b, 1, time.Now(), "1", 10, l).Allowed)
		time.Sleep(500 * time.Millisecond)
		stale := time.Now()
		time.Sleep(10 * time.Second)
		for i := range 100 { // the table is small: they take its slot
			takeOf(&b, 1, time.Now(), strconv.Itoa(i+2), 1, l)
		}
		assert.True(t, takeOf(&b, 1, stale, "1", 10, l).Allowed)
		assert.Zero(t, takeOf(&b, 1, time.Now(), "1", 0, l).Remaining, "it was taken now")
	})
}

func TestStaleReadingChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Table
		l := perSecond(10)
		stale := time.Now()
		takeAt(&b, stale, "1", 10, l)
		time.Sleep(time.Second)
		require.True(t, takeAt(&b, time.Now(), "1", 10, l).Allowed)
		u := takeAt(&b, stale, "1", 1, l)
		assert.Equal(t, Usage{Reset: time.Second, Wait: 100 * time.Millisecond}, u)
		time.Sleep(100*time.Millisecond - 1)
		assert.False(t, takeAt(&b, time.Now(), "1", 1, l).Allowed)
		time.Sleep(time.Nanosecond)
		assert.True(t, takeAt(&b, time.Now(), "1", 1, l).Allowed)
	})
}

func TestHorizon(t *testing.T) {
	var b Table
	now := time.Now()
	l := limit{1.0 / (86400 * 365), 3} // one token a year
	for _, row := range []struct {
		name  string
		to    time.Duration
		moves bool
		want  int // tokens
	}{
		{"just within, later", horizon - time.Second, false, 1},
		{"just within, earlier", 1 - horizon, false, 0},
		{"at it, later", horizon, true, 2},
		{"beyond it, later", horizon + year - time.Second, true, 2},
		{"full by then", horizon + year, true, 3},
		{"at it, earlier", -horizon, true, 0},
		{"as far back as times go", math.MinInt64, true, 0},
		{"as far as times go", math.MaxInt64, true, 3},
	} {
		b = Table{}
		require.True(t, takeAt(&b, now, "1", 3, l).Allowed, row.name)
		first := b.epoch.Load()
		u := takeAt(&b, now.Add(row.to), "1", 0, l)
		assert.Equal(t, row.moves, b.epoch.Load() != first, row.name)
		assert.Equal(t, row.want, u.Remaining, row.name)
		assert.GreaterOrEqual(t, u.Reset, time.Duration(0), row.name)
	}
}

// A reading of two years ago moves no bucket: the present time decides.
func TestOldReadingEndsNoEpoch(t *testing.T) {
	var table Table
	hourly := limit{1.0 / 3600, 1}
	require.True(t, takeAt(&table, time.Now(), "1", 1, hourly).Allowed)
	first := table.epoch.Load()
	old := time.Now().Add(-horizon - time.Second)
	assert.True(t, table.Take(old, &Bucket{ID: "2", Rate: hourly.rate, Burst: 1}, 1, 1, most).Allowed)
	assert.Same(t, first, table.epoch.Load())
	assert.False(t, takeAt(&table, time.Now(), "1", 1, hourly).Allowed)
}

func newRequest(e *epoch, hash uint64, n int) *request {
	return &request{pace: perMinute(1000).pace(), n: n, epoch: e, hash: hash, now: e.clock()}
}

func TestSlotOfAnotherBucket(t *testing.T) {
	e := newEpoch(time.Now(), most)
	for _, row := range []struct {
		name    string
		hash    uint64
		arrival int64
	}{
		{"another bucket's", 8, 0},
		{"a tombstone", tombstone, 0},
		{"locked", 7, locked},
	} {
		var s slot
		s.hash.Store(row.hash)
		s.arrival.Store(row.arrival)
		assert.False(t, s.take(newRequest(e, 7, 1)), row.name)
		assert.Equal(t, row.arrival, s.arrival.Load(), row.name)
	}
}

// A slot that changes hands never goes back in time, evicted or not.
func TestSlotsOnlyGoForward(t *testing.T) {
	e := newEpoch(time.Now(), 16)
	sh := &e.shards[0]
	before := map[*slot]int64{}
	for i := range repeats(4_000) {
		sh.insert(newRequest(e, uint64(i%300+2)*0x9e3779b97f4a7c15, 1+i%7))
		slots := *sh.slots.Load()
		for i := range slots {
			s := &slots[i]
			require.GreaterOrEqual(t, s.arrival.Load(), before[s])
			before[s] = s.arrival.Load()
		}
		require.LessOrEqual(t, sh.held, sh.most)
		require.LessOrEqual(t, sh.used, len(slots)*3/4)
	}
}

// A take that found a slot before its bucket moved takes from the moved bucket.
func TestTakeFromOldSlots(t *testing.T) {
	e := newEpoch(time.Now(), 1000)
	sh := &e.shards[0]
	first := newRequest(e, 7, 5)
	require.True(t, sh.insert(first))
	require.True(t, first.allowed)
	old := sh.find(7)
	require.NotNil(t, old)
	sh.rebuild(first.now)
	second := newRequest(e, 7, 5)
	second.now = first.now
	assert.False(t, old.take(second))
	assert.True(t, sh.insert(second))
	assert.True(t, second.allowed)
	assert.Equal(t, first.now+10*int64(first.pace.interval), second.arrival)
}

// Buckets go on where they were when their times get another base: two
// centuries of a limiter that is asked now and then.
func TestBucketsOverCenturies(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, burst := range []int{1, 5, 100, 4000} {
		var b Table
		l := limit{1.0 / 86400, burst}
		ideal := rate.NewLimiter(rate.Limit(l.rate), burst)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		moves, last := 0, b.epoch.Load()
		for range 20_000 {
			now = now.Add(time.Duration(random.Int64N(int64(time.Duration(1+random.IntN(6)) * 24 * time.Hour))))
			n := random.IntN(min(burst, 5)) + 1
			want := ideal.AllowN(now, n)
			u := takeAt(&b, now, "1", n, l)
			require.Equal(t, want, u.Allowed, "%v: %v tokens of %v", now, n, ideal.TokensAt(now))
			if a := b.epoch.Load(); a != last {
				moves, last = moves+1, a
			}
		}
		assert.Greater(t, moves, 30)
	}
}

// A bucket that moves while many take from it admits its burst, no more.
func TestBucketsMoveWhileTaken(t *testing.T) {
	l := limit{1, 1000}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var b Table
			takeAt(&b, time.Now(), "1", 1, l)
			time.Sleep(horizon)
			var admitted atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for range 500 { // half of them move the buckets, half come with old readings
						now := time.Now().Add(-time.Duration(i%2) * time.Millisecond)
						if takeAt(&b, now, "1", 1, l).Allowed {
							admitted.Add(1)
						}
					}
				})
			}
			wg.Wait()
			require.Equal(t, int64(1000), admitted.Load())
		})
	}
}

func TestEvictWithoutBuckets(t *testing.T) {
	sh := shard{most: 1}
	sh.rebuild(0)
	assert.False(t, sh.evict(0))
}

func TestTableShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const few = 256
		var b Table
		l := perSecond(10)
		for i := range 200 {
			takeOf(&b, few, time.Now(), strconv.Itoa(i), 1, l)
		}
		sh := &b.epoch.Load().shards[0]
		require.Greater(t, len(*sh.slots.Load()), 200)
		for i := range 2000 {
			time.Sleep(time.Second)
			takeOf(&b, few, time.Now(), strconv.Itoa(1000+i), 1, l)
		}
		assert.Len(t, *sh.slots.Load(), minSlots)
	})
}

// A bucket that is full may lose its slot to another at any moment, also while
// it is taken from: that take counts all the same.
func TestFullBucketsLoseTheirSlotsToOthers(t *testing.T) {
	var b Table
	l := limit{1000, 1}
	begin := time.Now()
	var elapsed atomic.Int64
	var others sync.WaitGroup
	done := make(chan struct{})
	others.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				takeAt(&b, begin.Add(time.Duration(elapsed.Load())), "other "+strconv.Itoa(i), 1, l)
			}
		}
	})
	twice := 0
	for i := range repeats(200_000) {
		now := begin.Add(time.Duration(elapsed.Add(int64(2 * time.Millisecond)))) // all buckets are full again
		for range i % 64 {                                                        // let another come
			_ = rand.Uint64()
		}
		admitted := 0
		for range 3 {
			if takeAt(&b, now, "1", 1, l).Allowed {
				admitted++
			}
		}
		if admitted != 1 {
			twice++
		}
	}
	close(done)
	others.Wait()
	assert.Zero(t, twice)
}
