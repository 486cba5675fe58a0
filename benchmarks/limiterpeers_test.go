package benchmarks_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/didip/tollbooth/v7"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/stretchr/testify/require"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"go.uber.org/ratelimit"
	"golang.org/x/time/rate"
)

// A limiterPeer is a limiter alone. What it opens takes one token from the
// bucket of an id, reads what is left where the limiter says so, and reports
// whether the token was there.
type limiterPeer struct {
	name string
	open func(testing.TB, quota) func(id string) bool
}

var limiters = []limiterPeer{
	{"bearer", bearerBuckets("key")},
	{"httprate", httprateTake},
	{"ulule", ululeTake},
	{"sethvargo", sethvargoTake},
	{"throttled", throttledTake},
	{"tollbooth", tollboothTake},
	{"uber", uberTake},
	{"xtime", xtimeTake},
}

func bearerBuckets(class string) func(testing.TB, quota) func(string) bool {
	return func(_ testing.TB, q quota) func(string) bool {
		ctx, buckets, limit := context.Background(), new(bearer.Buckets), q.Limit()
		return func(id string) bool {
			usage, err := buckets.Take(ctx, bearer.Bucket{Policy: "default", Class: class, ID: id}, 1, limit)
			return err == nil && usage.Allowed
		}
	}
}

// httprateTake leaves out the header fields, by httprate's own option. It has
// no other call that counts and decides in one.
func httprateTake(_ testing.TB, q quota) func(string) bool {
	l := httprate.NewRateLimiter(q.N, q.Per, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	w := &discard{header: make(http.Header)}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, route, nil)
	return func(id string) bool { return !l.OnLimit(w, r, id) }
}

func ululeTake(_ testing.TB, q quota) func(string) bool {
	ctx := context.Background()
	l := limiter.New(memory.NewStore(), limiter.Rate{Limit: int64(q.N), Period: q.Per})
	return func(id string) bool {
		usage, err := l.Get(ctx, id)
		return err == nil && !usage.Reached
	}
}

func sethvargoTake(tb testing.TB, q quota) func(string) bool {
	tb.Helper()
	ctx := context.Background()
	store, err := memorystore.New(&memorystore.Config{Tokens: uint64(q.N), Interval: q.Per})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = store.Close(ctx) })
	return func(id string) bool {
		_, _, _, allowed, err := store.Take(ctx, id)
		return err == nil && allowed
	}
}

func throttledTake(tb testing.TB, q quota) func(string) bool {
	tb.Helper()
	ctx := context.Background()
	l, err := stacks.NewThrottled(q)
	require.NoError(tb, err)
	return func(id string) bool {
		limited, _, err := l.RateLimitCtx(ctx, id, 1)
		return err == nil && !limited
	}
}

func tollboothTake(_ testing.TB, q quota) func(string) bool {
	l := tollbooth.NewLimiter(q.PerSecond(), nil).SetBurst(q.N)
	return func(id string) bool {
		if l.LimitReached(id) {
			return false
		}
		_ = l.Tokens(id)
		return true
	}
}

// uberTake cannot refuse: uber's limiter makes callers wait. It is set so fast
// that none does, and says nothing of what is left.
func uberTake(_ testing.TB, _ quota) func(string) bool {
	var all sync.Map
	return func(id string) bool {
		l, ok := all.Load(id)
		if !ok {
			l, _ = all.LoadOrStore(id, ratelimit.New(int(time.Second), ratelimit.WithoutSlack))
		}
		l.(ratelimit.Limiter).Take()
		return true
	}
}

func xtimeTake(_ testing.TB, q quota) func(string) bool {
	var all sync.Map
	return func(id string) bool {
		l, ok := all.Load(id)
		if !ok {
			l, _ = all.LoadOrStore(id, rate.NewLimiter(rate.Limit(q.PerSecond()), q.N))
		}
		now := time.Now()
		allowed := l.(*rate.Limiter).AllowN(now, 1)
		_ = l.(*rate.Limiter).TokensAt(now)
		return allowed
	}
}
