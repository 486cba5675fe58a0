//go:build !race

package bearer_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
)

// The race detector allocates by itself: hence the build constraint.
func TestAllocationsOfTheKeyPath(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read tokens:write"))
	config := bearer.Config{Keys: bearer.NewMemoryStore(key), Limit: bearer.Limit{Rate: 1e9, Burst: 1 << 20}}
	guard := newGuard(t, config)
	unlimited := config
	unlimited.Limit = bearer.Unlimited
	cached := config
	cached.Keys = bearer.CachedStore(config.Keys, bearer.CacheConfig{})
	foreign := config
	foreign.Keys = storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return &key, nil })
	draining := config
	draining.Limit = bearer.Limit{Rate: 0.001, Burst: 1 << 30}
	empty := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, row := range []struct {
		name string
		h    http.Handler
		most float64
	}{
		{"Handler", guard.Handler(empty), 2},
		{"Require", guard.Require("tokens:read")(empty), 2},
		{"Resource", guard.Resource("tokens")(empty), 2},
		{"nested", guard.Handler(guard.Require("tokens:read")(empty)), 2},
		{"CachedStore", newGuard(t, cached).Require("tokens:read")(empty), 2},
		{"a store of the application's", newGuard(t, foreign).Require("tokens:read")(empty), 3},
		{"as much left as never before", newGuard(t, draining).Require("tokens:read")(empty), 3},
		{"unlimited", newGuard(t, unlimited).Require("tokens:read")(empty), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request(http.MethodGet, "/v1/tokens", text)
			w := &discard{make(http.Header)}
			n := testing.AllocsPerRun(200, func() { row.h.ServeHTTP(w, r) })
			assert.LessOrEqual(t, n, row.most)
		})
	}
}
