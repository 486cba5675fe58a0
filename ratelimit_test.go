package bearer_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
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

func TestPerSecondPerMinute(t *testing.T) {
	for _, row := range []struct {
		name      string
		got, want bearer.Limit
	}{
		{"a second", bearer.PerSecond(100), bearer.Limit{Rate: 100, Burst: 100}},
		{"a minute", bearer.PerMinute(120), bearer.Limit{Rate: 2, Burst: 120}},
		{"one a minute", bearer.PerMinute(1), bearer.Limit{Rate: 1.0 / 60, Burst: 1}},
		{"none a second", bearer.PerSecond(0), bearer.Limit{Burst: -1}},
		{"none a minute", bearer.PerMinute(0), bearer.Limit{Burst: -1}},
		{"negative", bearer.PerSecond(-5), bearer.Limit{Burst: -1}},
		{"negative a minute", bearer.PerMinute(math.MinInt), bearer.Limit{Burst: -1}},
	} {
		assert.Equal(t, row.want, row.got, row.name)
	}
}

// fieldsOf returns the limit fields of an answer to a key with a limit, if the
// limiter says that so much of it is used.
func fieldsOf(t *testing.T, limit bearer.Limit, usage bearer.Usage) (policy, left string) {
	t.Helper()
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = limit })
	w := get(newGuard(t, bearer.Config{
		Keys:    bearer.NewMemoryStore(key),
		Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return usage, nil }),
	}).Handler(pass), text)
	return w.Header().Get("RateLimit-Policy"), w.Header().Get("RateLimit")
}

func TestRateLimitFields(t *testing.T) {
	nan := rate.Limit(math.NaN())
	for _, row := range []struct {
		name         string
		limit        bearer.Limit
		usage        bearer.Usage
		policy, left string
	}{
		{"S2.4 the first of a hundred", bearer.PerSecond(100), bearer.Usage{Allowed: true, Remaining: 99, Reset: 10 * time.Millisecond}, `"default";q=100;w=1`, `"default";r=99;t=1`},
		{"full", bearer.PerSecond(100), bearer.Usage{Allowed: true, Remaining: 100}, `"default";q=100;w=1`, `"default";r=100;t=0`},
		{"a second sharp", bearer.PerSecond(100), bearer.Usage{Allowed: true, Reset: time.Second}, `"default";q=100;w=1`, `"default";r=0;t=1`},
		{"a nanosecond more", bearer.PerSecond(100), bearer.Usage{Allowed: true, Reset: time.Second + 1}, `"default";q=100;w=1`, `"default";r=0;t=2`},
		{"refused: until the next try", bearer.PerMinute(1), bearer.Usage{Reset: time.Minute, Wait: 1500 * time.Millisecond}, `"default";q=1;w=60`, `"default";r=0;t=2`},
		{"refused: at least 1", bearer.PerMinute(1), bearer.Usage{Reset: time.Minute}, `"default";q=1;w=60`, `"default";r=0;t=1`},
		{"refused for ever", bearer.PerMinute(1), bearer.Usage{Reset: time.Minute, Wait: -1}, `"default";q=1;w=60`, `"default";r=0`},
		{"a limit of the limiter's own", bearer.PerMinute(1), bearer.Usage{Allowed: true, Limit: bearer.PerSecond(50), Remaining: 49, Reset: time.Second}, `"default";q=50;w=1`, `"default";r=49;t=1`},
		{"the limiter has no limit", bearer.PerMinute(1), bearer.Usage{Allowed: true, Limit: bearer.Unlimited}, "", ""},
		{"the limiter's is not a number", bearer.PerMinute(1), bearer.Usage{Allowed: true, Limit: bearer.Limit{Rate: nan, Burst: 1}}, "", ""},
		{"floats put 11 over 11/60 above 60", bearer.PerMinute(11), bearer.Usage{Allowed: true}, `"default";q=11;w=60`, `"default";r=0;t=0`},
		{"window rounded up", bearer.Limit{Rate: 2, Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=3`, `"default";r=0;t=0`},
		{"window at least 1", bearer.Limit{Rate: 1e6, Burst: 1}, bearer.Usage{Allowed: true}, `"default";q=1;w=1`, `"default";r=0;t=0`},
		{"window of years", bearer.Limit{Rate: 1e-300, Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=2147483647`, `"default";r=0;t=0`},
		{"window without a rate", bearer.Limit{Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=2147483647`, `"default";r=0;t=0`},
		{"nothing gets through", bearer.PerSecond(0), bearer.Usage{Wait: -1}, `"default";q=0;w=1`, `"default";r=0`},
		{"nothing gets through, a limiter says when", bearer.PerSecond(0), bearer.Usage{Wait: time.Minute}, `"default";q=0;w=1`, `"default";r=0`},
		{"a limiter's nonsense", bearer.PerSecond(1), bearer.Usage{Allowed: true, Remaining: -1, Reset: -time.Hour}, `"default";q=1;w=1`, `"default";r=0;t=0`},
		{"the longest", bearer.PerSecond(1), bearer.Usage{Allowed: true, Reset: math.MaxInt64}, `"default";q=1;w=1`, `"default";r=0;t=9223372037`},
		{"unlimited", bearer.Unlimited, bearer.Usage{Allowed: true}, "", ""},
		{"not a number", bearer.Limit{Rate: nan, Burst: 1}, bearer.Usage{Allowed: true}, "", ""},
	} {
		policy, left := fieldsOf(t, row.limit, row.usage)
		assert.Equal(t, row.policy, policy, row.name)
		assert.Equal(t, row.left, left, row.name)
	}
}

// An integer of a structured field has up to 15 digits.
func TestRateLimitFieldsAreBounded(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("an int has up to 10 digits")
	}
	policy, left := fieldsOf(t, bearer.Limit{Rate: 1e15, Burst: math.MaxInt}, bearer.Usage{Allowed: true, Remaining: math.MaxInt})
	assert.Equal(t, `"default";q=999999999999999;w=9224`, policy)
	assert.Equal(t, `"default";r=999999999999999;t=0`, left)
}

func TestPerMinuteWindowIsAMinute(t *testing.T) {
	for n := 1; n < 3000; n++ {
		e := &bearer.Error{Code: bearer.CodeRateLimitExceeded, Usage: bearer.Usage{Limit: bearer.PerMinute(n)}}
		w := httptest.NewRecorder()
		bearer.WriteError(w, nil, e)
		require.Regexp(t, `;w=60$`, w.Header().Get("RateLimit-Policy"), "PerMinute(%d)", n)
	}
}

// rateFields are the limit fields of an answer, in one line.
func rateFields(w interface{ Header() http.Header }) string {
	h := w.Header()
	return h.Get("RateLimit-Policy") + " " + h.Get("RateLimit") + " " + h.Get("Retry-After")
}

func TestGuardRateLimitFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerMinute(2) })
		h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
		assert.Equal(t, `"default";q=2;w=60 "default";r=1;t=30 `, rateFields(get(h, text)))
		assert.Equal(t, `"default";q=2;w=60 "default";r=0;t=60 `, rateFields(get(h, text)))
		time.Sleep(500 * time.Millisecond)
		w := get(h, text)
		assert.Equal(t, "429 rate_limit_exceeded", verdict(w), "S4.12")
		assert.Equal(t, `"default";q=2;w=60 "default";r=0;t=30 30`, rateFields(w), "29.5 s, rounded up")
		time.Sleep(29499 * time.Millisecond)
		w = get(h, text)
		assert.Equal(t, `"default";q=2;w=60 "default";r=0;t=1 1`, rateFields(w), "1 ms, rounded up")
		time.Sleep(time.Second)
		assert.Equal(t, "passed", verdict(get(h, text)), "Retry-After is never too early")
	})
}

func TestGuardDefaultLimit(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	config := bearer.Config{Keys: bearer.NewMemoryStore(key)}
	w := get(newGuard(t, config).Handler(pass), text)
	assert.Equal(t, `"default";q=100;w=1 "default";r=99;t=1 `, rateFields(w))
	assert.Empty(t, w.Header().Get("X-RateLimit-Limit"))

	config.LegacyRateHeaders = true
	w = get(newGuard(t, config).Handler(pass), text)
	assert.Equal(t, "100", w.Header().Get("X-RateLimit-Limit"))
	assert.Equal(t, "99", w.Header().Get("X-RateLimit-Remaining"))
	assert.Equal(t, "1", w.Header().Get("X-RateLimit-Reset"))

	config.Limit = bearer.Unlimited
	w = get(newGuard(t, config).Handler(pass), text)
	assert.Equal(t, []string{"Content-Type"}, slices.Collect(maps.Keys(w.Header())), "unlimited callers get no fields")
}

func TestGuardLegacyFieldsOf429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerMinute(1) })
		h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), LegacyRateHeaders: true}).Handler(pass)
		get(h, text)
		w := get(h, text)
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.Equal(t, "1", w.Header().Get("X-RateLimit-Limit"))
		assert.Equal(t, "0", w.Header().Get("X-RateLimit-Remaining"))
		assert.Equal(t, "60", w.Header().Get("X-RateLimit-Reset"))
		assert.Equal(t, "60", w.Header().Get("Retry-After"))
	})
}

func TestRefusalsCarryNoRateFields(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("a"))
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), LegacyRateHeaders: true, FailureLimit: bearer.PerMinute(9)})
	for _, credential := range []string{text, mistyped(text), "", "a b"} {
		w := get(guard.Require("b")(pass), credential)
		assert.Equal(t, "  ", rateFields(w))
		assert.Empty(t, w.Header().Get("X-RateLimit-Limit"))
	}
}

// A refusal carries the fields of its own guard's limit or none, whatever a
// guard in front has set.
func TestNestedRefusalHasItsOwnFields(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	store := bearer.NewMemoryStore(key)
	outer := newGuard(t, bearer.Config{Keys: store, LegacyRateHeaders: true})
	once := newGuard(t, bearer.Config{Keys: store, Limit: bearer.Limit{Rate: 0.001, Burst: 1}})
	require.Equal(t, "passed", verdict(get(once.Handler(pass), text)))

	w := get(outer.Handler(once.Handler(pass)), text)
	require.Equal(t, "429 rate_limit_exceeded", verdict(w))
	assert.Equal(t, `"default";q=1;w=1000`, w.Header().Get("RateLimit-Policy"))
	assert.Empty(t, w.Header().Values("X-RateLimit-Remaining"))

	w = get(outer.Handler(outer.Require("nfts:read")(pass)), text)
	require.Equal(t, "403 scope_insufficient", verdict(w))
	assert.Empty(t, w.Header().Values("RateLimit"))
	assert.Empty(t, w.Header().Values("X-RateLimit-Limit"))
}

func TestHundredRequestsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		other, otherKey := newKey(bearer.SecretKey, bearer.Live)
		a := newAuthority()
		h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key, otherKey), JWT: []bearer.JWT{a.config()}}).Handler(pass)
		credentials := []string{
			text, other, a.token(t, nil), a.token(t, map[string]any{"sub": "user_2"}), a.token(t, map[string]any{"sub": key.ID}),
		}
		for i, credential := range credentials {
			for n := range 100 {
				require.Equal(t, "passed", verdict(get(h, credential)), "S2.4: request %d of caller %d", n, i)
			}
			assert.Equal(t, "429 rate_limit_exceeded", verdict(get(h, credential)), "S2.4: caller %d", i)
		}
		time.Sleep(10 * time.Millisecond)
		assert.Equal(t, "passed", verdict(get(h, text)), "S2.4: a token has flowed in")
		assert.Equal(t, "429 rate_limit_exceeded", verdict(get(h, text)))
		assert.Equal(t, "429 rate_limit_exceeded", verdict(get(h, text)), "S2.4: what is refused is not charged")
		time.Sleep(time.Second)
		for range 100 {
			require.Equal(t, "passed", verdict(get(h, text)), "S2.4: full again")
		}
		assert.Equal(t, "429 rate_limit_exceeded", verdict(get(h, text)))
	})
}

func TestLimitOfAKeyHoldsOnTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		store := bearer.NewMemoryStore(key)
		h := newGuard(t, bearer.Config{Keys: store, Limit: bearer.PerSecond(10)}).Handler(pass)
		assert.Contains(t, rateFields(get(h, text)), `q=10;w=1`)
		for _, row := range []struct {
			limit bearer.Limit
			want  string
			field string
		}{
			{bearer.PerMinute(30), "passed", `"default";q=30;w=60`},
			{bearer.Limit{Rate: 0.5, Burst: 3}, "passed", `"default";q=3;w=6`},
			{bearer.Unlimited, "passed", ""},
			{bearer.PerSecond(0), "429 rate_limit_exceeded", `"default";q=0;w=1`},
			{bearer.Limit{}, "passed", `"default";q=10;w=1`},
		} {
			time.Sleep(time.Minute)
			key.Limit = row.limit
			require.NoError(t, store.Update(key))
			w := get(h, text)
			assert.Equal(t, row.want, verdict(w), "%+v", row.limit)
			assert.Equal(t, row.field, w.Header().Get("RateLimit-Policy"), "%+v", row.limit)
		}
	})
}

func TestGuardCost(t *testing.T) {
	for _, row := range []struct {
		name string
		cost int
		want string
		left string
	}{
		{"none", 0, "passed", `"default";r=5;t=0 `},
		{"one", 1, "passed", `"default";r=4;t=1 `},
		{"several", 3, "passed", `"default";r=2;t=3 `},
		{"all", 5, "passed", `"default";r=0;t=5 `},
		{"over the burst", 6, "429 cost_exceeds_limit", `"default";r=5 `},
		{"far over the burst", math.MaxInt, "429 cost_exceeds_limit", `"default";r=5 `},
		{"negative", -1, "503 limiter_unavailable", ` 1`},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.Limit{Rate: 1, Burst: 5} })
				h := newGuard(t, bearer.Config{
					Keys: bearer.NewMemoryStore(key), Cost: func(*http.Request) int { return row.cost },
				}).Handler(pass)
				w := get(h, text)
				assert.Equal(t, row.want, verdict(w))
				assert.Equal(t, row.left, w.Header().Get("RateLimit")+" "+w.Header().Get("Retry-After"))
			})
		})
	}
}

// A negative cost is refused, though a limiter might accept it and give tokens
// back.
func TestNegativeCost(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key), Cost: func(*http.Request) int { return math.MinInt },
		Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{Allowed: true}, nil
		}),
	})
	assert.Equal(t, "503 limiter_unavailable", verdict(get(guard.Handler(pass), text)))
}

// A limit that lets nothing through refuses requests that cost nothing too.
func TestImpossibleLimitsRefuseWhatCostsNothing(t *testing.T) {
	for _, limit := range []bearer.Limit{
		bearer.PerSecond(0), {Rate: -1, Burst: 5}, {Rate: 1, Burst: -1}, {Rate: rate.Limit(math.Inf(-1)), Burst: 5}, {Rate: 1, Burst: 0},
	} {
		text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = limit })
		guard := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key), Cost: func(*http.Request) int { return 0 },
		})
		assert.Equal(t, "429 rate_limit_exceeded", verdict(get(guard.Handler(pass), text)), "%v", limit)
	}
}

// If Cost waits, for a body say, its tokens are taken when it returns.
func TestGuardCostThatWaits(t *testing.T) {
	for _, row := range []struct {
		name    string
		expires time.Duration
	}{
		{"a key that never expires", 0},
		{"a key that expires", time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) {
				k.Limit = bearer.Limit{Rate: 1, Burst: 2}
				if row.expires > 0 {
					k.ExpiresAt = time.Now().Add(row.expires)
				}
			})
			h := newGuard(t, bearer.Config{
				Keys: bearer.NewMemoryStore(key),
				Cost: func(r *http.Request) int {
					if r.Method == http.MethodPost {
						time.Sleep(10 * time.Second)
					}
					return 1
				},
			}).Handler(pass)
			slow := make(chan string)
			go func() { slow <- verdict(serve(h, request(http.MethodPost, "/", text))) }()
			time.Sleep(5 * time.Second)
			for range 2 {
				assert.Equal(t, "passed", verdict(get(h, text)), row.name)
			}
			assert.Equal(t, "passed", <-slow, row.name)
		})
	}
}

// slowed delays the look-ups of a store. wait is called for each, with its
// number.
func slowed(store bearer.KeyStore, wait func(n int) time.Duration) bearer.KeyStore {
	var calls atomic.Int64
	return storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		time.Sleep(wait(int(calls.Add(1))))
		return store.FindKey(ctx, hash)
	})
}

// A slow store costs a caller no tokens.
func TestSlowLookUpIsNotChargedAsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		guard := newGuard(t, bearer.Config{
			Keys: slowed(bearer.NewMemoryStore(key), func(n int) time.Duration {
				return time.Duration(max(0, 3-2*n)) * 3 * time.Second // the first waits, the second does not
			}),
			Limit: bearer.PerSecond(10),
		})
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := guard.Check(request(http.MethodGet, "/", text))
				errs <- err
			}()
			time.Sleep(2900 * time.Millisecond)
		}
		assert.NoError(t, <-errs)
		assert.NoError(t, <-errs)
	})
}

func TestBucketsOfCallers(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	for _, row := range []struct {
		name       string
		credential string
		peer       string
		want       string
	}{
		{"key", text, "203.0.113.7:1", "{default key " + key.ID + "} 1"},
		{"JWT", a.token(t, nil), "203.0.113.7:1", "{default token https://issuer.example user_1} 1"},
		{"nobody", "", "203.0.113.7:1", "{default nobody 203.0.113.7} 1"},
		{"nobody, mapped", "", "[::ffff:203.0.113.7]:1", "{default nobody 203.0.113.7} 1"},
		{"nobody, IPv6", "", "[2001:db8::1]:1", "{default nobody 2001:db8::/64} 1"},
		{"nobody, unknown", "", "@", "{default nobody invalid IP} 1"},
		{"failure", mistyped(text), "203.0.113.7:1", "{default ip 203.0.113.7} 0 {default ip 203.0.113.7} 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var takes string
			config := bearer.Config{
				Keys: bearer.NewMemoryStore(key), JWT: []bearer.JWT{a.config()}, Optional: true,
				Limiter: limiterFunc(func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
					if takes != "" {
						takes += " "
					}
					takes += fmt.Sprint(b, n)
					return bearer.Usage{Allowed: true, Limit: l, Remaining: 1}, nil
				}),
			}
			if row.name == "failure" {
				config.FailureLimit = bearer.PerMinute(10)
			}
			r := request(http.MethodGet, "/", row.credential)
			r.RemoteAddr = row.peer
			serve(newGuard(t, config).Handler(pass), r)
			assert.Equal(t, row.want, takes)
		})
	}
}

func TestOptionalGuardLimitsClients(t *testing.T) {
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(), Optional: true, Limit: bearer.Limit{Rate: 1e-3, Burst: 2},
	})
	for _, want := range []string{"passed", "passed", "429 rate_limit_exceeded"} {
		assert.Equal(t, want, verdict(get(guard.Handler(pass), "")))
	}
}

// threeFailures allows three failures, and one more every 20 seconds.
var threeFailures = bearer.Limit{Rate: rate.Every(20 * time.Second), Burst: 3}

func TestFailureLimit(t *testing.T) {
	for _, row := range []struct {
		name      string
		peer      string
		other     string // does it suffer?
		suffering bool
	}{
		{"IPv4, next address", "203.0.113.7:1", "203.0.113.8:1", false},
		{"IPv4, another port", "203.0.113.7:1", "203.0.113.7:2", true},
		{"IPv4, mapped", "203.0.113.7:1", "[::ffff:203.0.113.7]:1", true},
		{"IPv6, one /64", "[2001:db8::1]:1", "[2001:db8::ffff:1]:1", true},
		{"IPv6, another /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"unknown", "@", "not an address", true},
		{"unknown and known", "@", "203.0.113.7:1", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, key := newKey(bearer.SecretKey, bearer.Live)
				unknown, _ := newKey(bearer.SecretKey, bearer.Live)
				lookUps := 0
				h := newGuard(t, bearer.Config{
					Keys: counting(bearer.NewMemoryStore(key), &lookUps), FailureLimit: threeFailures,
				}).Handler(pass)
				from := func(peer, credential string) string {
					r := request(http.MethodGet, "/", credential)
					r.RemoteAddr = peer
					w := serve(h, r)
					return verdict(w) + " " + w.Header().Get("Retry-After")
				}
				for range 3 {
					require.Equal(t, "passed ", from(row.peer, text), "what passes does not count")
					require.Equal(t, "401 invalid_api_key ", from(row.peer, unknown))
				}
				before := lookUps
				assert.Equal(t, "429 rate_limit_exceeded 20", from(row.peer, unknown))
				assert.Equal(t, "429 rate_limit_exceeded 20", from(row.peer, text), "a good key too")
				assert.Equal(t, "401 missing_credentials ", from(row.peer, ""))
				assert.Equal(t, before, lookUps, "instead of a look-up")
				want := "passed "
				if row.suffering {
					want = "429 rate_limit_exceeded 20"
				}
				assert.Equal(t, want, from(row.other, text))
				time.Sleep(20 * time.Second)
				assert.Equal(t, "passed ", from(row.peer, text))
				assert.Equal(t, "401 invalid_api_key ", from(row.peer, unknown))
				assert.Equal(t, "429 rate_limit_exceeded 20", from(row.peer, unknown))
			})
		})
	}
}

// A good credential spends no token of FailureLimit, also where one flows in
// between two looks.
func TestFailureLimitCountsFailuresOnly(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	remaining, taken := 0, 0
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(60), Limit: bearer.Unlimited,
		Limiter: limiterFunc(func(_ bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			u := bearer.Usage{Allowed: true, Limit: l, Remaining: remaining, Reset: 59*time.Second + time.Second/2}
			remaining, taken = 1, taken+n
			return u, nil
		}),
	})
	w := get(guard.Handler(pass), text)
	assert.Equal(t, "429 rate_limit_exceeded", verdict(w))
	assert.Equal(t, "1", w.Header().Get("Retry-After"), "half a second until the next of 60")
	assert.Equal(t, "passed", verdict(get(guard.Handler(pass), text)))
	assert.Zero(t, taken)
}

// A client gets in after Retry-After, and not two seconds earlier.
func TestFailureLimitSaysWhen(t *testing.T) {
	for _, row := range []struct {
		name  string
		limit bearer.Limit
	}{
		{"a few a minute", bearer.PerMinute(10)},
		{"an odd rate", bearer.Limit{Rate: 0.3, Burst: 7}},
		{"one a day, many at once", bearer.Limit{Rate: rate.Every(24 * time.Hour), Burst: 5000}},
		{"a bucket that fills in twelve years", bearer.Limit{Rate: 1e-9, Burst: 20}},
		{"a rate beyond durations", bearer.Limit{Rate: 1e-12, Burst: 5}},
	} {
		synctest.Test(t, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live)
			unknown, _ := newKey(bearer.SecretKey, bearer.Live)
			h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), FailureLimit: row.limit}).Handler(pass)
			for range row.limit.Burst {
				require.Equal(t, "401 invalid_api_key", verdict(get(h, unknown)), row.name)
			}
			w := get(h, text)
			require.Equal(t, "429 rate_limit_exceeded", verdict(w), row.name)
			seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
			require.NoError(t, err, row.name)
			time.Sleep(time.Duration(seconds)*time.Second - 2*time.Second)
			assert.Equal(t, "429 rate_limit_exceeded", verdict(get(h, text)), row.name)
			time.Sleep(2 * time.Second)
			assert.Equal(t, "passed", verdict(get(h, text)), row.name)
		})
	}
}

// A guard that tests share sees the clock go back whenever a bubble begins.
func TestFailureLimitWhereTheClockWasSetBack(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), FailureLimit: bearer.PerMinute(10)}).Handler(pass)
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			get(h, unknown)
			time.Sleep(6 * time.Second)
			require.Equal(t, "passed", verdict(get(h, text)))
			time.Sleep(time.Hour)
			require.Equal(t, "401 invalid_api_key", verdict(get(h, unknown)))
		})
	}
}

func TestWhatCountsAsFailure(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped(""))
	revoked, revokedKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.RevokedAt = past })
	expired, expiredKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.ExpiresAt = past })
	bound, boundKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32") })
	test, testKey := newKey(bearer.SecretKey, bearer.Test)
	spent, spentKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) })
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	config := a.config()
	config.Session = func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
		if p.ID == "outage" {
			return bearer.Session{}, errDatabase
		}
		return bearer.Session{Ended: p.ID == "revoked"}, nil
	}
	for _, row := range []struct {
		name       string
		credential string
		want       string
		counts     bool
	}{
		{"unknown", unknown, "401 invalid_api_key", true},
		{"mistyped", mistyped(text), "401 invalid_api_key", true},
		{"revoked", revoked, "401 key_revoked", true},
		{"invalid JWT", "a.b.c", "401 invalid_token", true},
		{"revoked JWT", a.token(t, map[string]any{"sub": "revoked", "env": "live"}), "401 token_revoked", true},
		{"missing", "", "401 missing_credentials", false},
		{"expired", expired, "403 key_expired", false},
		{"expired JWT", a.token(t, map[string]any{"exp": 1, "env": "live"}), "401 token_expired", false},
		{"address", bound, "403 ip_not_allowed", false},
		{"environment", test, "403 environment_mismatch", false},
		{"limited", spent, "429 rate_limit_exceeded", false},
		{"scope", text, "403 scope_insufficient", false},
		{"outage", a.token(t, map[string]any{"sub": "outage", "env": "live"}), "503 store_unavailable", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newGuard(t, bearer.Config{
				Keys: bearer.NewMemoryStore(key, revokedKey, expiredKey, boundKey, testKey, spentKey), JWT: []bearer.JWT{config},
				Environment: bearer.Live, FailureLimit: bearer.Limit{Rate: 1e-6, Burst: 1},
			}).Require("tokens:read")(pass)
			require.Equal(t, row.want, verdict(get(h, row.credential)))
			want := "403 scope_insufficient"
			if row.counts {
				want = "429 rate_limit_exceeded"
			}
			assert.Equal(t, want, verdict(get(h, text)))
		})
	}
}

// Other requests may fail between the look at the bucket and this failure.
func TestFailureThatFindsTheLimitExhausted(t *testing.T) {
	text, _ := newKey(bearer.SecretKey, bearer.Live)
	h := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(), FailureLimit: threeFailures,
		Limiter: limiterFunc(func(_ bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{Allowed: n == 0, Limit: l, Remaining: 1 - n, Wait: time.Duration(n) * 7 * time.Second}, nil
		}),
	}).Handler(pass)
	w := get(h, text)
	assert.Equal(t, "429 rate_limit_exceeded", verdict(w))
	assert.Equal(t, "7", w.Header().Get("Retry-After"))
}

func TestFailureLimiterOutOfOrder(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	lookUps := 0
	h := newGuard(t, bearer.Config{
		Keys: counting(bearer.NewMemoryStore(key), &lookUps), FailureLimit: threeFailures, Limit: bearer.Unlimited,
		Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return bearer.Usage{}, errDatabase }),
	}).Handler(pass)
	assert.Equal(t, "503 limiter_unavailable", verdict(get(h, text)))
	assert.Zero(t, lookUps)
}

// If many keys are tried at the same time, the answers do not tell which was
// right.
func TestFailureLimitHidesTheRightGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		guard := newGuard(t, bearer.Config{
			Keys: slowed(bearer.NewMemoryStore(key), func(n int) time.Duration {
				return time.Duration(200-n) * time.Millisecond
			}),
			FailureLimit: bearer.PerMinute(1),
		})
		var mu sync.Mutex
		answers := make(map[bearer.Code]int)
		guess := func(text string) {
			_, err := guard.Check(request(http.MethodGet, "/", text))
			mu.Lock()
			defer mu.Unlock()
			answers[bearer.CodeOf(err)]++
		}
		go guess(text) // the first to ask is the last to be answered
		synctest.Wait()
		for range 99 {
			wrong, _ := newKey(bearer.SecretKey, bearer.Live)
			go guess(wrong)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, map[bearer.Code]int{bearer.CodeUnauthorized: 1, bearer.CodeRateLimitExceeded: 99}, answers)
	})
}
