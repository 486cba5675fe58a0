package bearerredis_test

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// docs/deployment.md shows the functions here.

// fleetGuard returns a guard with a limit that three replicas share.
func fleetGuard(url string, keys bearer.KeyStore, logger *slog.Logger) (*bearer.Guard, error) {
	options, err := redis.ParseURL(url) // for TLS, one that begins with rediss:
	if err != nil {
		return nil, errors.New("not a URL of Redis") // err may have the password
	}
	options.ContextTimeoutEnabled = true // the client ends a call in time, by itself
	limiter, err := bearerredis.NewLimiter(redis.NewClient(options), bearerredis.LimiterConfig{
		Replicas: 3,
		OnState: func(state bearerredis.State, err error) {
			logger.Warn("limiter", "state", state, "error", err)
		},
	})
	if err != nil {
		return nil, err
	}
	return bearer.New(bearer.Config{
		Keys:    keys,
		Limit:   bearer.PerSecond(100), // of a key, in the whole fleet
		Limiter: limiter,
	})
}

// TestDocumentedGuard limits by Redis.
func TestDocumentedGuard(t *testing.T) {
	url := services.Redis(t)
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	keys := bearer.NewMemoryStore(bearer.Key{
		ID: "key_" + rand.Text(), Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Limit: bearer.Limit{Rate: 0.001, Burst: 2},
	})
	guard, err := fleetGuard(url, keys, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	handler := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	codes := make(map[int]int)
	for range 10 { // on a busy machine, Redis may seem to be gone: each replica has its own part then
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		handler.ServeHTTP(w, r)
		codes[w.Code]++
	}
	assert.Positive(t, codes[http.StatusOK])
	assert.GreaterOrEqual(t, codes[http.StatusTooManyRequests], 10-2-1)
}
