package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each test here is an attack that once worked.

// A router that decodes the path sees another route than ServeMux does.
func TestReadRoutesTakesNoOddPath(t *testing.T) {
	access := bearer.ReadRoutes("POST /v1/search/{index}", "POST /v2/{index}/find", "/v1/all/")
	tests := []struct {
		name, method, target string
		want                 bearer.Access
	}{
		{"plain", "POST", "/v1/search/products", bearer.Read},
		{"encoded slash", "POST", "/v1/search/products%2Fdocuments", bearer.Write},
		{"encoded letter", "POST", "/v2/products/f%69nd", bearer.Write},
		{"GET with an encoded slash", "GET", "/v1/search/a%2Fb", bearer.Read},
		{"CONNECT is not cleaned", "CONNECT", "/v1/all/../keys", bearer.Write},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, tc.target, nil)
			r.Method = tc.method
			assert.Equal(t, tc.want, access(r))
		})
	}
}

// After an upgrade to h2c, all requests of a connection have the context of
// the first.
func TestAdmissionEndsWithAnUpgrade(t *testing.T) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	guard, err := bearer.New(bearer.Config{Keys: bearer.NewMemoryStore(
		bearer.Key{ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live},
	)})
	require.NoError(t, err)
	var upgraded error
	h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		later := httptest.NewRequest(http.MethodDelete, "/", nil).WithContext(r.Context())
		later.ProtoMajor, later.ProtoMinor = 2, 0
		_, upgraded = guard.Check(later)
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	h.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, bearer.CodeUnauthorized, bearer.CodeOf(upgraded))
}

// slowStore answers after a time.
type slowStore struct {
	bearer.KeyStore

	wait func() time.Duration
}

func (s slowStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	time.Sleep(s.wait())
	return s.KeyStore.FindKey(ctx, hash)
}

// A store that is slow does not cost a caller his tokens.
func TestSlowLookUpIsNotChargedAsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		var calls atomic.Int64
		guard, err := bearer.New(bearer.Config{
			Keys: slowStore{
				bearer.NewMemoryStore(bearer.Key{ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live}),
				func() time.Duration { return time.Duration(max(0, 3-2*calls.Add(1))) * time.Second * 3 },
			},
			Limit: bearer.PerSecond(10),
		})
		require.NoError(t, err)
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Authorization", "Bearer "+text)
				_, err := guard.Check(r)
				errs <- err
			}()
			time.Sleep(2900 * time.Millisecond)
		}
		assert.NoError(t, <-errs)
		assert.NoError(t, <-errs)
	})
}

// Of many guesses at a time, the answer does not tell which was right.
func TestFailureLimitHidesTheRightGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		var calls atomic.Int64
		guard, err := bearer.New(bearer.Config{
			Keys: slowStore{
				bearer.NewMemoryStore(bearer.Key{ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live}),
				func() time.Duration { return time.Duration(200-calls.Add(1)) * time.Millisecond },
			},
			FailureLimit: bearer.PerMinute(1),
		})
		require.NoError(t, err)
		var mu sync.Mutex
		answers := make(map[bearer.Code]int)
		guess := func(text string) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+text)
			_, err := guard.Check(r)
			mu.Lock()
			defer mu.Unlock()
			answers[bearer.CodeOf(err)]++
		}
		go guess(text) // the first to ask is the last to be answered
		synctest.Wait()
		for range 99 {
			wrong, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
			go guess(wrong)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, map[bearer.Code]int{bearer.CodeUnauthorized: 1, bearer.CodeRateLimitExceeded: 99}, answers)
	})
}

// A ClientIP of the application's own may return IPv4 addresses as IPv6 maps
// them: they are not one neighbourhood.
func TestMappedClientsAreNotNeighbours(t *testing.T) {
	address := netip.MustParseAddr("::ffff:192.0.2.1")
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	guard, err := bearer.New(bearer.Config{
		Keys: bearer.NewMemoryStore(bearer.Key{
			ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
			AllowedIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		}),
		ClientIP:     func(*http.Request) netip.Addr { return address },
		FailureLimit: bearer.PerMinute(1),
	})
	require.NoError(t, err)
	check := func(text string) bearer.Code {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		_, err := guard.Check(r)
		return bearer.CodeOf(err)
	}
	wrong, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	assert.Equal(t, bearer.CodeUnauthorized, check(wrong))
	assert.Equal(t, bearer.CodeRateLimitExceeded, check(wrong))
	address = netip.MustParseAddr("::ffff:198.51.100.7")
	assert.Empty(t, check(text), "another address, and one that the key allows")
}

// A limit that lets nothing through lets free requests not through either.
func TestNothingGetsThroughForNothing(t *testing.T) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	guard, err := bearer.New(bearer.Config{
		Keys: bearer.NewMemoryStore(bearer.Key{
			ID: "1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Limit: bearer.PerSecond(0),
		}),
		Cost: func(*http.Request) int { return 0 },
	})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	_, err = guard.Check(r)
	assert.Equal(t, bearer.CodeRateLimitExceeded, bearer.CodeOf(err))
}

// A cache that is printed while it looks a key up shows no hash.
func TestKeyCachePrintsNoHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		go func() { _, _ = cache.FindKey(t.Context(), hash) }()
		synctest.Wait()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			assert.Equal(t, "bearer.KeyCache", fmt.Sprintf(verb, cache), verb)
		}
		close(source.release)
	})
}
