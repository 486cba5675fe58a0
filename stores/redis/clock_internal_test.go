package bearerredis

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/gcra"
)

// drawnJump draws how far a clock goes from one take to the next: mostly a gap
// between takes, else forward or back by microseconds to hours.
func drawnJump(random *rand.Rand, depth time.Duration) time.Duration {
	jumps := []time.Duration{time.Microsecond, time.Millisecond, time.Second, time.Minute, 5 * time.Hour, 2 * depth}
	jump := time.Duration(1 + random.Int64N(int64(min(jumps[random.IntN(len(jumps))], 1000*time.Hour))))
	switch random.IntN(6) {
	case 0:
		return -jump
	case 1:
		return jump
	default:
		return time.Duration(random.Int64N(int64(min(depth/8, time.Hour)) + 2))
	}
}

// A clock that goes back and forth admits no more than an ideal bucket which gets
// tokens for each time that it goes forward: setting it back is no gain. It locks
// no one out: whatever it did, the bucket is full after its depth, and who waits
// as long as told is admitted.
func TestClockGoesBack(t *testing.T) {
	c := newClocked(t)
	random := rand.New(rand.NewPCG(3, 4))
	buckets := 200
	if testing.Short() {
		buckets = 30
	}
	for i := range buckets {
		b := bearer.Bucket{Policy: "default", Class: "key", ID: "clock" + strconv.Itoa(i)}
		limit := drawnLimit(random)
		at := time.Unix(1_800_000_000, 0)
		var steps []*step
		for range 200 {
			if random.IntN(20) == 0 {
				limit = drawnLimit(random)
				if random.IntN(2) == 0 {
					limit = bearer.Limit{Rate: limit.Rate, Burst: max(1, limit.Burst/10)}
				}
			}
			p := gcra.PaceOf(float64(limit.Rate), limit.Burst)
			at = at.Add(drawnJump(random, max(16, depthOf(&p).duration())).Round(time.Microsecond))
			s := &step{at: at, b: b, l: limit, n: 1 + random.IntN(limit.Burst)}
			steps = append(steps, s)
		}
		c.run(t, steps)
		checkForward(t, steps)
		checkPatient(t, c, steps[len(steps)-1])
	}
}

// checkForward lets an ideal bucket admit what was admitted, and checks what was
// told of the present one.
func checkForward(t *testing.T, steps []*step) {
	t.Helper()
	var missing span // from the ideal bucket
	for i, s := range steps {
		m, u := &s.ask.members[0], s.ask.usage()
		what := fmt.Sprintf("step %d: %d of %+v at %v: %+v", i, s.n, s.l, s.at, u)
		if i > 0 {
			missing = missing.sub(spanOf(max(0, s.at.Sub(steps[i-1].at))))
		}
		if missing.exceeds(m.depth) { // a lower limit
			missing = m.depth
		}
		if u.Allowed {
			missing = missing.add(m.cost)
		}
		require.False(t, missing.exceeds(m.depth), what)
		require.False(t, missing.exceeds(m.missing), what)
		require.False(t, m.missing.exceeds(m.depth), what)
		require.LessOrEqual(t, u.Wait, m.cost.duration()+1, what)
	}
}

// checkPatient sets the clock back, waits as long as told, and is admitted.
func checkPatient(t *testing.T, c *clocked, last *step) {
	t.Helper()
	if last.l.Rate == 0 {
		return
	}
	back := *last
	back.at = back.at.Add(-3 * time.Hour)
	c.run(t, []*step{&back})
	wait := back.ask.usage().Wait
	later := back
	later.at = later.at.Add(wait + time.Microsecond - 1).Truncate(time.Microsecond)
	c.run(t, []*step{&later})
	require.True(t, later.ask.usage().Allowed, "%d of %+v: a wait of %v", last.n, last.l, wait)
}

// A reading that is older than others finds what it finds in Buckets: of what is
// missing, no more than the depth.
func TestOldReadingDecidesAsBuckets(t *testing.T) {
	c := newClocked(t)
	random := rand.New(rand.NewPCG(5, 6))
	var steps []*step
	for i := range 200 {
		synctest.Test(t, func(t *testing.T) {
			var ideal gcra.Table
			l := bearer.PerSecond(1 << random.IntN(10))
			if i%2 == 0 {
				l = bearer.Limit{Rate: rate.Every(time.Duration(1+random.IntN(100)) * time.Minute), Burst: 1 + random.IntN(50)}
			}
			b := bearer.Bucket{Policy: "default", Class: "key", ID: "old" + strconv.Itoa(i)}
			take := func(at time.Time) {
				s := &step{at: at, b: b, l: l, n: 1 + random.IntN(l.Burst)}
				u := ideal.Take(at, &gcra.Bucket{ID: b.ID, Rate: float64(l.Rate), Burst: l.Burst}, s.n, s.n, 0)
				s.want = bearer.Usage{Allowed: u.Allowed, Limit: l, Remaining: u.Remaining, Reset: u.Reset, Wait: u.Wait}
				steps = append(steps, s)
			}
			for range 5 {
				take(time.Now())
				time.Sleep(time.Duration(random.Int64N(int64(time.Second))).Truncate(time.Microsecond))
			}
			back := time.Duration(1 + random.Int64N(int64([]time.Duration{time.Millisecond, time.Second, 5 * time.Hour}[i%3])))
			take(time.Now().Add(-back).Truncate(time.Microsecond))
		})
	}
	c.run(t, steps)
	for i, s := range steps {
		require.Equal(t, s.want, s.ask.usage(), "step %d: %d of %+v at %v", i, s.n, s.l, s.at)
	}
}
