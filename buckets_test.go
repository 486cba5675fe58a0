package bearer_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// slow is a limit whose buckets do not fill while a test runs.
var slow = bearer.Limit{Rate: 1e-5, Burst: 5}

func callerBucket(i int) bearer.Bucket { return bearer.Bucket{Class: "key", ID: strconv.Itoa(i)} }

func take(tb testing.TB, b *bearer.Buckets, k bearer.Bucket, n int, l bearer.Limit) bearer.Usage {
	tb.Helper()
	u, err := b.Take(tb.Context(), k, n, l)
	if err != nil {
		require.NoError(tb, err)
	}
	return u
}

// A comparison asks one bucket and a rate.Limiter the same questions.
type comparison struct {
	*testing.T
	random   *rand.Rand
	buckets  bearer.Buckets
	limit    bearer.Limit
	model    *rate.Limiter
	perToken float64 // nanoseconds
	blur     float64 // tokens: the two may differ by a nanosecond's worth

	taken, refused, waited int
}

func newComparison(t *testing.T, random *rand.Rand) *comparison {
	t.Helper()
	c := &comparison{T: t, random: random}
	perSecond := math.Exp(random.Float64()*math.Log(86400e6)) / 86400 // 1 a day to 1e6 a second
	if random.IntN(2) == 0 && perSecond > 1 {
		perSecond = math.Round(perSecond)
	}
	burst := math.Exp(random.Float64() * math.Log(1e6))
	const years = 3.9 * 365 * 86400
	c.limit = bearer.Limit{Rate: rate.Limit(perSecond), Burst: int(min(burst, years*perSecond))}
	c.limit.Burst = max(c.limit.Burst, 1)
	c.perToken = 1e9 / perSecond
	c.model = rate.NewLimiter(c.limit.Rate, c.limit.Burst)
	c.blur = 1/c.perToken + 1e-6
	return c
}

// ask reports whether both decided alike. Where they did not, it was at the
// boundary.
func (c *comparison) ask(n int) (u bearer.Usage, alike bool) {
	now := time.Now()
	tokens := c.model.TokensAt(now)
	want := c.model.AllowN(now, n)
	u = take(c, &c.buckets, callerBucket(0), n, c.limit)
	if want != u.Allowed {
		c.near("tokens", float64(n), tokens, c.blur)
		return u, false
	}
	tokens = c.model.TokensAt(now)
	remaining := float64(u.Remaining)
	if remaining < math.Floor(tokens-c.blur) || remaining > math.Floor(tokens+c.blur) {
		require.Fail(c, "wrong Remaining", "%v of %v tokens, %+v", remaining, tokens, c.limit)
	}
	c.near("Reset", (float64(c.limit.Burst)-tokens)*c.perToken, float64(u.Reset), 2+c.blur*c.perToken)
	switch {
	case u.Allowed:
		c.taken++
		c.near("Wait", 0, float64(u.Wait), 0)
	case n > c.limit.Burst:
		require.Negative(c, u.Wait)
	default:
		c.refused++
		c.near("Wait", (float64(n)-tokens)*c.perToken, float64(u.Wait), 2+c.blur*c.perToken)
	}
	return u, true
}

// near is require.InDelta without what that costs in a million calls.
func (c *comparison) near(name string, want, got, delta float64) {
	if math.Abs(want-got) > delta {
		c.Helper()
		require.InDelta(c, want, got, delta, "%s of %+v", name, c.limit)
	}
}

// wait asks again a nanosecond too early, and in time.
func (c *comparison) wait(n int, u bearer.Usage) (alike bool) {
	time.Sleep(u.Wait - 1)
	early := take(c, &c.buckets, callerBucket(0), n, c.limit)
	require.False(c, early.Allowed, "%+v after 1ns less than %v", c.limit, u.Wait)
	time.Sleep(time.Nanosecond)
	c.waited++
	late, alike := c.ask(n)
	require.True(c, late.Allowed, "%+v after %v", c.limit, u.Wait)
	return alike
}

func (c *comparison) cost() int {
	switch c.random.IntN(8) {
	case 0:
		return 0
	case 1:
		return c.limit.Burst + 1
	case 2:
		return c.limit.Burst
	case 3:
		return c.random.IntN(c.limit.Burst) + 1
	default:
		return c.random.IntN(c.limit.Burst/10+1) + 1
	}
}

func (c *comparison) gap() time.Duration {
	depth := c.perToken * float64(c.limit.Burst)
	var gap float64
	switch c.random.IntN(4) {
	case 0:
	case 1:
		gap = c.random.Float64() * c.perToken * 2
	case 2:
		gap = c.random.Float64() * depth / 10
	case 3:
		gap = c.random.Float64() * depth
	}
	return time.Duration(min(gap, float64(24*time.Hour)))
}

// run asks so many questions, and reports whether all answers were alike. After
// one that was not, by a nanosecond, the two differ for good.
func (c *comparison) run(questions int) (alike bool) {
	for range questions {
		time.Sleep(c.gap())
		n := c.cost()
		u, alike := c.ask(n)
		if alike && u.Wait > 0 && u.Wait < time.Hour && c.random.IntN(4) == 0 {
			alike = c.wait(n, u)
		}
		if !alike {
			return false
		}
	}
	return true
}

func TestBucketsDecideAsRateLimiter(t *testing.T) {
	const questions = 200
	limits := fewer(2400)
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var taken, refused, waited, unlike int
	for range limits {
		synctest.Test(t, func(t *testing.T) {
			c := newComparison(t, random)
			if !c.run(questions) {
				unlike++
			}
			taken, refused, waited = taken+c.taken, refused+c.refused, waited+c.waited
		})
	}
	asked := limits * questions
	assert.Greater(t, taken+refused, asked*3/4)
	assert.Greater(t, taken, asked/8)
	assert.Greater(t, refused, asked/8)
	assert.Greater(t, waited, asked/80)
	assert.Less(t, unlike, limits/50+10)
}

func TestBucketsS2_4HundredASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		for i := range 100 {
			want := bearer.Usage{Allowed: true, Limit: bearer.PerSecond(100), Remaining: 99 - i, Reset: time.Duration(i+1) * 10 * time.Millisecond}
			assert.Equal(t, want, take(t, &b, callerBucket(1), 1, bearer.PerSecond(100)))
		}
		refused := bearer.Usage{Limit: bearer.PerSecond(100), Reset: time.Second, Wait: 10 * time.Millisecond}
		assert.Equal(t, refused, take(t, &b, callerBucket(1), 1, bearer.PerSecond(100)))
		assert.True(t, take(t, &b, callerBucket(2), 1, bearer.PerSecond(100)).Allowed, "tokens do not share buckets")
		time.Sleep(10*time.Millisecond - 1)
		assert.False(t, take(t, &b, callerBucket(1), 1, bearer.PerSecond(100)).Allowed)
		time.Sleep(time.Nanosecond)
		assert.True(t, take(t, &b, callerBucket(1), 1, bearer.PerSecond(100)).Allowed)
		assert.False(t, take(t, &b, callerBucket(1), 1, bearer.PerSecond(100)).Allowed)
	})
}

func TestBucketsNames(t *testing.T) {
	var b bearer.Buckets
	b.Callers = []string{"", "login"}
	var names []bearer.Bucket
	for _, policy := range []string{"", "default", "a", "ab", "key"} {
		for _, class := range []string{"key", "token", "ip", "nobody", "policy", "", "login", "other", "bc", "c"} {
			for _, id := range []string{"", "1", "key", "token", "default", "c"} {
				names = append(names, bearer.Bucket{Policy: policy, Class: class, ID: id})
			}
		}
	}
	for _, name := range names {
		assert.Equal(t, 4, take(t, &b, name, 1, slow).Remaining, "%v is a bucket of its own", name)
	}
	for _, name := range names {
		assert.Equal(t, 3, take(t, &b, name, 1, slow).Remaining, "%v is found again", name)
	}
}

func TestBucketsOddLimits(t *testing.T) {
	inf, nan := rate.Limit(math.Inf(1)), rate.Limit(math.NaN())
	for _, row := range []struct {
		name      string
		limit     bearer.Limit
		n         int
		allowed   bool
		remaining int
		wait      time.Duration
	}{
		{"unlimited", bearer.Unlimited, 1, true, math.MaxInt, 0},
		{"unlimited, a lot", bearer.Unlimited, math.MaxInt, true, math.MaxInt, 0},
		{"unlimited, looking", bearer.Unlimited, 0, true, math.MaxInt, 0},
		{"infinite rate", bearer.Limit{Rate: inf, Burst: 1}, 2, true, math.MaxInt, 0},
		{"zero limit", bearer.Limit{}, 1, false, 0, -1},
		{"zero limit, looking", bearer.Limit{}, 0, true, 0, 0},
		{"PerSecond(0)", bearer.PerSecond(0), 1, false, 0, -1},
		{"rate zero gives its burst", bearer.Limit{Burst: 3}, 3, true, 0, 0},
		{"rate zero, more than its burst", bearer.Limit{Burst: 3}, 4, false, 3, -1},
		{"rate minus zero gives its burst", bearer.Limit{Rate: rate.Limit(math.Copysign(0, -1)), Burst: 3}, 3, true, 0, 0},
		{"rate minus zero, more than its burst", bearer.Limit{Rate: rate.Limit(math.Copysign(0, -1)), Burst: 3}, 4, false, 3, -1},
		{"negative rate", bearer.Limit{Rate: -1, Burst: 3}, 1, false, 0, -1},
		{"minus infinite rate", bearer.Limit{Rate: -inf, Burst: 3}, 1, false, 0, -1},
		{"NaN", bearer.Limit{Rate: nan, Burst: 3}, 1, false, 0, -1},
		{"NaN, looking", bearer.Limit{Rate: nan, Burst: 3}, 0, true, 0, 0},
		{"burst zero", bearer.Limit{Rate: 1}, 1, false, 0, -1},
		{"burst zero, a lot", bearer.Limit{Rate: 1}, 9, false, 0, -1},
		{"burst negative", bearer.Limit{Rate: 1, Burst: -5}, 1, false, 0, -1},
		{"more than the burst", bearer.Limit{Rate: 1, Burst: 5}, 6, false, 5, -1},
		{"more than any burst", bearer.Limit{Rate: 1, Burst: 5}, math.MaxInt, false, 5, -1},
		{"tiny rate", bearer.Limit{Rate: 5e-324, Burst: 5}, 5, true, 0, 0},
		{"huge rate", bearer.Limit{Rate: math.MaxFloat64 / 2, Burst: 5}, 5, true, 0, 0},
		{"large burst, slow rate", bearer.Limit{Rate: 1e-9, Burst: 1 << 30}, 1 << 30, true, 0, 0},
		{"large burst, fast rate", bearer.Limit{Rate: 1e9, Burst: 1 << 30}, 1 << 30, true, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			u := take(t, &b, callerBucket(1), row.n, row.limit)
			assert.Equal(t, row.allowed, u.Allowed, row.name)
			assert.Equal(t, row.remaining, u.Remaining, row.name)
			assert.Equal(t, row.wait, u.Wait, row.name)
			assert.GreaterOrEqual(t, u.Reset, time.Duration(0), row.name)
			if !math.IsNaN(float64(row.limit.Rate)) {
				assert.Equal(t, row.limit, u.Limit, row.name)
			}
		})
	}
}

// The largest burst is exact, and its bucket fills in twelve years or, if the rate
// is high enough, at that rate.
func TestBucketsLargestBurst(t *testing.T) {
	const years = 365 * 24 * time.Hour
	for _, row := range []struct {
		perSecond float64
		fills     time.Duration
	}{
		{0, 12 * years}, {1, 12 * years}, {math.MaxInt / (12 * years).Seconds(), 12 * years},
		{math.MaxInt / 3600, time.Hour}, {math.MaxInt, time.Second}, {1e30, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			l := bearer.Limit{Rate: rate.Limit(row.perSecond), Burst: math.MaxInt}
			assert.Equal(t, math.MaxInt, take(t, &b, callerBucket(1), 0, l).Remaining, "%v", row)
			u := take(t, &b, callerBucket(1), math.MaxInt, l)
			assert.True(t, u.Allowed, "%v", row)
			assert.Zero(t, u.Remaining, "%v", row)
			assert.InEpsilon(t, float64(row.fills), float64(u.Reset), 1e-6, "%v", row)
			assert.False(t, take(t, &b, callerBucket(1), math.MaxInt, l).Allowed, "%v", row)
			time.Sleep(u.Reset / 2)
			if row.fills > 1 {
				assert.InEpsilon(t, math.MaxInt/2, take(t, &b, callerBucket(1), 0, l).Remaining, 1e-6, "%v", row)
			}
			time.Sleep(u.Reset - u.Reset/2)
			assert.True(t, take(t, &b, callerBucket(1), math.MaxInt, l).Allowed, "%v", row)
		})
	}
}

// At any rate, a bucket flows in as fast as its limit says, and a burst of up to
// 1 << 24 holds as many single tokens.
func TestBucketsHighRates(t *testing.T) {
	for _, perSecond := range []float64{7.9e9, 8e9, 8.1e9, 1e10, 15.9e9, 16e9, 17e9, 1e11, 1e12, 3e15, 1e18} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			few := bearer.Limit{Rate: rate.Limit(perSecond), Burst: 1000}
			for i := range 1000 {
				u := take(t, &b, callerBucket(1), 1, few)
				require.True(t, u.Allowed, "%v a second, token %d", perSecond, i)
				require.Equal(t, 999-i, u.Remaining, "%v a second", perSecond)
			}
			u := take(t, &b, callerBucket(1), 1, few)
			assert.False(t, u.Allowed, "%v a second", perSecond)
			assert.Equal(t, time.Nanosecond, u.Wait, "%v a second", perSecond)
			time.Sleep(time.Microsecond)
			assert.True(t, take(t, &b, callerBucket(1), 1000, few).Allowed, "%v a second", perSecond)

			second := bearer.Limit{Rate: rate.Limit(perSecond), Burst: int(min(perSecond, math.MaxInt))}
			u = take(t, &b, callerBucket(2), second.Burst, second)
			require.True(t, u.Allowed, "%v a second", perSecond)
			fills := float64(second.Burst) / perSecond * float64(time.Second)
			assert.InDelta(t, fills, float64(u.Reset), fills*1e-6+1, "%v a second", perSecond)
			time.Sleep(u.Reset)
			assert.True(t, take(t, &b, callerBucket(2), second.Burst, second).Allowed, "%v a second", perSecond)
		})
	}
}

// What is returned is there again, to the token, whatever was taken meanwhile.
func TestBucketsReturn(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for _, l := range []bearer.Limit{
		bearer.PerSecond(100), bearer.PerMinute(7), {Rate: 999_999, Burst: 50}, {Rate: 0.3, Burst: 1000}, {Burst: 100},
		{Rate: 1e-9, Burst: 30}, {Rate: 1.3e10, Burst: 999}, {Rate: 1e13, Burst: 777}, {Rate: 1, Burst: math.MaxInt32},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			held := l.Burst
			for range 300 {
				n := random.IntN(min(l.Burst, 40)) + 1
				if random.IntN(2) == 0 && held <= l.Burst-n {
					require.NoError(t, b.Return(t.Context(), callerBucket(1), n, l))
					held += n
				} else if take(t, &b, callerBucket(1), n, l).Allowed {
					held -= n
				}
				require.Equal(t, held, take(t, &b, callerBucket(1), 0, l).Remaining, "%+v", l)
			}
			require.NoError(t, b.Return(t.Context(), callerBucket(1), l.Burst, l))
			u := take(t, &b, callerBucket(1), 0, l)
			assert.Equal(t, l.Burst, u.Remaining, "no more than the burst")
			assert.Zero(t, u.Reset)
		})
	}
}

func TestBucketsReturnOddities(t *testing.T) {
	var b bearer.Buckets
	require.EqualError(t, b.Return(t.Context(), callerBucket(1), -1, slow), "bearer: negative number of tokens")
	require.NoError(t, b.Return(t.Context(), callerBucket(1), 3, slow), "a bucket that nothing was taken from")
	require.True(t, take(t, &b, callerBucket(1), 3, slow).Allowed)
	for _, l := range []bearer.Limit{{}, bearer.Unlimited, bearer.PerSecond(0), {Rate: rate.Limit(math.NaN()), Burst: 3}} {
		require.NoError(t, b.Return(t.Context(), callerBucket(1), 3, l))
		assert.Equal(t, 2, take(t, &b, callerBucket(1), 0, slow).Remaining, "%v", l)
	}
	require.NoError(t, b.Return(t.Context(), callerBucket(1), 0, slow))
	require.NoError(t, b.Return(t.Context(), callerBucket(2), 3, slow))
	assert.Equal(t, 2, take(t, &b, callerBucket(1), 0, slow).Remaining)
	require.NoError(t, b.Return(t.Context(), callerBucket(1), math.MaxInt, slow))
	assert.Equal(t, 5, take(t, &b, callerBucket(1), 0, slow).Remaining)
}

// Takes and returns that race leave what their sum says, also where the table
// grows and slots are given to other buckets meanwhile.
func TestBucketsReturnsThatRace(t *testing.T) {
	var b bearer.Buckets
	var group sync.WaitGroup
	quick := bearer.Limit{Rate: 1e6, Burst: 1}
	for worker := range 8 {
		group.Go(func() {
			for i := range fewer(40_000) {
				n := i%3 + 1
				if take(t, &b, callerBucket(worker%2), n, slow).Allowed {
					_ = b.Return(t.Context(), callerBucket(worker%2), n, slow)
				}
				take(t, &b, callerBucket(10+i%500), 1, quick)
				_ = b.Return(t.Context(), callerBucket(10+i%300), 1, quick)
			}
		})
	}
	group.Wait()
	for i := range 2 {
		u := take(t, &b, callerBucket(i), 0, slow)
		assert.Equal(t, 5, u.Remaining)
		assert.Zero(t, u.Reset)
	}
}

func TestBucketsReset(t *testing.T) {
	var b bearer.Buckets
	b.Reset(callerBucket(1))
	for _, k := range []bearer.Bucket{
		callerBucket(1), {Policy: "default", Class: "key", ID: "1"}, {Policy: "daily", Class: "policy", ID: "acme"},
		{Policy: "default", Class: "ip", ID: "203.0.113.7"},
	} {
		other := bearer.Bucket{Policy: "not_" + k.Policy, Class: k.Class, ID: k.ID}
		require.True(t, take(t, &b, k, 5, slow).Allowed)
		require.True(t, take(t, &b, other, 5, slow).Allowed)
		b.Reset(k)
		assert.Equal(t, 5, take(t, &b, k, 0, slow).Remaining, "%v", k)
		assert.Equal(t, 0, take(t, &b, other, 0, slow).Remaining, "%v", k)
		assert.True(t, take(t, &b, k, 5, slow).Allowed)
		assert.False(t, take(t, &b, k, 1, slow).Allowed)
	}
}

// Whatever a flood names, it evicts the buckets of its own table: callers', those
// of policies, and all others.
func TestBucketsTables(t *testing.T) {
	for _, row := range []struct{ table, class string }{
		{"callers", "key"}, {"callers", "token"}, {"callers", "account"},
		{"policies", "policy"},
		{"clients", "ip"}, {"clients", "nobody"}, {"clients", "login"}, {"clients", ""},
	} {
		b := bearer.Buckets{Max: 8, Callers: []string{"account"}}
		spent := map[string]bearer.Bucket{
			"callers":  {Policy: "default", Class: "key", ID: "spent"},
			"policies": {Policy: "default", Class: "policy", ID: "spent"},
			"clients":  {Policy: "default", Class: "ip", ID: "spent"},
		}
		for _, k := range spent {
			require.True(t, take(t, &b, k, 1, slow).Allowed)
		}
		for i := range 100 {
			take(t, &b, bearer.Bucket{Policy: "default", Class: row.class, ID: strconv.Itoa(i)}, 5, slow)
		}
		for table, k := range spent {
			want := 4
			if table == row.table {
				want = 5
			}
			assert.Equal(t, want, take(t, &b, k, 0, slow).Remaining, "%s after a flood of %q", table, row.class)
		}
	}
}

func TestBucketsRefuseNegativeTakes(t *testing.T) {
	var b bearer.Buckets
	for _, limit := range []bearer.Limit{slow, {}, bearer.Unlimited} {
		u, err := b.Take(t.Context(), callerBucket(1), -1, limit)
		require.EqualError(t, err, "bearer: negative number of tokens")
		assert.Equal(t, bearer.Usage{}, u)
	}
	assert.Equal(t, 5, take(t, &b, callerBucket(1), 0, slow).Remaining)
}

func TestBucketsRateZeroNeverSaysWhen(t *testing.T) {
	var b bearer.Buckets
	l := bearer.Limit{Burst: 2}
	assert.True(t, take(t, &b, callerBucket(1), 2, l).Allowed)
	assert.Negative(t, take(t, &b, callerBucket(1), 1, l).Wait)
}

func TestBucketsThatFillInTwelveYears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		l := bearer.Limit{Rate: 1e-9, Burst: 4}
		u := take(t, &b, callerBucket(1), 4, l)
		require.True(t, u.Allowed)
		assert.Equal(t, 12*365*24*time.Hour, u.Reset)
		time.Sleep(3*365*24*time.Hour - 1)
		assert.False(t, take(t, &b, callerBucket(1), 1, l).Allowed)
		time.Sleep(time.Nanosecond)
		assert.True(t, take(t, &b, callerBucket(1), 1, l).Allowed)
	})
}

// A token that takes a day is there to the nanosecond, though floats do not
// hold the inverse of rate.Every(24*time.Hour).
func TestBucketsOneADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		l := bearer.Limit{Rate: rate.Every(24 * time.Hour), Burst: 10}
		assert.Equal(t, 240*time.Hour, take(t, &b, callerBucket(1), 10, l).Reset)
		time.Sleep(240*time.Hour - 1)
		assert.False(t, take(t, &b, callerBucket(1), 10, l).Allowed)
		time.Sleep(time.Nanosecond)
		assert.True(t, take(t, &b, callerBucket(1), 10, l).Allowed)
	})
}

// A bucket that is never full keeps its rate: what is rounded at each take does
// not add up.
func TestBucketsKeepTheRateOfALongRun(t *testing.T) {
	for _, perSecond := range []float64{999_999, 333_333, 12_345.678, 99.9, 7} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			l := bearer.Limit{Rate: rate.Limit(perSecond), Burst: 100}
			started, admitted := time.Now(), 0
			for range fewer(80_000) {
				if take(t, &b, callerBucket(1), 1, l).Allowed {
					admitted++
				}
				time.Sleep(time.Duration(0.8e9 / perSecond))
			}
			elapsed := time.Since(started) - time.Duration(0.8e9/perSecond)
			assert.InDelta(t, 100+perSecond*elapsed.Seconds(), admitted, 1, "%v a second", perSecond)
		})
	}
}

func TestBucketsFollowAChangedLimit(t *testing.T) {
	for _, row := range []struct {
		name          string
		before, after bearer.Limit
		taken         int
		remaining     int           // at once
		reset         time.Duration // at once
		second        int           // remaining after a second
	}{
		{"same", bearer.PerSecond(10), bearer.PerSecond(10), 4, 6, 400 * time.Millisecond, 10},
		{"burst raised", bearer.Limit{Rate: 10, Burst: 10}, bearer.Limit{Rate: 10, Burst: 50}, 10, 40, time.Second, 50},
		{"burst lowered", bearer.Limit{Rate: 10, Burst: 50}, bearer.Limit{Rate: 10, Burst: 10}, 45, 0, time.Second, 10},
		{"burst lowered, a little taken", bearer.Limit{Rate: 10, Burst: 50}, bearer.Limit{Rate: 10, Burst: 10}, 5, 5, 500 * time.Millisecond, 10},
		{"rate raised, fills from now", bearer.Limit{Rate: 1, Burst: 100}, bearer.PerSecond(100), 100, 0, time.Second, 100},
		{"rate lowered, fills as fast", bearer.PerSecond(100), bearer.Limit{Rate: 2, Burst: 100}, 100, 98, time.Second, 100},
		{"to nothing", bearer.PerSecond(10), bearer.Limit{}, 1, 0, 0, 0},
		{"to no limit", bearer.PerSecond(10), bearer.Unlimited, 10, math.MaxInt, 0, math.MaxInt},
		{"from no limit", bearer.Unlimited, bearer.PerSecond(10), 1000, 10, 0, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bearer.Buckets
			k := callerBucket(1)
			require.True(t, take(t, &b, k, row.taken, row.before).Allowed, row.name)
			u := take(t, &b, k, 0, row.after)
			assert.Equal(t, row.remaining, u.Remaining, row.name)
			assert.Equal(t, row.reset, u.Reset, row.name)
			if row.remaining < math.MaxInt {
				assert.False(t, take(t, &b, k, row.remaining+1, row.after).Allowed, row.name)
			}
			time.Sleep(time.Second)
			assert.Equal(t, row.second, take(t, &b, k, 0, row.after).Remaining, row.name)
		})
	}
}

func TestBucketsLookingTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		k := callerBucket(1)
		full := bearer.Usage{Allowed: true, Limit: slow, Remaining: 5}
		for range 10 {
			assert.Equal(t, full, take(t, &b, k, 0, slow))
		}
		require.True(t, take(t, &b, k, 4, slow).Allowed)
		u := take(t, &b, k, 0, slow)
		for range 10 {
			assert.Equal(t, u, take(t, &b, k, 0, slow))
			assert.Equal(t, u.Remaining, take(t, &b, k, 6, slow).Remaining)
			assert.Equal(t, u.Remaining, take(t, &b, k, 2, slow).Remaining)
		}
		time.Sleep(time.Until(time.Now().Add(u.Reset)))
		assert.Equal(t, full, take(t, &b, k, 0, slow))
	})
}

// A take of none follows a changed limit as other takes do: a caller who only
// looks sees the bucket fill.
func TestBucketsLookingFollowsAChangedLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		k := callerBucket(1)
		require.True(t, take(t, &b, k, 60, bearer.PerMinute(60)).Allowed)
		l := bearer.PerSecond(10)
		for want := range 10 {
			assert.Equal(t, want, take(t, &b, k, 0, l).Remaining)
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// A Buckets that was used outside of a bubble is used in one, where it is the
// year 2000: what was taken is still missing, and no more.
func TestBucketsInABubble(t *testing.T) {
	var b bearer.Buckets
	l := bearer.Limit{Rate: 1, Burst: 100}
	require.True(t, take(t, &b, callerBucket(1), 1, l).Allowed)
	require.True(t, take(t, &b, callerBucket(2), 40, l).Allowed)
	synctest.Test(t, func(t *testing.T) {
		assert.InDelta(t, 98, take(t, &b, callerBucket(1), 1, l).Remaining, 1)
		assert.InDelta(t, 59, take(t, &b, callerBucket(2), 1, l).Remaining, 1)
		assert.Equal(t, 99, take(t, &b, callerBucket(3), 1, l).Remaining)
	})
}

func TestBucketsClockSetBack(t *testing.T) {
	l := bearer.PerSecond(10)
	for _, row := range []struct {
		name  string
		first time.Duration // how long the first clock ran
		taken int           // then
		now   int           // remaining after the clock was set back
	}{
		{"a bucket that is in use", time.Hour, 1, 0},
		{"a spent bucket", time.Hour, 10, 0},
		{"by less than the bucket takes to fill", 100 * time.Millisecond, 2, 7},
		{"by more than the horizon", 5 * 365 * 24 * time.Hour, 10, 0},
	} {
		var b bearer.Buckets
		k := callerBucket(1)
		synctest.Test(t, func(t *testing.T) {
			require.True(t, take(t, &b, callerBucket(2), 1, l).Allowed)
			time.Sleep(row.first)
			require.True(t, take(t, &b, k, row.taken, l).Allowed)
		})
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, row.now, take(t, &b, k, 0, l).Remaining, row.name)
			admitted := 0
			for range 20 {
				if take(t, &b, k, 1, l).Allowed {
					admitted++
				}
			}
			assert.Equal(t, row.now, admitted, row.name)
			assert.True(t, take(t, &b, callerBucket(3), 10, l).Allowed, "%s: another bucket is full", row.name)
			assert.False(t, take(t, &b, callerBucket(3), 1, l).Allowed, row.name)
			time.Sleep(time.Second)
			assert.Equal(t, 10, take(t, &b, k, 0, l).Remaining, "%s: it fills again", row.name)
			assert.Equal(t, 10, take(t, &b, callerBucket(3), 0, l).Remaining, row.name)
		})
	}
}

// A token takes 31 years at this rate, but no bucket more than twelve to fill:
// one in three. The bucket is not forgotten in ninety, which is longer than its
// times reach, so that they get a new base again and again.
func TestBucketsClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bearer.Buckets
		l := bearer.Limit{Rate: 1e-9, Burst: 4}
		require.True(t, take(t, &b, callerBucket(1), 4, l).Allowed)
		for range 30 {
			time.Sleep(3*365*24*time.Hour - 1)
			assert.False(t, take(t, &b, callerBucket(1), 1, l).Allowed)
			time.Sleep(time.Nanosecond)
			assert.True(t, take(t, &b, callerBucket(1), 1, l).Allowed)
		}
	})
}

// A bucket admits its burst and no more while the table that holds it grows.
func TestBucketsExactWhileOthersGrow(t *testing.T) {
	for _, row := range []struct {
		name   string
		max    int
		hot    int // buckets
		idle   bool
		rounds int
	}{
		{"one hot bucket", 0, 1, false, 160},
		{"many hot buckets", 0, 20, false, 16},
		{"no others", 0, 3, true, 160},
		{"at the cap", 2000, 1, false, 160},
		{"at a small cap", 100, 1, false, 80},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := bearer.Limit{Rate: 1e-5, Burst: 1000}
			for range max(fewer(row.rounds), row.rounds/8) {
				b := bearer.Buckets{Max: row.max}
				admitted := make([]atomic.Int64, row.hot)
				var wg sync.WaitGroup
				for g := range 16 {
					wg.Go(func() {
						for i := range 3 * l.Burst * row.hot / 16 {
							if g%2 == 0 && !row.idle {
								_, _ = b.Take(t.Context(), callerBucket(g*1_000_000+i), 1, l)
							}
							hot := i % row.hot
							u, _ := b.Take(t.Context(), callerBucket(-1-hot), 1, l)
							if u.Allowed {
								admitted[hot].Add(1)
							}
						}
					})
				}
				wg.Wait()
				for i := range admitted {
					require.Equal(t, int64(l.Burst), admitted[i].Load())
				}
			}
		})
	}
}

// The other buckets fill in microseconds, so that their slots are reused all the
// time.
func TestBucketsExactWhileSlotsChangeHands(t *testing.T) {
	slots := bearer.Buckets{Max: 64}
	fast := bearer.Limit{Rate: 1e6, Burst: 3}
	hot := bearer.Limit{Rate: 1000, Burst: 10}
	started := time.Now()
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range fewer(100_000) {
				_, _ = slots.Take(t.Context(), callerBucket(i*8+g), 1, fast)
				u, _ := slots.Take(t.Context(), callerBucket(-1), 1, hot)
				if u.Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	ideal := int64(10 + time.Since(started).Seconds()*1000)
	assert.LessOrEqual(t, admitted.Load(), ideal)
	assert.GreaterOrEqual(t, admitted.Load(), int64(10))
}

func TestBucketsBytesOfABucket(t *testing.T) {
	var b bearer.Buckets
	n := fewer(500_000)
	before := heap()
	for i := range n {
		if !take(t, &b, callerBucket(i), 1, slow).Allowed {
			require.Fail(t, "a new bucket is empty", "%d", i)
		}
	}
	assert.LessOrEqual(t, heap()-before, int64(n)*40)
	for i := range n {
		if u := take(t, &b, callerBucket(i), 0, slow); u.Remaining != 4 {
			require.Equal(t, 4, u.Remaining, "bucket %d is lost", i)
		}
	}
	runtime.KeepAlive(&b)
}

// A bucket that is full again after 10 ms leaves nothing behind. Remembered,
// each would take 16 bytes or more.
func TestBucketsForgetFullBuckets(t *testing.T) {
	var b bearer.Buckets
	before := heap()
	most := int64(0)
	n := fewer(4_000_000)
	for i := range n {
		if u := take(t, &b, bearer.Bucket{Class: "nobody", ID: strconv.Itoa(i)}, 1, bearer.PerSecond(100)); !u.Allowed {
			require.Fail(t, "a new bucket is empty", "%d", i)
		}
		if i%(n/20) == 0 {
			most = max(most, heap()-before)
		}
	}
	assert.Less(t, most, int64(8<<20))
	runtime.KeepAlive(&b)
}

func TestBucketsFloodResetsNoSpentBucket(t *testing.T) {
	for _, row := range []struct {
		name       string
		max, flood int
	}{
		{"negative", -1, 80_000},
		{"default", 0, 1_300_000}, // of 1,048,576
		{"1", 1, 20_000},
		{"7", 7, 20_000},
		{"100", 100, 80_000},
		{"1000", 1000, 80_000},
		{"the largest", math.MaxInt, 80_000},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := bearer.Buckets{Max: row.max}
			spent := callerBucket(-1)
			require.True(t, take(t, &b, spent, 5, slow).Allowed)
			for i := range fewer(row.flood) {
				if !take(t, &b, callerBucket(i), 1, slow).Allowed {
					require.Fail(t, "a new bucket is empty", "%d", i)
				}
				if i%64 == 0 && take(t, &b, spent, 1, slow).Allowed {
					require.Fail(t, "the spent bucket was reset", "by a flood of %d", i)
				}
			}
			assert.Zero(t, take(t, &b, spent, 0, slow).Remaining)
		})
	}
}

// Half of Max buckets, if spent, stay spent, however many others come.
func TestBucketsFloodResetsNoneOfManySpentBuckets(t *testing.T) {
	for _, row := range []struct {
		name       string
		max, spent int
		flood      bearer.Limit
		gap        time.Duration // between the takes of the flood
	}{
		{"a few", 64, 16, slow, 0},
		{"half", 64, 32, slow, 0},
		{"a few of many", 1000, 50, slow, 0},
		{"half of many", 1000, 500, slow, 0},
		{"half of several shards", 4000, 2000, slow, 0},
		{"buckets that are soon full again", 1000, 500, bearer.PerSecond(100), 10 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := bearer.Buckets{Max: row.max}
			for i := range row.spent {
				require.True(t, take(t, &b, callerBucket(-1-i), 5, slow).Allowed, row.name)
			}
			for i := range fewer(80_000) {
				if !take(t, &b, callerBucket(i), 1, row.flood).Allowed {
					require.Fail(t, "a new bucket is empty", row.name)
				}
				time.Sleep(row.gap)
			}
			for i := range row.spent {
				require.False(t, take(t, &b, callerBucket(-1-i), 1, slow).Allowed, row.name)
			}
		})
	}
}

func TestBucketsHoldNoMoreThanMax(t *testing.T) {
	for _, limit := range []int{8, 100, 513, 1000, 1001} {
		b := bearer.Buckets{Max: limit}
		for i := range 20 * limit {
			take(t, &b, callerBucket(i), 1, slow)
		}
		held := 0
		for i := range 20 * limit {
			if take(t, &b, callerBucket(i), 0, slow).Remaining < 5 {
				held++
			}
		}
		assert.LessOrEqual(t, held, limit)
		assert.Greater(t, held, limit/2)
	}
}

func TestBucketsOfOtherClassesEvictNoCaller(t *testing.T) {
	const callers = 8
	for _, class := range []string{"ip", "nobody", "other", ""} {
		b := bearer.Buckets{Max: callers}
		for i := range callers {
			take(t, &b, bearer.Bucket{Class: []string{"key", "token"}[i%2], ID: strconv.Itoa(i)}, 1, slow)
		}
		for i := range fewer(50_000) {
			take(t, &b, bearer.Bucket{Class: class, ID: strconv.Itoa(i)}, 5, slow)
		}
		for i := range callers {
			u := take(t, &b, bearer.Bucket{Class: []string{"key", "token"}[i%2], ID: strconv.Itoa(i)}, 0, slow)
			assert.Equal(t, 4, u.Remaining, "class %q evicts callers", class)
		}
	}
}

func TestBucketsAllocateNothingForAKnownBucket(t *testing.T) {
	var b bearer.Buckets
	for _, class := range []string{"key", "token", "ip", "nobody"} {
		k := bearer.Bucket{Class: class, ID: "1"}
		for _, limit := range []bearer.Limit{slow, bearer.PerSecond(100), bearer.Unlimited, {}} {
			take(t, &b, k, 1, limit)
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = b.Take(t.Context(), k, 1, limit) }), "%s %v", class, limit)
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = b.Take(t.Context(), k, 0, limit) }), "%s %v", class, limit)
		}
	}
}

func TestBucketsStartNoGoroutine(t *testing.T) {
	var b bearer.Buckets
	before := runtime.NumGoroutine()
	for i := range 10_000 {
		take(t, &b, callerBucket(i), 1, slow)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// A flood of names in one policy, such as addresses, resets no bucket of another.
func TestBucketsOfPolicies(t *testing.T) {
	b := bearer.Buckets{Max: 64}
	hourly := bearer.Limit{Rate: rate.Every(time.Hour), Burst: 5}
	bucket := func(policy, id string) bearer.Bucket { return bearer.Bucket{Policy: policy, Class: "policy", ID: id} }
	for i := range 15 { // and all of them are there at once
		require.True(t, take(t, &b, bucket(strconv.Itoa(i), "acme"), 5, hourly).Allowed)
	}
	for i := range 5000 {
		take(t, &b, bucket("0", strconv.Itoa(i)), 5, hourly)
		take(t, &b, bucket("the sixteenth", strconv.Itoa(i)), 5, hourly)
	}
	for i := range 15 {
		if i > 0 {
			assert.False(t, take(t, &b, bucket(strconv.Itoa(i), "acme"), 1, hourly).Allowed, i)
		}
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() { take(t, &b, bucket("14", "acme"), 1, hourly) }))
}
