package bearer_test

import (
	"context"
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
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	var upgraded error
	h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		later := request(http.MethodDelete, "/", "").WithContext(r.Context())
		later.ProtoMajor, later.ProtoMinor = 2, 0
		_, upgraded = guard.Check(later)
	}))
	get(h, text)
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
		text, key := newKey(bearer.SecretKey, bearer.Live)
		var calls atomic.Int64
		guard := newGuard(t, bearer.Config{
			Keys: slowStore{
				bearer.NewMemoryStore(key),
				func() time.Duration { return time.Duration(max(0, 3-2*calls.Add(1))) * time.Second * 3 },
			},
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

// Of many guesses at a time, the answer does not tell which was right.
func TestFailureLimitHidesTheRightGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		var calls atomic.Int64
		guard := newGuard(t, bearer.Config{
			Keys: slowStore{
				bearer.NewMemoryStore(key),
				func() time.Duration { return time.Duration(200-calls.Add(1)) * time.Millisecond },
			},
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

// A ClientIP of the application's own may return IPv4 addresses as IPv6 maps
// them: they are not one neighbourhood.
func TestMappedClientsAreNotNeighbours(t *testing.T) {
	address := netip.MustParseAddr("::ffff:192.0.2.1")
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = prefixes("198.51.100.0/24") })
	guard := newGuard(t, bearer.Config{
		Keys:         bearer.NewMemoryStore(key),
		ClientIP:     func(*http.Request) netip.Addr { return address },
		FailureLimit: bearer.PerMinute(1),
	})
	check := func(text string) bearer.Code {
		_, err := guard.Check(request(http.MethodGet, "/", text))
		return bearer.CodeOf(err)
	}
	wrong, _ := newKey(bearer.SecretKey, bearer.Live)
	assert.Equal(t, bearer.CodeUnauthorized, check(wrong))
	assert.Equal(t, bearer.CodeRateLimitExceeded, check(wrong))
	address = netip.MustParseAddr("::ffff:198.51.100.7")
	assert.Empty(t, check(text), "another address, and one that the key allows")
}

// A limit that lets nothing through lets free requests not through either.
func TestNothingGetsThroughForNothing(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) })
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key), Cost: func(*http.Request) int { return 0 },
	})
	_, err := guard.Check(request(http.MethodGet, "/", text))
	assert.Equal(t, bearer.CodeRateLimitExceeded, bearer.CodeOf(err))
}
