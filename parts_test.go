package bearer_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// This file is what the parts of an application do to a guard that none should
// do, and what a guard does among other middlewares.

// A driverError panics if it is a nil pointer.
type driverError struct{ cause error }

func (e *driverError) Error() string { return "driver: " + e.cause.Error() }
func (e *driverError) Unwrap() error { return e.cause }

// A nil pointer that is returned as an error is no nil error, and panics
// wherever it is looked at.
func TestErrorsThatAreNilPointers(t *testing.T) {
	var typedNil *driverError
	text, key := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	broken := storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, typedNil })
	withJWT := func(change func(*bearer.JWT)) bearer.Config {
		j := a.config()
		change(j)
		return bearer.Config{JWT: j}
	}
	for _, row := range []struct {
		name       string
		config     bearer.Config
		credential string
		want       string
	}{
		{"store", bearer.Config{Keys: broken}, text, "503 store_unavailable"},
		{"store behind a cache", bearer.Config{Keys: bearer.CachedStore(broken, bearer.CacheConfig{})}, text, "503 store_unavailable"},
		{"limiter", bearer.Config{
			Keys: bearer.NewMemoryStore(key),
			Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
				return bearer.Usage{Allowed: true}, typedNil
			}),
		}, text, "503 limiter_unavailable"},
		{"Keyfunc", withJWT(func(j *bearer.JWT) {
			j.Keyfunc = func(*jwt.Token) (any, error) { return a.secret, typedNil }
		}), a.token(t, nil), "503 keys_unavailable"},
		{"Revoked", withJWT(func(j *bearer.JWT) {
			j.Revoked = func(context.Context, *bearer.Principal) (bool, error) { return false, typedNil }
		}), a.token(t, nil), "503 store_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen string
			row.config.Observe = func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) { seen = fmt.Sprint(e) }
			assert.Equal(t, row.want, verdict(get(newGuard(t, row.config).Handler(pass), row.credential)))
			assert.Contains(t, seen, "unavailable")
			assert.NotContains(t, seen, "PANIC")
		})
	}
}

type compressor struct {
	http.ResponseWriter

	z *gzip.Writer
}

func (c compressor) Write(b []byte) (int, error) { return c.z.Write(b) }

// A middleware that compresses what is written behind it has set its field
// before.
func TestRefusalBehindACompressor(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	guard.Handler(pass).ServeHTTP(compressor{w, z}, request(http.MethodGet, "/", ""))
	require.NoError(t, z.Close())
	assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	_, err := gzip.NewReader(w.Body)
	assert.NoError(t, err)
}

// Nothing gets through a limit that is none, for nothing either.
func TestImpossibleLimitsRefuseForNothing(t *testing.T) {
	for _, limit := range []bearer.Limit{
		{Rate: -1, Burst: 5}, {Rate: 1, Burst: -1}, {Rate: rate.Limit(math.Inf(-1)), Burst: 5}, {Rate: 1, Burst: 0},
	} {
		text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = limit })
		guard := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key), Cost: func(*http.Request) int { return 0 },
		})
		assert.Equal(t, "429 rate_limit_exceeded", verdict(get(guard.Handler(pass), text)), "%v", limit)
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

// An empty field is no credential, but it is a field.
func TestEmptyFieldIsNotNobody(t *testing.T) {
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(), Optional: true})
	var admitted *http.Request
	get(guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { admitted = r })), "")
	require.NotNil(t, admitted)
	r := request(http.MethodGet, "/", "").WithContext(admitted.Context())
	r.Header["Authorization"] = []string{""}
	_, err := guard.Check(r)
	assert.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(err))
}

// An ErrorHandler that writes a body of its own keeps the fields of a refusal.
func TestErrorHandlerFindsTheFieldsSet(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerSecond(1) })
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			http.Error(w, e.Message(), e.StatusCode())
		},
	})
	w := get(guard.Handler(pass), "")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, `Bearer realm="api"`, w.Header().Get("WWW-Authenticate"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	get(guard.Handler(pass), text)
	w = get(guard.Handler(pass), text)
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
	assert.NotEmpty(t, w.Header().Get("RateLimit"))
}

// A negative cost is a fault, also with a limiter that would give tokens back.
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

// The cause of a refusal names the claim that is at fault.
func TestJWTCauseNamesTheClaim(t *testing.T) {
	a := newAuthority()
	guard := newGuard(t, bearer.Config{JWT: a.config()})
	for claim, value := range map[string]any{
		"iss": 1, "aud": true, "exp": nil, "nbf": "soon", "iat": "now", "sub": "", "scope": []string{"a"}, "cnf": 1,
	} {
		_, err := guard.Check(request(http.MethodGet, "/", a.token(t, map[string]any{claim: value})))
		assert.ErrorContains(t, err, "claim "+claim)
	}
}

func TestNewRefusesASecretThatIsNoBytes(t *testing.T) {
	j := newAuthority().config()
	j.Keyfunc = func(*jwt.Token) (any, error) { return "a secret that is text, and long enough", nil }
	_, err := bearer.New(bearer.Config{JWT: j})
	assert.ErrorContains(t, err, "JWT.Keyfunc: returned a string")
}

// A store that was emptied holds little memory.
func TestMemoryStoreGivesMemoryBack(t *testing.T) {
	store := new(bearer.MemoryStore)
	before := heap()
	for i := range 50_000 {
		require.NoError(t, store.Add(bearer.Key{ID: "x", Hash: bearer.KeyFormat{}.Hash(strconv.Itoa(i))}))
	}
	full := heap() - before
	require.NoError(t, store.Remove("x"))
	assert.Less(t, heap()-before, full/10)
	_, err := store.FindKey(t.Context(), bearer.KeyFormat{}.Hash("1"))
	assert.ErrorIs(t, err, bearer.ErrKeyNotFound)
}
