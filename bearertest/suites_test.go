package bearertest_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

func TestShippedKeyStores(t *testing.T) {
	t.Run("MemoryStore", func(t *testing.T) {
		var store bearer.MemoryStore
		assert.NoError(t, bearertest.TestKeyStore(&store, func(key bearer.Key) error { return store.Add(key) }))
	})
	t.Run("CachedStore, in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var store bearer.MemoryStore
			cache := bearer.CachedStore(&store, bearer.CacheConfig{})
			assert.NoError(t, bearertest.TestKeyStore(cache, func(key bearer.Key) error { return store.Add(key) }))
		})
	})
	t.Run("CachedStore", func(t *testing.T) {
		var store bearer.MemoryStore
		cache := bearer.CachedStore(&store, bearer.CacheConfig{})
		assert.NoError(t, bearertest.TestKeyStore(cache, func(key bearer.Key) error { return store.Add(key) }))
	})
	t.Run("Keys", func(t *testing.T) {
		var keys bearertest.Keys
		assert.NoError(t, bearertest.TestKeyStore(&keys, keys.Add))
		assert.NoError(t, bearertest.TestKeyStore(&keys, keys.Add), "a second time on the same store")
	})
}

func TestShippedLimiters(t *testing.T) {
	t.Run("Buckets", func(t *testing.T) {
		assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return new(bearer.Buckets) }))
	})
	t.Run("one Buckets for all, in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var buckets bearer.Buckets
			assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return &buckets }))
		})
	})
}

func TestShippedMiddleware(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return g.Require(scopes...)(bearertest.Handler)
	}))
}
