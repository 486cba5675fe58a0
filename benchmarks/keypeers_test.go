package benchmarks_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/didip/tollbooth/v7"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
	"github.com/labstack/echo/v5"
	"github.com/sethvargo/go-limiter/httplimit"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/stretchr/testify/require"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// A stack is one way to build the key route: an authenticated, rate-limited
// GET that needs one scope.
type stack struct {
	name string
	open func(testing.TB, *site) func() client
}

var keyStacks = []stack{
	{"bearer-nethttp", nethttp(bearerNetHTTP)},
	{"bearer-chi", nethttp(bearerChi)},
	{"bearer-gin", nethttp(bearerGin)},
	{"bearer-echo", nethttp(bearerEcho)},
	{"httprate", nethttp(homemadeHTTPRate)},
	{"ulule", nethttp(homemadeUlule)},
	{"throttled", nethttp(homemadeThrottled)},
	{"sethvargo", nethttp(homemadeSethvargo)},
	{"tollbooth", nethttp(homemadeTollbooth)},
	{"echo", nethttp(echoStack)},
	{"fiber", fiberHandler},
	{"fiber-test", fiberTest},
}

// nethttp opens clients of one handler.
func nethttp(handler func(testing.TB, *site) http.Handler) func(testing.TB, *site) func() client {
	return func(tb testing.TB, s *site) func() client {
		tb.Helper()
		h := handler(tb, s)
		return func() client { return over(h) }
	}
}

func (s *site) guard(tb testing.TB) *bearer.Guard {
	tb.Helper()
	guard, err := bearer.New(bearer.Config{Keys: s.Store, Limit: s.Quota.Limit()})
	require.NoError(tb, err)
	return guard
}

func bearerPrincipal(r *http.Request) *bearer.Principal { return bearer.FromContext(r.Context()) }

func bearerNetHTTP(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	return s.guard(tb).Require(scope)(endpoint(hasPrincipal))
}

func bearerChi(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	r := chi.NewRouter()
	r.With(bearerchi.Require(s.guard(tb), scope)).Method(http.MethodGet, route, endpoint(hasPrincipal))
	return r
}

func bearerGin(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	gin.SetMode(gin.ReleaseMode)
	app := gin.New()
	app.GET(route, bearergin.Require(s.guard(tb), scope), func(c *gin.Context) {
		if bearergin.Principal(c) == nil {
			panic("nobody")
		}
	})
	return app
}

func bearerEcho(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	app := echo.New()
	app.GET(route, func(c *echo.Context) error {
		if bearerecho.Principal(c) == nil {
			panic("nobody")
		}
		return nil
	}, bearerecho.Require(s.guard(tb), scope))
	return app
}

// httprateOnly is only the limiting middleware: nobody is authenticated.
func httprateOnly(_ testing.TB, s *site) http.Handler {
	byField := func(r *http.Request) (string, error) { return r.Header.Get("Authorization"), nil }
	return httprate.LimitBy(s.Quota.N, s.Quota.Per, byField)(endpoint(func(*http.Request) bool { return true }))
}

func homemadeHTTPRate(_ testing.TB, s *site) http.Handler {
	return s.homemade(stacks.HTTPRate(s.Quota))
}

func homemadeUlule(_ testing.TB, s *site) http.Handler {
	quota := limiter.Rate{Limit: int64(s.Quota.N), Period: s.Quota.Per}
	return s.homemade(stdlib.NewMiddleware(limiter.New(memory.NewStore(), quota), stdlib.WithKeyGetter(stacks.IDOf)).Handler)
}

func homemadeThrottled(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	limit, err := stacks.Throttled(s.Quota)
	require.NoError(tb, err)
	return s.homemade(limit)
}

func homemadeSethvargo(tb testing.TB, s *site) http.Handler {
	tb.Helper()
	store, err := memorystore.New(&memorystore.Config{Tokens: uint64(s.Quota.N), Interval: s.Quota.Per})
	require.NoError(tb, err)
	middleware, err := httplimit.NewMiddleware(store, func(r *http.Request) (string, error) { return stacks.IDOf(r), nil })
	require.NoError(tb, err)
	return s.homemade(middleware.Handle)
}

// homemadeTollbooth limits by the field itself: tollbooth finds its keys in the
// request by itself.
func homemadeTollbooth(_ testing.TB, s *site) http.Handler {
	lmt := tollbooth.NewLimiter(s.Quota.PerSecond(), nil).
		SetBurst(s.Quota.N).SetIPLookups([]string{"RemoteAddr"}).SetIgnoreURL(true).
		SetHeader("Authorization", nil)
	return s.homemade(func(next http.Handler) http.Handler { return tollbooth.LimitHandler(lmt, next) })
}
