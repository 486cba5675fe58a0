package bearerredis

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/gcra"
	"github.com/blockauth/bearer/internal/services"
)

// timed is the script with a clock that its first two arguments tell. Its keys
// expire by the clock of Redis, and so too late to matter.
var timed = strings.NewReplacer(
	"redis.call('TIME')", "{table.remove(ARGV, 1), table.remove(ARGV, 1)}",
	"math.floor(m / 1000) + 3", "600000",
).Replace(script)

// A clocked runs the script by a clock of its own.
type clocked struct {
	limiter *Limiter
	client  *redis.Client
	script  string // its name
}

// A step is what is asked at a time, and the answer that is wanted.
type step struct {
	at   time.Time
	op   operation
	b    bearer.Bucket
	n    int
	l    bearer.Limit
	want bearer.Usage
	ask  *ask
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	options, err := redis.ParseURL(services.Redis(t))
	require.NoError(t, err)
	client := redis.NewClient(options)
	prefix := "test-" + strconv.FormatUint(rand.Uint64(), 36) + ":"
	t.Cleanup(func() {
		keys := client.Scan(t.Context(), 0, prefix+"*", 10_000).Iterator()
		for ctx := context.Background(); keys.Next(ctx); {
			client.Unlink(ctx, keys.Val())
		}
		client.Close()
	})
	l, err := NewLimiter(client, LimiterConfig{Prefix: prefix})
	require.NoError(t, err)
	name, err := client.ScriptLoad(t.Context(), timed).Result()
	require.NoError(t, err)
	return &clocked{limiter: l, client: client, script: name}
}

// run runs the steps, each in a call of its own, and hands them their answers.
func (c *clocked) run(t *testing.T, steps []*step) {
	t.Helper()
	for len(steps) > 0 {
		some := steps[:min(len(steps), 500)]
		steps = steps[len(some):]
		pipe := c.client.Pipeline()
		calls := make([]*call, len(some))
		replies := make([]*redis.IntSliceCmd, len(some))
		for i, s := range some {
			m := c.limiter.newMember(&s.b, s.n, s.l)
			m.name, m.tag = nameOf(c.limiter.config.Prefix, &s.b)
			s.ask = newAsk(s.op, []member{m})
			calls[i] = newCall()
			calls[i].add(s.ask)
			cmd := calls[i].command(t.Context(), "evalsha", c.script).IntSliceCmd
			args := cmd.Args()
			args = slices.Insert(args, 3+len(calls[i].keys), any(s.at.Unix()), any(s.at.Nanosecond()/1000))
			replies[i] = redis.NewIntSliceCmd(t.Context(), args...)
			_ = pipe.Process(t.Context(), replies[i])
		}
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
		for i := range some {
			calls[i].settle(replies[i].Result())
		}
	}
}

// drawnLimit draws a limit: one that is kept in whole units, or any.
func drawnLimit(random *rand.Rand) bearer.Limit {
	burst := 1 + int(math.Exp(random.Float64()*math.Log(1e5)))
	switch random.IntN(5) {
	case 0:
		return bearer.PerSecond(burst)
	case 1:
		return bearer.PerMinute(burst)
	case 2:
		return bearer.Limit{Rate: rate.Every(time.Duration(1 + random.Int64N(int64(time.Hour)))), Burst: burst}
	case 3:
		return bearer.Limit{Rate: rate.Limit([]float64{3, 7, 0.3, 999_983, 1e9, 16e9, 3e10, 0, 1e-9}[random.IntN(9)]), Burst: burst}
	default:
		return bearer.Limit{Rate: rate.Limit(math.Exp(random.Float64()*30 - 10)), Burst: burst}
	}
}

// Each decision of the script is that of Buckets, and so is all that it tells: at
// readings of whole microseconds, with limits that change, and with tokens that
// come back. Where a token takes no whole number of units, Buckets begins with a
// full or an empty bucket up to a unit early, and so may differ by that.
func TestScriptDecidesAsBuckets(t *testing.T) {
	c := newClocked(t)
	random := rand.New(rand.NewPCG(1, 2))
	var steps []*step
	buckets := 150
	if testing.Short() {
		buckets = 30
	}
	for i := range buckets {
		synctest.Test(t, func(t *testing.T) { // each in a bubble of its own, where times begin again
			steps = append(steps, drawnSteps(t, random, strconv.Itoa(i))...)
		})
	}
	c.run(t, steps)
	apart := map[string]bool{} // buckets of which one was refused, by less than an eighth of a nanosecond
	parts := map[string]bool{} // buckets that had a limit of which a token takes no whole units
	for i, s := range steps {
		if s.op == giveBack || apart[s.b.ID] {
			continue
		}
		m, got := &s.ask.members[0], s.ask.usage()
		what := fmt.Sprintf("step %d: %d of %+v at %v: got %+v, want %+v", i, s.n, s.l, s.at, got, s.want)
		if got.Allowed != s.want.Allowed {
			require.LessOrEqual(t, got.Wait+s.want.Wait, time.Duration(1), what)
			apart[s.b.ID] = true
			continue
		}
		require.LessOrEqual(t, (s.want.Reset - got.Reset).Abs(), time.Duration(1), what)
		require.LessOrEqual(t, (s.want.Wait - got.Wait).Abs(), time.Duration(1), what)
		left, eighth := m.depth.sub(m.missing), span{0, 2 << unitBits}
		least, most := tokensIn(&m.pace, left.sub(eighth), s.l.Burst), tokensIn(&m.pace, left.add(eighth), s.l.Burst)
		require.GreaterOrEqual(t, s.want.Remaining, least, what)
		require.LessOrEqual(t, s.want.Remaining, most, what)
		if parts[s.b.ID] = parts[s.b.ID] || m.pace.Shift > 0; !parts[s.b.ID] {
			require.Equal(t, s.want, got, what)
		}
	}
	assert.Less(t, len(apart), buckets/20)
}

// drawnSteps draws takes from one bucket, and asks Buckets for the answers.
func drawnSteps(t *testing.T, random *rand.Rand, id string) (steps []*step) {
	t.Helper()
	var ideal bearer.Buckets
	b := bearer.Bucket{Policy: "default", Class: "key", ID: id}
	l := drawnLimit(random)
	for range 200 {
		if random.IntN(50) == 0 {
			l = drawnLimit(random)
		}
		s := &step{at: time.Now(), b: b, l: l, n: random.IntN(2 + random.IntN(l.Burst+1))}
		if s.n == 0 || s.n > s.l.Burst {
			s.op = look
		}
		var err error
		s.want, err = ideal.Take(t.Context(), b, s.n, s.l)
		require.NoError(t, err)
		steps = append(steps, s)
		if s.want.Allowed && random.IntN(8) == 0 && s.n > 0 {
			back := &step{at: s.at, op: giveBack, b: b, n: 1 + random.IntN(s.n), l: s.l}
			require.NoError(t, ideal.Return(t.Context(), b, back.n, s.l))
			steps = append(steps, back)
		}
		time.Sleep(drawnGap(random, &s.want))
	}
	return steps
}

// drawnGap draws a time of whole microseconds: often what a refusal told, or a
// microsecond less, or more. Where tokens take no whole number of units, it is not
// just what was told: there, Buckets may be a sixteenth of a nanosecond early.
func drawnGap(random *rand.Rand, u *bearer.Usage) time.Duration {
	gap := time.Duration(math.Exp(random.Float64() * math.Log(max(2, float64(u.Reset)))))
	if u.Wait > 0 && random.IntN(2) == 0 {
		gap = u.Wait
	}
	gap = (gap + time.Microsecond - 1).Truncate(time.Microsecond)
	off := time.Duration(random.IntN(3)-1) * time.Microsecond
	if p := gcra.PaceOf(float64(u.Limit.Rate), u.Limit.Burst); p.Shift > 0 && off == 0 {
		off = time.Microsecond
	}
	return min(max(0, gap+off), 300*24*time.Hour)
}
