package bearerredis_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

const (
	// faultTimeout is the Timeout of limiters whose Redis gets slow.
	faultTimeout = 250 * time.Millisecond
	// late is far beyond it, on a busy machine too, and less than the delay of 5 s.
	late = 4 * time.Second
	// waiting is how long a test waits for what has to come.
	waiting = 30 * time.Second
	// share is the part of 40 tokens that one of four replicas has.
	share = 10
)

// slowly is a limit so slow that no token flows in during a test.
func slowly(burst int) bearer.Limit { return bearer.Limit{Rate: rate.Every(time.Hour), Burst: burst} }

func bucketOf(id string) bearer.Bucket { return bearer.Bucket{Policy: "p", Class: "key", ID: id} }

// states records what OnState was told.
type states struct {
	mu   sync.Mutex
	told []string
}

func (s *states) note(state bearerredis.State, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := state.String()
	if (state == bearerredis.Down) != (err != nil) {
		text += fmt.Sprint(" with the error ", err)
	}
	s.told = append(s.told, text)
}

func (s *states) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.told, ", ")
}

// become waits until it was told so: OnState is called a moment after a change.
func (s *states) become(tb testing.TB, want string) {
	tb.Helper()
	assert.Eventually(tb, func() bool { return s.all() == want }, waiting, time.Millisecond, "not %q", want)
	assert.Equal(tb, want, s.all())
}

// A replica is a limiter in one outage mode, with the guard of an application.
type replica struct {
	*bearerredis.Limiter

	outage  bearerredis.Outage
	states  *states
	handler http.Handler
	secret  string
}

// newReplica returns one of four replicas whose guard has two policies: of 40
// tokens and of 80.
func newReplica(tb testing.TB, client redis.UniversalClient, outage bearerredis.Outage) *replica {
	tb.Helper()
	r := &replica{outage: outage, states: new(states)}
	var err error
	r.Limiter, err = bearerredis.NewLimiter(client, bearerredis.LimiterConfig{
		Prefix: "p" + strconv.Itoa(int(outage)) + ":", Timeout: faultTimeout, Outage: outage, Replicas: 4, OnState: r.states.note,
	})
	require.NoError(tb, err)
	r.handler, r.secret = newGuarded(tb, r.Limiter, bearer.Policy{Limit: limitOf(40)}, bearer.Policy{Name: "owner", Limit: limitOf(80), Bucket: owner})
	return r
}

func limitOf(burst int) func(*http.Request, *bearer.Principal) bearer.Limit {
	return func(*http.Request, *bearer.Principal) bearer.Limit { return slowly(burst) }
}

func owner(_ *http.Request, p *bearer.Principal) string { return p.Owner }

// newGuarded returns a handler behind a guard, and the text of a good key.
func newGuarded(tb testing.TB, l bearer.Limiter, policies ...bearer.Policy) (h http.Handler, secret string) {
	tb.Helper()
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	key := bearer.Key{
		ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: "acme", Scopes: bearer.FullAccess,
	}
	guard, err := bearer.New(bearer.Config{Keys: bearer.NewMemoryStore(key), Limiter: l, Policies: policies})
	require.NoError(tb, err)
	return guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), text
}

// status sends a request of a good key to the guard.
func (r *replica) status() int { return statusOf(r.handler, r.secret) }

func statusOf(h http.Handler, secret string) int {
	w, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+secret)
	h.ServeHTTP(w, request)
	return w.Code
}

// has waits until the limiter has Redis, and answers by it.
func (r *replica) has(tb testing.TB, bucket string) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		_, err := r.Take(context.Background(), bucketOf(bucket), 1, slowly(1e6))
		return err == nil && r.State() == bearerredis.Up
	}, waiting, 10*time.Millisecond)
}

// An outcome is what callers saw while Redis was out of order.
type outcome struct {
	mu       sync.Mutex
	takes    map[string]int // allowed, refused, error
	requests map[int]int
	slowest  time.Duration
}

func (o *outcome) note(kind string, status int, since time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.slowest = max(o.slowest, time.Since(since)); status != 0 {
		o.requests[status]++
		return
	}
	o.takes[kind]++
}

// suffer takes, and sends requests, until the limiter has found out that Redis is
// out of order, and then for a while.
func (r *replica) suffer() *outcome {
	o := &outcome{takes: map[string]int{}, requests: map[int]int{}}
	deadline := time.Now().Add(waiting)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for left := 20; left > 0 && time.Now().Before(deadline); {
				if r.State() == bearerredis.Down {
					left--
				}
				begin := time.Now()
				if i%2 == 1 {
					o.note("", r.status(), begin)
					continue
				}
				u, err := r.Take(context.Background(), bucketOf("outage"), 1, slowly(40))
				kind := map[bool]string{true: "allowed", false: "refused"}[u.Allowed]
				if err != nil {
					kind = "error"
				}
				o.note(kind, 0, begin)
			}
		})
	}
	group.Wait()
	return o
}

// check checks what callers saw by the outage mode.
func (r *replica) check(t *testing.T, o *outcome) {
	t.Helper()
	assert.Less(t, o.slowest, late)
	assert.Zero(t, o.requests[http.StatusUnauthorized])
	assert.GreaterOrEqual(t, o.takes["allowed"]+o.takes["refused"]+o.takes["error"], 40)
	switch r.outage {
	case bearerredis.Refuse:
		assert.Equal(t, []int{0, 0}, []int{o.takes["allowed"], o.takes["refused"]})
		assert.Len(t, o.requests, 1, "%v", o.requests)
		assert.Positive(t, o.requests[http.StatusServiceUnavailable])
	case bearerredis.Admit:
		assert.Equal(t, []int{0, 0}, []int{o.takes["refused"], o.takes["error"]})
		assert.Len(t, o.requests, 1, "%v", o.requests)
		assert.Positive(t, o.requests[http.StatusOK])
	case bearerredis.Local:
		assert.Equal(t, []int{share, 0}, []int{o.takes["allowed"], o.takes["error"]})
		assert.Equal(t, share, o.requests[http.StatusOK])
		assert.Len(t, o.requests, 2, "%v", o.requests)
		assert.Positive(t, o.requests[http.StatusTooManyRequests])
	}
}

// A rig is a Redis of the test's own, and a proxy in front.
type rig struct {
	*services.Server

	proxy *services.Proxy
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	s := services.StartRedis(tb)
	return &rig{s, services.NewProxy(tb, s.Addr())}
}

// client returns a client of the Redis, through the proxy.
func (r *rig) client(tb testing.TB) *redis.Client {
	tb.Helper()
	options, err := redis.ParseURL(r.proxy.Through(r.URL()))
	require.NoError(tb, err)
	client := redis.NewClient(options)
	tb.Cleanup(func() { client.Close() })
	return client
}

var faults = []struct {
	name       string
	begin, end func(*rig)
}{
	{"it is stopped and started", func(r *rig) { r.Stop() }, func(r *rig) { r.Start() }},
	{"it stands still", func(r *rig) { r.Pause() }, func(r *rig) { r.Continue() }},
	{
		"it is out of memory",
		func(r *rig) { r.Do("CONFIG", "SET", "maxmemory", "1") },
		func(r *rig) { r.Do("CONFIG", "SET", "maxmemory", "0") },
	},
	{
		"answers take 5 s",
		func(r *rig) { r.proxy.Delay(5 * time.Second) },
		func(r *rig) { r.proxy.Delay(0) },
	},
	{
		"there is a black hole",
		func(r *rig) { r.proxy.BlackHole(true) },
		func(r *rig) { r.proxy.BlackHole(false) },
	},
	{
		"connections are reset",
		func(r *rig) { r.proxy.Refuse(true); r.proxy.Reset() },
		func(r *rig) { r.proxy.Refuse(false) },
	},
}

// Whatever happens to Redis, callers see what the outage mode says, in time;
// OnState is told once of each change, and the limiter has Redis again without a
// restart.
func TestFaults(t *testing.T) {
	some := faults
	if testing.Short() {
		some = some[2:3] // it takes the least time
	}
	for _, fault := range some {
		t.Run(fault.name, func(t *testing.T) {
			services.Goroutines(t)
			r := newRig(t)
			replicas := []*replica{
				newReplica(t, r.client(t), bearerredis.Local),
				newReplica(t, r.client(t), bearerredis.Refuse),
				newReplica(t, r.client(t), bearerredis.Admit),
			}
			for _, one := range replicas {
				one.has(t, "before")
			}
			fault.begin(r)
			outcomes := make([]*outcome, len(replicas))
			var group sync.WaitGroup
			for i, one := range replicas {
				group.Go(func() { outcomes[i] = one.suffer() })
			}
			group.Wait()
			for i, one := range replicas {
				one.check(t, outcomes[i])
				one.states.become(t, "down")
			}
			fault.end(r)
			for _, one := range replicas {
				one.has(t, "after")
				assert.Equal(t, http.StatusOK, one.status())
				one.states.become(t, "down, up")
			}
		})
	}
}

// A tenth of all calls fail: the limiter still has Redis, and no more is
// admitted than the bucket holds.
func TestTenthOfCallsFails(t *testing.T) {
	services.Goroutines(t)
	r := newRig(t)
	one := newReplica(t, r.client(t), bearerredis.Refuse)
	one.has(t, "before")
	r.proxy.Errors(10)
	const takes = 300
	allowed, failed := 0, 0
	for range takes {
		u, err := one.Take(context.Background(), bucketOf("a"), 1, slowly(200))
		switch {
		case err != nil:
			failed++
			assert.ErrorContains(t, err, "bearerredis: take: ")
		case u.Allowed:
			allowed++
		}
	}
	assert.LessOrEqual(t, allowed, 200)
	assert.Positive(t, failed)
	assert.Less(t, failed, takes/2)
	assert.Empty(t, one.states.all())
	r.proxy.Errors(0)
	one.has(t, "after")
}

// The script is lost again and again, and no take is.
func TestScriptFlushedUnderLoad(t *testing.T) {
	services.Goroutines(t)
	s := services.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer client.Close()
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Timeout: patient, Outage: bearerredis.Refuse})
	require.NoError(t, err)
	var allowed, takes atomic.Int64
	var group sync.WaitGroup
	done := make(chan struct{})
	for i := range 8 {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				u, err := l.Take(context.Background(), bucketOf("b"+strconv.Itoa((i+n)%4)), 1, slowly(100))
				assert.NoError(t, err)
				takes.Add(1)
				if u.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	flushes := 50
	if testing.Short() {
		flushes = 5
	}
	for n := 0; n < flushes || takes.Load() < 1000; n++ {
		require.NoError(t, client.ScriptFlush(t.Context()).Err())
		time.Sleep(time.Millisecond)
	}
	close(done)
	group.Wait()
	assert.EqualValues(t, 400, allowed.Load())
	assert.Equal(t, bearerredis.Up, l.State())
}

// All policies of a request cost one round trip.
func TestPoliciesInOneRoundTrip(t *testing.T) {
	s := services.StartRedis(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer client.Close()
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Timeout: patient, Outage: bearerredis.Refuse})
	require.NoError(t, err)
	for i, policies := range [][]bearer.Policy{
		{{Limit: limitOf(1000)}},
		{{Limit: limitOf(1000)}, {Name: "daily", Limit: limitOf(1000)}},
		{{Limit: limitOf(1000)}, {Name: "daily", Limit: limitOf(1000)}, {Name: "owner", Limit: limitOf(1000), Bucket: owner}},
	} {
		h, secret := newGuarded(t, l, policies...)
		assert.Equal(t, http.StatusOK, statusOf(h, secret)) // Redis has the script now
		s.Do("CONFIG", "RESETSTAT")
		for range 20 {
			assert.Equal(t, http.StatusOK, statusOf(h, secret))
		}
		stats := s.Do("INFO", "commandstats")
		assert.Contains(t, stats, "cmdstat_evalsha:calls=20,", "%d policies", i+1)
		assert.NotContains(t, stats, "cmdstat_eval:", "%d policies", i+1)
	}
}
