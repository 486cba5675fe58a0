package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
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

// limitOf is a Policy.Limit.
func limitOf(l bearer.Limit) func(*http.Request, *bearer.Principal) bearer.Limit {
	return func(*http.Request, *bearer.Principal) bearer.Limit { return l }
}

// costOf is a Policy.Cost.
func costOf(n int) func(*http.Request, *bearer.Principal) int {
	return func(*http.Request, *bearer.Principal) int { return n }
}

// ownerOf is a Policy.Bucket.
func ownerOf(_ *http.Request, p *bearer.Principal) string {
	if p == nil {
		return "public"
	}
	return p.Owner
}

func TestPolicyNames(t *testing.T) {
	for _, row := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"second", "per-day_2", strings.Repeat("n", 64)}, ""},
		{[]string{"a", "a"}, `bearer: Config.Policies: two have the name "a"`},
		{[]string{"", "default"}, `bearer: Config.Policies: two have the name "default"`},
		{[]string{"a b"}, `bearer: Config.Policies: the name "a b" is not up to 64 letters, digits, - and _`},
		{[]string{`a"`}, `bearer: Config.Policies: the name "a\"" is not up to 64 letters, digits, - and _`},
		{[]string{"é"}, `bearer: Config.Policies: the name "é" is not up to 64 letters, digits, - and _`},
		{[]string{strings.Repeat("n", 65)}, "is not up to 64 letters"},
	} {
		config := bearer.Config{Keys: bearer.NewMemoryStore()}
		for _, name := range row.names {
			config.Policies = append(config.Policies, bearer.Policy{Name: name})
		}
		_, err := bearer.New(config)
		if row.want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, row.want)
	}
}

// What a guard asks a limiter for, by policy and caller.
func TestPolicyQuotas(t *testing.T) {
	own, ownKey := newKey(bearer.SecretKey, bearer.Live, named("own"), func(k *bearer.Key) { k.Limit = bearer.PerSecond(7) })
	text, key := newKey(bearer.SecretKey, bearer.Live, named("k1"))
	a := newAuthority()
	daily := bearer.Policy{
		Name: "daily", Limit: limitOf(bearer.PerMinute(9)), Bucket: ownerOf,
		Cost: func(_ *http.Request, p *bearer.Principal) int { return len(ownerOf(nil, p)) },
	}
	for _, row := range []struct {
		name       string
		policies   []bearer.Policy
		credential string
		want       string
	}{
		{"none: the caller's", nil, text, "default key k1 1 of 100"},
		{"none: the key's own limit", nil, own, "default key own 1 of 7"},
		{"named", []bearer.Policy{{Name: "n"}}, a.token(t, nil), "n token " + jwtIssuer + " user_1 1 of 100"},
		{"a limit that a key's own does not override", []bearer.Policy{{Limit: limitOf(bearer.PerSecond(3))}}, own, "default key own 1 of 3"},
		{"of the owner", []bearer.Policy{daily}, text, "daily policy acme 4 of 9"},
		{"of no credential", []bearer.Policy{daily}, "", "daily policy public 6 of 9"},
		{"two", []bearer.Policy{{}, daily}, own, "default key own 0 of 7, daily policy acme 0 of 9, default key own 1 of 7, daily policy acme 4 of 9"},
		{"one that does not apply", []bearer.Policy{{Limit: limitOf(bearer.Limit{})}, daily}, text, "daily policy acme 4 of 9"},
		{"one that is unlimited", []bearer.Policy{daily, {Limit: limitOf(bearer.Unlimited)}}, text, "daily policy acme 4 of 9"},
		{"none that applies", []bearer.Policy{{Limit: limitOf(bearer.Limit{})}, {Name: "b", Limit: limitOf(bearer.Unlimited)}}, text, ""},
		{"what costs nothing is looked at", []bearer.Policy{{Cost: costOf(0)}, {Name: "b"}}, text, "default key k1 0 of 100, b key k1 0 of 100, b key k1 1 of 100"},
	} {
		var takes []string
		h := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key, ownKey), JWT: []bearer.JWT{a.config()}, Optional: true, Policies: row.policies,
			Limiter: limiterFunc(func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
				takes = append(takes, fmt.Sprint(b.Policy, " ", b.Class, " ", b.ID, " ", n, " of ", l.Burst))
				return bearer.Usage{Allowed: true, Remaining: 50}, nil
			}),
		}).Handler(pass)
		assert.Equal(t, "passed", verdict(get(h, row.credential)), row.name)
		assert.Equal(t, row.want, strings.Join(takes, ", "), row.name)
	}
}

// A multiLimiter is a MultiLimiter whose TakeAll is a function.
type multiLimiter struct {
	bearer.Limiter

	all func(takes []bearer.Take) ([]bearer.Usage, error)
}

func (m multiLimiter) TakeAll(_ context.Context, takes []bearer.Take) ([]bearer.Usage, error) {
	return m.all(takes)
}

// limitersOver returns limiters over the same buckets that a guard asks in
// different ways: directly, by a look and a take for each policy, and by one call.
func limitersOver(buckets *bearer.Buckets) map[string]bearer.Limiter {
	plain := limiterFunc(func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
		return buckets.Take(context.Background(), b, n, l)
	})
	var mu sync.Mutex
	return map[string]bearer.Limiter{
		"Buckets": buckets,
		"Limiter": returner{plain, func(b bearer.Bucket, n int, l bearer.Limit) error {
			return buckets.Return(context.Background(), b, n, l)
		}},
		"MultiLimiter": multiLimiter{plain, func(takes []bearer.Take) ([]bearer.Usage, error) {
			mu.Lock()
			defer mu.Unlock()
			return takeAll(buckets, takes)
		}},
	}
}

// takeAll takes from all buckets or from none, if no one else takes meanwhile.
func takeAll(buckets *bearer.Buckets, takes []bearer.Take) ([]bearer.Usage, error) {
	usages, all := make([]bearer.Usage, len(takes)), true
	for i, t := range takes {
		n := 0
		usages[i], _ = buckets.Take(context.Background(), t.Bucket, 0, t.Limit)
		if usages[i].Remaining < t.N {
			n, all = t.N, false
		}
		usages[i], _ = buckets.Take(context.Background(), t.Bucket, n, t.Limit) // refused, if n is not 0
	}
	for i, t := range takes {
		if all {
			usages[i], _ = buckets.Take(context.Background(), t.Bucket, t.N, t.Limit)
		}
	}
	return usages, nil
}

// A second and a day together: fields, refusals, and what is taken.
func TestPoliciesOfASecondAndADay(t *testing.T) {
	for name, limiter := range limitersOver(new(bearer.Buckets)) {
		t.Run(name, func(t *testing.T) { testPoliciesOfASecondAndADay(t, limiter) })
	}
}

func testPoliciesOfASecondAndADay(t *testing.T, limiter bearer.Limiter) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		var refused *bearer.Error
		h := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key), LegacyRateHeaders: true, Limiter: limiter,
			Policies: []bearer.Policy{
				{Limit: limitOf(bearer.PerSecond(2))},
				{Name: "daily", Limit: limitOf(bearer.Limit{Rate: rate.Every(24 * time.Hour / 3), Burst: 3})},
			},
			ErrorHandler: bearer.WriteProblem,
			Observe:      func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) { refused = e },
		}).Handler(pass)
		step := func(name, want, legacy, violated string) {
			t.Helper()
			w := get(h, text)
			_, policies, _ := strings.Cut(w.Body.String(), `"violated-policies":`)
			assert.Equal(t, want, strings.TrimSpace(w.Header().Get("RateLimit")+" "+w.Header().Get("Retry-After")), name)
			assert.Equal(t, `"default";q=2;w=1, "daily";q=3;w=86400`, w.Header().Get("RateLimit-Policy"), name)
			assert.Equal(t, legacy, w.Header().Get("X-RateLimit-Limit")+" "+w.Header().Get("X-RateLimit-Remaining"), name)
			assert.Equal(t, violated, strings.TrimSuffix(policies, "}\n"), name)
		}
		step("the first", `"default";r=1;t=1, "daily";r=2;t=28800`, "2 1", "")
		step("the second", `"default";r=0;t=1, "daily";r=1;t=57600`, "2 0", "")
		step("too fast", `"default";r=0;t=1, "daily";r=1;t=57600 1`, "2 0", `["default"]`)
		assert.Equal(t, "default", refused.Policy)
		time.Sleep(time.Second)
		step("the last of the day", `"default";r=1;t=1, "daily";r=0;t=86399`, "3 0", "")
		step("the day is over its limit", `"default";r=1;t=1, "daily";r=0;t=28799 28799`, "3 0", `["daily"]`)
		assert.Equal(t, "daily", refused.Policy)
		assert.Equal(t, 3, refused.Usage.Limit.Burst)
		assert.Equal(t, 28799*time.Second, refused.RetryAfter)
		time.Sleep(refused.RetryAfter - 1)
		step("a nanosecond too early", `"default";r=2;t=0, "daily";r=0;t=1 1`, "3 0", `["daily"]`)
		time.Sleep(time.Nanosecond)
		step("in time", `"default";r=1;t=1, "daily";r=0;t=86400`, "3 0", "")
	})
}

func TestPoliciesThatRefuse(t *testing.T) {
	for name := range limitersOver(new(bearer.Buckets)) {
		t.Run(name, func(t *testing.T) { testPoliciesThatRefuse(t, name) })
	}
}

func testPoliciesThatRefuse(t *testing.T, limiter string) {
	t.Helper()
	five := bearer.Limit{Rate: 1, Burst: 5}
	for _, row := range []struct {
		name      string
		a, b      bearer.Policy
		want      string
		left      string
		violated  string
		remaining [2]int
	}{
		{"both too dear", bearer.Policy{Limit: limitOf(five), Cost: costOf(6)}, bearer.Policy{Limit: limitOf(five), Cost: costOf(9)}, "429 cost_exceeds_limit", `"a";r=5, "b";r=5 `, `["a","b"]`, [2]int{5, 5}},
		{"one too dear", bearer.Policy{Limit: limitOf(five)}, bearer.Policy{Limit: limitOf(five), Cost: costOf(6)}, "429 cost_exceeds_limit", `"a";r=5;t=0, "b";r=5 `, `["b"]`, [2]int{5, 5}},
		{"nothing gets through", bearer.Policy{Limit: limitOf(five)}, bearer.Policy{Limit: limitOf(bearer.PerSecond(0)), Cost: costOf(0)}, "429 rate_limit_exceeded", `"a";r=5;t=0, "b";r=0 `, `["b"]`, [2]int{5, 0}},
		{"negative", bearer.Policy{Limit: limitOf(five)}, bearer.Policy{Limit: limitOf(five), Cost: costOf(-1)}, "503 limiter_unavailable", ` 1`, "", [2]int{5, 5}},
		{"both pass", bearer.Policy{Limit: limitOf(five), Cost: costOf(2)}, bearer.Policy{Limit: limitOf(five), Cost: costOf(5)}, "200", `"a";r=3;t=2, "b";r=0;t=5 `, "", [2]int{3, 0}},
		{"free of charge", bearer.Policy{Limit: limitOf(five), Cost: costOf(0)}, bearer.Policy{Limit: limitOf(five)}, "200", `"a";r=5;t=0, "b";r=4;t=1 `, "", [2]int{5, 4}},
	} {
		synctest.Test(t, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live)
			buckets := new(bearer.Buckets)
			row.a.Name, row.b.Name = "a", "b"
			h := newGuard(t, bearer.Config{
				Keys: bearer.NewMemoryStore(key), Limiter: limitersOver(buckets)[limiter],
				Policies: []bearer.Policy{row.a, row.b}, ErrorHandler: bearer.WriteProblem,
			}).Handler(pass)
			w := get(h, text)
			got := fmt.Sprint(w.Code)
			if _, reason, ok := strings.Cut(w.Body.String(), `"reason":"`); ok {
				reason, _, _ = strings.Cut(reason, `"`)
				got += " " + reason
			}
			assert.Equal(t, row.want, got, row.name)
			assert.Equal(t, row.left, w.Header().Get("RateLimit")+" "+w.Header().Get("Retry-After"), row.name)
			_, violated, _ := strings.Cut(w.Body.String(), `"violated-policies":`)
			assert.Equal(t, row.violated, strings.TrimSuffix(violated, "}\n"), row.name)
			for i, name := range []string{"a", "b"} {
				u := take(t, buckets, bearer.Bucket{Policy: name, Class: "key", ID: key.ID}, 0, []bearer.Policy{row.a, row.b}[i].Limit(nil, nil))
				assert.Equal(t, row.remaining[i], u.Remaining, "%s, %s", row.name, name)
			}
		})
	}
}

// However many requests race, as many are let through as the scarcest policy
// allows, and what is left in the others is exact.
func TestPoliciesThatRace(t *testing.T) {
	for name := range limitersOver(new(bearer.Buckets)) {
		t.Run(name, func(t *testing.T) { testPoliciesThatRace(t, name) })
	}
}

func testPoliciesThatRace(t *testing.T, limiter string) {
	t.Helper()
	text, key := newKey(bearer.SecretKey, bearer.Live)
	for _, bursts := range [][]int{{500, 100}, {100, 500}, {100, 100}, {400, 300, 200}, {300, 200, 400}} {
		buckets := new(bearer.Buckets)
		var policies []bearer.Policy
		least := bursts[0]
		for i, burst := range bursts {
			policies = append(policies, bearer.Policy{Name: fmt.Sprint("p", i), Limit: limitOf(bearer.Limit{Rate: 1e-6, Burst: burst})})
			least = min(least, burst)
		}
		guard := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key), Limiter: limitersOver(buckets)[limiter], Policies: policies,
		})
		var admitted atomic.Int64
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range 50 {
					if _, err := guard.Check(request(http.MethodGet, "/", text)); err == nil {
						admitted.Add(1)
					}
				}
			})
		}
		group.Wait()
		assert.EqualValues(t, least, admitted.Load(), "%v", bursts)
		for i, burst := range bursts {
			u := take(t, buckets, bearer.Bucket{Policy: policies[i].Name, Class: "key", ID: key.ID}, 0, policies[i].Limit(nil, nil))
			assert.Equal(t, burst-least, u.Remaining, "%v, %d", bursts, i)
		}
	}
}

// A returner is a limiter whose Return is a function.
type returner struct {
	limiterFunc
	giveBack func(b bearer.Bucket, n int, l bearer.Limit) error
}

func (r returner) Return(_ context.Context, b bearer.Bucket, n int, l bearer.Limit) error {
	return r.giveBack(b, n, l)
}

// If a limiter refuses or fails after others were taken from, these get back what
// was taken, where the limiter can do that.
func TestPolicyThatRefusesInBetween(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	var returned []string
	for _, row := range []struct {
		name string
		last func() (bearer.Usage, error)
		want string
	}{
		{"refuses", func() (bearer.Usage, error) { return bearer.Usage{Wait: 7 * time.Second}, nil }, "429 rate_limit_exceeded"},
		{"fails", func() (bearer.Usage, error) { return bearer.Usage{}, errDatabase }, "503 limiter_unavailable"},
		{"panics", func() (bearer.Usage, error) { panic("down") }, "503 limiter_unavailable"},
	} {
		limiter := limiterFunc(func(b bearer.Bucket, n int, _ bearer.Limit) (bearer.Usage, error) {
			if b.Policy == "last" && n > 0 {
				return row.last()
			}
			return bearer.Usage{Allowed: true, Remaining: 50}, nil
		})
		config := bearer.Config{
			Keys: bearer.NewMemoryStore(key),
			Limiter: returner{limiter, func(b bearer.Bucket, n int, _ bearer.Limit) error {
				returned = append(returned, fmt.Sprint(b.Policy, " ", n))
				return errors.New("lost")
			}},
			Policies: []bearer.Policy{{Name: "a", Cost: costOf(2)}, {Name: "free", Cost: costOf(0)}, {Name: "b"}, {Name: "last"}},
		}
		returned = nil
		assert.Equal(t, row.want, verdict(get(newGuard(t, config).Handler(pass), text)), row.name)
		assert.Equal(t, []string{"a 2", "b 1"}, returned, row.name)
		config.Limiter = limiter
		assert.Equal(t, row.want, verdict(get(newGuard(t, config).Handler(pass), text)), row.name)
	}
}

// A guard asks a MultiLimiter once if several policies apply, and else by Take.
func TestPoliciesOfAMultiLimiter(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, named("k1"))
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	daily := bearer.Policy{Name: "daily", Limit: limitOf(bearer.PerMinute(9)), Bucket: ownerOf, Cost: costOf(4)}
	off := bearer.Policy{Name: "off", Limit: limitOf(bearer.Unlimited)}
	for _, row := range []struct {
		name       string
		policies   []bearer.Policy
		failures   int
		credential string
		want       string
	}{
		{"none", nil, 0, text, "Take default key k1 1 of 100"},
		{"one", []bearer.Policy{daily}, 0, text, "Take daily policy acme 4 of 9"},
		{"two", []bearer.Policy{{}, daily}, 0, text, "TakeAll default key k1 1 of 100, daily policy acme 4 of 9"},
		{"two in another order", []bearer.Policy{daily, {}}, 0, text, "TakeAll daily policy acme 4 of 9, default key k1 1 of 100"},
		{"one of two applies", []bearer.Policy{off, daily}, 0, text, "Take daily policy acme 4 of 9"},
		{"two of three apply", []bearer.Policy{{}, off, daily}, 0, text, "TakeAll default key k1 1 of 100, daily policy acme 4 of 9"},
		{"none applies", []bearer.Policy{off, {Name: "zero", Limit: limitOf(bearer.Limit{})}}, 0, text, ""},
		{"what costs nothing", []bearer.Policy{{Cost: costOf(0)}, {Name: "b"}}, 0, text, "TakeAll default key k1 0 of 100, b key k1 1 of 100"},
		{
			"with a failure limit", []bearer.Policy{{}, daily}, 7, text,
			"Take default ip 192.0.2.1 0 of 7, Take default ip 192.0.2.1 0 of 7, TakeAll default key k1 1 of 100, daily policy acme 4 of 9",
		},
		{"a failure", []bearer.Policy{{}, daily}, 7, unknown, "Take default ip 192.0.2.1 0 of 7, Take default ip 192.0.2.1 1 of 7"},
	} {
		var calls []string
		told := func(b bearer.Bucket, n int, l bearer.Limit) string {
			return fmt.Sprint(b.Policy, " ", b.Class, " ", b.ID, " ", n, " of ", l.Burst)
		}
		limiter := multiLimiter{
			limiterFunc(func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
				calls = append(calls, "Take "+told(b, n, l))
				return bearer.Usage{Allowed: true, Remaining: 50}, nil
			}),
			func(takes []bearer.Take) ([]bearer.Usage, error) {
				var all []string
				for _, t := range takes {
					all = append(all, told(t.Bucket, t.N, t.Limit))
				}
				calls = append(calls, "TakeAll "+strings.Join(all, ", "))
				return slices.Repeat([]bearer.Usage{{Allowed: true, Remaining: 50}}, len(takes)), nil
			},
		}
		config := bearer.Config{Keys: bearer.NewMemoryStore(key), Policies: row.policies, Limiter: limiter}
		if row.failures > 0 {
			config.FailureLimit = bearer.PerMinute(row.failures)
		}
		get(newGuard(t, config).Handler(pass), row.credential)
		assert.Equal(t, row.want, strings.Join(calls, ", "), row.name)
	}
}

// What a MultiLimiter answers, and what a guard makes of it.
func TestAnswersOfAMultiLimiter(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	yes := bearer.Usage{Allowed: true, Remaining: 9}
	minute := bearer.Limit{Rate: 1, Burst: 60}
	for _, row := range []struct {
		name   string
		usages []bearer.Usage
		err    error
		want   string
		fields string
	}{
		{"allows", []bearer.Usage{yes, {Allowed: true, Remaining: 4, Reset: 2 * time.Second}}, nil, "passed", `"a";r=9;t=0, "b";r=4;t=2 `},
		{"has limits of its own", []bearer.Usage{yes, {Allowed: true, Limit: minute, Remaining: 4}}, nil, "passed", `"a";r=9;t=0, "b";r=4;t=0 `},
		{"refuses one", []bearer.Usage{yes, {Wait: 7 * time.Second}}, nil, "429 rate_limit_exceeded b", `"a";r=9;t=0, "b";r=0;t=7 7`},
		{"refuses both", []bearer.Usage{{Wait: 8 * time.Second}, {Wait: 7 * time.Second}}, nil, "429 rate_limit_exceeded a", `"a";r=0;t=8, "b";r=0;t=7 8`},
		{"refuses for ever", []bearer.Usage{{Wait: 8 * time.Second}, {Wait: -1}}, nil, "429 rate_limit_exceeded b", `"a";r=0;t=8, "b";r=0 `},
		{"does not tell the wait", []bearer.Usage{yes, {Reset: 4 * time.Second}}, nil, "429 rate_limit_exceeded b", `"a";r=9;t=0, "b";r=0;t=3 3`},
		{"does not tell when it is full, either", []bearer.Usage{yes, {}}, nil, "429 rate_limit_exceeded b", `"a";r=9;t=0, "b";r=0;t=1 1`},
		{"fails", []bearer.Usage{yes, yes}, errDatabase, "503 limiter_unavailable", " 1"},
		{"fails by a nil pointer", []bearer.Usage{yes, yes}, (*bearer.Error)(nil), "503 limiter_unavailable", " 1"},
		{"panics", nil, errPanics, "503 limiter_unavailable", " 1"},
		{"returns nothing", nil, nil, "503 limiter_unavailable", " 1"},
		{"returns too few", []bearer.Usage{yes}, nil, "503 limiter_unavailable", " 1"},
		{"returns too many", []bearer.Usage{yes, yes, yes}, nil, "503 limiter_unavailable", " 1"},
	} {
		var observed *bearer.Error
		h := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key),
			Policies: []bearer.Policy{
				{Name: "a"}, {Name: "b", Limit: limitOf(bearer.Limit{Rate: 1, Burst: 5}), Cost: costOf(4)},
			},
			Limiter: multiLimiter{
				limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { panic("asked by Take") }),
				func([]bearer.Take) ([]bearer.Usage, error) {
					if errors.Is(row.err, errPanics) {
						panic("down")
					}
					return row.usages, row.err
				},
			},
			Observe: func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) { observed = e },
		}).Handler(pass)
		w := get(h, text)
		got := verdict(w)
		if observed != nil && observed.Policy != "" {
			got += " " + observed.Policy
		}
		assert.Equal(t, row.want, got, row.name)
		assert.Equal(t, row.fields, w.Header().Get("RateLimit")+" "+w.Header().Get("Retry-After"), row.name)
	}
}

var errPanics = errors.New("panics")

// A limiter may say itself how long a look finds too little.
func TestPolicyWaitsAsALookSays(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		looked bearer.Usage
		want   string
	}{
		{bearer.Usage{Allowed: true, Reset: time.Minute}, "1"},
		{bearer.Usage{Allowed: true, Reset: time.Hour, Wait: time.Hour}, "3600"},
		{bearer.Usage{Wait: 2 * time.Minute}, "120"},
		{bearer.Usage{Wait: -1}, ""},
	} {
		h := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key), Limit: bearer.PerMinute(60), Policies: []bearer.Policy{{}, {Name: "b"}},
			Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return row.looked, nil }),
		}).Handler(pass)
		w := get(h, text)
		assert.Equal(t, "429 rate_limit_exceeded", verdict(w))
		assert.Equal(t, row.want, w.Header().Get("Retry-After"), "%+v", row.looked)
	}
}

// A function that panics ends its request, and nothing was taken.
func TestPolicyThatPanics(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	for name, policy := range map[string]bearer.Policy{
		"Limit":  {Name: "b", Limit: func(*http.Request, *bearer.Principal) bearer.Limit { panic("of the application") }},
		"Bucket": {Name: "b", Bucket: func(*http.Request, *bearer.Principal) string { panic("of the application") }},
		"Cost":   {Name: "b", Cost: func(*http.Request, *bearer.Principal) int { panic("of the application") }},
	} {
		buckets := new(bearer.Buckets)
		guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Limiter: buckets, Policies: []bearer.Policy{{}, policy}})
		assert.Panics(t, func() { get(guard.Handler(pass), text) }, name)
		u := take(t, buckets, bearer.Bucket{Policy: "default", Class: "key", ID: key.ID}, 0, bearer.PerSecond(100))
		assert.Equal(t, 100, u.Remaining, name)
	}
}

func TestFailureBucketHasTheNameOfTheFirstPolicy(t *testing.T) {
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	buckets := new(bearer.Buckets)
	for _, first := range []string{"strict", "lax"} {
		h := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(), Limiter: buckets, FailureLimit: bearer.Limit{Rate: 1e-6, Burst: 1},
			Policies: []bearer.Policy{{Name: first}, {Name: "other"}},
		}).Handler(pass)
		assert.Equal(t, "401 invalid_api_key", verdict(get(h, unknown)), first)
		w := get(h, unknown)
		assert.Equal(t, "429 rate_limit_exceeded", verdict(w), first)
		assert.Equal(t, `"`+first+`";q=1;w=1000000`, w.Header().Get("RateLimit-Policy"))
	}
}

// A request with policies takes one allocation more than without, whatever their
// number, as long as it is a usual one.
func TestPoliciesAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	store, texts := benchKeys(1)
	for _, row := range []struct {
		policies []bearer.Policy
		most     float64
	}{
		{nil, 2},
		{[]bearer.Policy{{Name: "short"}}, 2},
		{[]bearer.Policy{{Name: strings.Repeat("n", 64)}}, 3},
		{[]bearer.Policy{{}, {Name: "daily", Bucket: ownerOf, Limit: limitOf(generous), Cost: costOf(2)}}, 3},
		{[]bearer.Policy{{}, {Name: "daily"}, {Name: "monthly", Bucket: ownerOf}}, 3},
	} {
		h := newGuard(t, bearer.Config{Keys: store, Limit: generous, Policies: row.policies}).Require("tokens:read")(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		w, r := &discard{header: make(http.Header)}, request(http.MethodGet, "/", texts[0])
		allocs := testing.AllocsPerRun(500, func() {
			clear(w.header)
			h.ServeHTTP(w, r)
		})
		assert.LessOrEqual(t, allocs, row.most, "%d policies", len(row.policies))
	}
}

// The line of the docs keeps an upstream that has a guard of its own from sending
// the fields a second time.
func TestRateFieldsThroughReverseProxy(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(key)
	upstream := httptest.NewServer(newGuard(t, bearer.Config{Keys: store, Limit: bearer.PerMinute(30)}).Handler(pass))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		modify func(*http.Response) error
		fields int
	}{
		{"without the line", nil, 2},
		{"with it", func(answer *http.Response) error {
			answer.Header.Del("RateLimit")
			answer.Header.Del("RateLimit-Policy")
			return nil
		}, 1},
	} {
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, ModifyResponse: row.modify}
		front := httptest.NewServer(newGuard(t, bearer.Config{Keys: store, Policies: []bearer.Policy{{Name: "front"}}}).Handler(proxy))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+text)
		answer, err := front.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		front.Close()
		assert.Len(t, answer.Header.Values("RateLimit"), row.fields, row.name)
		assert.Len(t, answer.Header.Values("RateLimit-Policy"), row.fields, row.name)
		assert.Equal(t, `"front";q=100;w=1`, answer.Header.Get("RateLimit-Policy"), row.name)
	}
}

// What an application makes of an Error is sent as it says.
func TestErrorsOfPoliciesOfTheApplication(t *testing.T) {
	monthly := bearer.Usage{Limit: bearer.Limit{Rate: 1, Burst: 10}}
	forEver := bearer.Usage{Limit: bearer.Limit{Burst: 10}, Wait: -1}
	for _, row := range []struct {
		name        string
		err         bearer.Error
		retry, left string
	}{
		{"zero: a second", bearer.Error{}, "1", ""},
		{"negative: none", bearer.Error{RetryAfter: -1}, "", ""},
		{"a wait without end: none", bearer.Error{Usage: forEver}, "", `"default";r=0`},
		{"a wait, whatever the usage says", bearer.Error{RetryAfter: time.Minute, Usage: forEver}, "60", `"default";r=0`},
		{"a policy", bearer.Error{Policy: "monthly", RetryAfter: time.Hour, Usage: monthly}, "3600", `"monthly";r=0;t=1`},
		{"a name that is none", bearer.Error{Policy: "a\"\r\nX: y", Usage: monthly}, "1", `"default";r=0;t=1`},
	} {
		w := httptest.NewRecorder()
		row.err.Code = bearer.CodeRateLimitExceeded
		bearer.WriteProblem(w, nil, &row.err)
		assert.Equal(t, row.retry, w.Header().Get("Retry-After"), row.name)
		assert.Equal(t, row.left, w.Header().Get("RateLimit"), row.name)
		name := "default"
		if row.err.Policy == "monthly" {
			name = "monthly"
		}
		assert.Contains(t, w.Body.String(), `"violated-policies":["`+name+`"]`, row.name)
	}
	w := httptest.NewRecorder()
	bearer.WriteError(w, nil, &bearer.Error{Code: bearer.CodeServiceUnavailable, RetryAfter: -1})
	assert.Empty(t, w.Header().Get("Retry-After"))
}
