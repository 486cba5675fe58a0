package bearer_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// A fixedUsage is a Limiter that always reports the same.
type fixedUsage bearer.Usage

func (f fixedUsage) Take(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage(f), nil
}

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
		{"refused for ever: until full", bearer.PerMinute(1), bearer.Usage{Reset: time.Minute, Wait: -1}, `"default";q=1;w=60`, `"default";r=0;t=60`},
		{"floats put 11 over 11/60 above 60", bearer.PerMinute(11), bearer.Usage{Allowed: true}, `"default";q=11;w=60`, `"default";r=0;t=0`},
		{"window rounded up", bearer.Limit{Rate: 2, Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=3`, `"default";r=0;t=0`},
		{"window at least 1", bearer.Limit{Rate: 1e6, Burst: 1}, bearer.Usage{Allowed: true}, `"default";q=1;w=1`, `"default";r=0;t=0`},
		{"window of years", bearer.Limit{Rate: 1e-300, Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=2147483647`, `"default";r=0;t=0`},
		{"window without a rate", bearer.Limit{Burst: 5}, bearer.Usage{Allowed: true}, `"default";q=5;w=2147483647`, `"default";r=0;t=0`},
		{"nothing gets through", bearer.PerSecond(0), bearer.Usage{Wait: -1}, `"default";q=0;w=1`, `"default";r=0;t=1`},
		{"a limiter's nonsense", bearer.PerSecond(1), bearer.Usage{Allowed: true, Remaining: -1, Reset: -time.Hour}, `"default";q=1;w=1`, `"default";r=0;t=0`},
		{"the longest", bearer.PerSecond(1), bearer.Usage{Allowed: true, Reset: math.MaxInt64}, `"default";q=1;w=1`, `"default";r=0;t=9223372037`},
		{"more than a field can say", bearer.Limit{Rate: 1e15, Burst: math.MaxInt}, bearer.Usage{Allowed: true, Remaining: math.MaxInt}, `"default";q=999999999999999;w=9224`, `"default";r=999999999999999;t=0`},
		{"unlimited", bearer.Unlimited, bearer.Usage{Allowed: true}, "", ""},
		{"not a number", bearer.Limit{Rate: nan, Burst: 1}, bearer.Usage{Allowed: true}, "", ""},
	} {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		store := bearer.NewMemoryStore(bearer.Key{ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Limit: row.limit})
		guard, err := bearer.New(bearer.Config{Keys: store, Limiter: fixedUsage(row.usage)})
		require.NoError(t, err, row.name)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		w := httptest.NewRecorder()
		guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		assert.Equal(t, row.policy, w.Header().Get("RateLimit-Policy"), row.name)
		assert.Equal(t, row.left, w.Header().Get("RateLimit"), row.name)
	}
}

func TestPerMinuteWindowIsAMinute(t *testing.T) {
	for n := 1; n < 3000; n++ {
		e := &bearer.Error{Code: bearer.CodeRateLimitExceeded, Usage: bearer.Usage{Limit: bearer.PerMinute(n)}}
		w := httptest.NewRecorder()
		bearer.WriteError(w, nil, e)
		require.Regexp(t, `;w=60$`, w.Header().Get("RateLimit-Policy"), "PerMinute(%d)", n)
	}
}

func TestLimitsThatAreRefused(t *testing.T) {
	const noRate = "the rate is not positive: nothing would get through"
	const noBurst = "the burst is not positive: nothing would get through"
	for _, row := range []struct {
		name  string
		limit bearer.Limit
		want  string // "": accepted
	}{
		{"zero: the default", bearer.Limit{}, ""},
		{"per second", bearer.PerSecond(1), ""},
		{"unlimited", bearer.Unlimited, ""},
		{"infinite", bearer.Limit{Rate: rate.Limit(math.Inf(1)), Burst: -1}, ""},
		{"no rate", bearer.Limit{Burst: 1}, noRate},
		{"negative rate", bearer.Limit{Rate: -1, Burst: 1}, noRate},
		{"not a number", bearer.Limit{Rate: rate.Limit(math.NaN()), Burst: 1}, noRate},
		{"no burst", bearer.Limit{Rate: 1}, noBurst},
		{"negative burst", bearer.Limit{Rate: 1, Burst: -1}, noBurst},
		{"PerSecond(0)", bearer.PerSecond(0), noRate},
	} {
		for _, field := range []string{"Limit", "FailureLimit"} {
			config := bearer.Config{Keys: bearer.NewMemoryStore(), Limit: row.limit}
			if field == "FailureLimit" {
				config.Limit, config.FailureLimit = bearer.Limit{}, row.limit
			}
			_, err := bearer.New(config)
			if row.want == "" {
				assert.NoError(t, err, row.name)
			} else {
				assert.EqualError(t, err, "bearer: Config."+field+": "+row.want, row.name)
			}
		}
	}
}
