package bearer

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

func takeAt(b *Buckets, now time.Time, id string, n int, l Limit) (u Usage) {
	b.takeAt(now, Bucket{"key", id}, n, l, &u)
	return u
}

func TestPaceIsWholeWhereTheLimitIs(t *testing.T) {
	for _, n := range []int{1, 2, 4, 5, 8, 10, 100, 1000, 1_000_000} {
		want := pace{interval: 16e9 / uint64(n), depth: 16e9}
		assert.Equal(t, want, PerSecond(n).pace(), "PerSecond(%d)", n)
	}
	for _, n := range []int{1, 2, 3, 6, 10, 30, 60, 600} {
		want := pace{interval: 960e9 / uint64(n), depth: 960e9}
		assert.Equal(t, want, PerMinute(n).pace(), "PerMinute(%d)", n)
	}
	for _, hours := range []uint64{1, 6, 12, 24, 36, 48, 168, 720} {
		l := Limit{Rate: rate.Every(time.Duration(hours) * time.Hour), Burst: 10}
		assert.Equal(t, hours*3600*16e9, l.pace().interval, "one in %d hours", hours)
	}
	sixth := Limit{Rate: 1.0 / 6, Burst: 1}
	assert.Equal(t, uint64(96e9), sixth.pace().interval)
}

// However many tokens were taken, an arrival is less than a unit from where
// exact numbers would have it.
func TestPaceKeepsWhatItRounds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, perSecond := range []float64{999_999, 333_333, 99_993, 12_345.678, 700, 7, 0.3, 7e9} {
		p := Limit{Rate: rate.Limit(perSecond), Burst: 1000}.pace()
		require.NotZero(t, p.shift, perSecond)
		interval := new(big.Rat).SetFrac(new(big.Int).SetUint64(p.interval), new(big.Int).Lsh(big.NewInt(1), p.shift))
		ideal, _ := interval.Float64()
		require.InEpsilon(t, 16e9/perSecond, ideal, 1e-15)
		for _, start := range []int64{0, 12345, int64(horizon) * tick, -int64(horizon) * tick} {
			arrival, exact := start, new(big.Rat).SetInt64(start)
			for range 20_000 {
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
	l := PerSecond(100)
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			var b Buckets
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
	l := Limit{Rate: 1e5, Burst: 50}
	var b Buckets
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
		b := Buckets{Max: 1}
		l := Limit{Rate: 10, Burst: 10}
		require.True(t, takeAt(&b, time.Now(), "1", 10, l).Allowed)
		time.Sleep(500 * time.Millisecond)
		stale := time.Now()
		time.Sleep(10 * time.Second)
		for i := range 100 { // the table is small: they take its slot
			takeAt(&b, time.Now(), strconv.Itoa(i+2), 1, l)
		}
		assert.True(t, takeAt(&b, stale, "1", 10, l).Allowed)
		assert.Zero(t, takeAt(&b, time.Now(), "1", 0, l).Remaining, "it was taken now")
	})
}

func TestStaleReadingHealsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Buckets
		l := PerSecond(10)
		stale := time.Now()
		takeAt(&b, stale, "1", 10, l)
		time.Sleep(time.Second)
		require.True(t, takeAt(&b, time.Now(), "1", 10, l).Allowed)
		u := takeAt(&b, stale, "1", 1, l)
		assert.Equal(t, Usage{Limit: l, Reset: time.Second, Wait: 100 * time.Millisecond}, u)
		time.Sleep(100*time.Millisecond - 1)
		assert.False(t, takeAt(&b, time.Now(), "1", 1, l).Allowed)
		time.Sleep(time.Nanosecond)
		assert.True(t, takeAt(&b, time.Now(), "1", 1, l).Allowed)
	})
}

func TestHorizon(t *testing.T) {
	var b Buckets
	now := time.Now()
	l := Limit{Rate: 1.0 / (86400 * 365), Burst: 3} // one token a year
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
		b = Buckets{}
		require.True(t, takeAt(&b, now, "1", 3, l).Allowed, row.name)
		first := b.age.Load()
		u := takeAt(&b, now.Add(row.to), "1", 0, l)
		assert.Equal(t, row.moves, b.age.Load() != first, row.name)
		assert.Equal(t, row.want, u.Remaining, row.name)
		assert.GreaterOrEqual(t, u.Reset, time.Duration(0), row.name)
	}
}

func newTake(b *Buckets, hash uint64, n int) *take {
	a := b.at(time.Now(), nil)
	return &take{hash: hash, now: a.clock(), n: n, pace: PerMinute(1000).pace(), age: a}
}

func TestSlotThatIsNotOnesOwn(t *testing.T) {
	var b Buckets
	for _, row := range []struct {
		name    string
		hash    uint64
		arrival int64
	}{
		{"another bucket's", 8, 0},
		{"nobody's", nobody, 0},
		{"moving", 7, moving},
	} {
		var s slot
		s.hash.Store(row.hash)
		s.arrival.Store(row.arrival)
		_, v := s.take(newTake(&b, 7, 1))
		assert.Equal(t, gone, v, row.name)
		assert.Equal(t, row.arrival, s.arrival.Load(), row.name)
	}
}

// A slot that changes hands never goes back in time, evicted or not.
func TestSlotsOnlyGoForward(t *testing.T) {
	var x slotTable
	x.init(16)
	sh := &x.shards[0]
	var b Buckets
	before := map[*slot]int64{}
	for i := range 4_000 {
		t1 := newTake(&b, uint64(i%300+2)*0x9e3779b97f4a7c15, 1+i%7)
		sh.insert(t1)
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

// Whoever found a slot before its bucket moved comes the slow way.
func TestTakeFromAnOldTable(t *testing.T) {
	var x slotTable
	x.init(1000)
	var b Buckets
	first := newTake(&b, 7, 5)
	_, v := x.take(first)
	require.Equal(t, allowed, v)
	sh := &x.shards[0]
	old := sh.find(7)
	require.NotNil(t, old)
	sh.rebuild(first.now)
	_, v = old.take(first)
	assert.Equal(t, gone, v)
	arrival, v := x.take(first)
	assert.Equal(t, allowed, v)
	assert.Equal(t, first.now+10*int64(first.pace.interval), arrival)
}

// Buckets go on where they were when their times get another base: two
// centuries of a limiter that is asked now and then.
func TestBucketsOverCenturies(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, burst := range []int{1, 5, 100, 4000} {
		var b Buckets
		limit := Limit{Rate: 1.0 / 86400, Burst: burst}
		ideal := rate.NewLimiter(limit.Rate, burst)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		moves, last := 0, b.age.Load()
		for range 20_000 {
			now = now.Add(time.Duration(random.Int64N(int64(time.Duration(1+random.IntN(6)) * 24 * time.Hour))))
			n := random.IntN(min(burst, 5)) + 1
			want := ideal.AllowN(now, n)
			u := takeAt(&b, now, "1", n, limit)
			require.Equal(t, want, u.Allowed, "%v: %v tokens of %v", now, n, ideal.TokensAt(now))
			if a := b.age.Load(); a != last {
				moves, last = moves+1, a
			}
		}
		assert.Greater(t, moves, 30)
	}
}

// A bucket that moves while many take from it admits its burst, no more.
func TestBucketsMoveWhileTaken(t *testing.T) {
	limit := Limit{Rate: 1, Burst: 1000}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			var b Buckets
			takeAt(&b, time.Now(), "1", 1, limit)
			time.Sleep(horizon)
			var admitted atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for range 500 { // half of them move the buckets, half come with old readings
						now := time.Now().Add(-time.Duration(i%2) * time.Millisecond)
						if takeAt(&b, now, "1", 1, limit).Allowed {
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
		b := Buckets{Max: 256}
		l := PerSecond(10)
		for i := range 200 {
			takeAt(&b, time.Now(), strconv.Itoa(i), 1, l)
		}
		sh := &b.age.Load().callers.shards[0]
		require.Greater(t, len(*sh.slots.Load()), 200)
		for i := range 2000 {
			time.Sleep(time.Second)
			takeAt(&b, time.Now(), strconv.Itoa(1000+i), 1, l)
		}
		assert.Len(t, *sh.slots.Load(), minSlots)
	})
}

// A bucket that is full may lose its slot to another at any moment, also while
// it is taken from: that take counts all the same.
func TestFullBucketsLoseTheirSlotsToOthers(t *testing.T) {
	var b Buckets
	limit := Limit{Rate: 1000, Burst: 1}
	begin := time.Now()
	var elapsed atomic.Int64
	var strangers sync.WaitGroup
	done := make(chan struct{})
	strangers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				takeAt(&b, begin.Add(time.Duration(elapsed.Load())), "stranger "+strconv.Itoa(i), 1, limit)
			}
		}
	})
	twice := 0
	for i := range 500_000 {
		now := begin.Add(time.Duration(elapsed.Add(int64(2 * time.Millisecond)))) // all buckets are full again
		for range i % 64 {                                                        // let a stranger come
			_ = rand.Uint64()
		}
		admitted := 0
		for range 3 {
			if takeAt(&b, now, "1", 1, limit).Allowed {
				admitted++
			}
		}
		if admitted != 1 {
			twice++
		}
	}
	close(done)
	strangers.Wait()
	assert.Zero(t, twice)
}
