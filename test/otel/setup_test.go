package otel_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
	bearerredis "github.com/blockauth/bearer/stores/redis"
	bearersql "github.com/blockauth/bearer/stores/sql"
	setup "github.com/blockauth/bearer/test/otel"
)

// The document's program shows metrics, and the states of parts that do not run.
func TestSetup(t *testing.T) {
	meter, handler, err := setup.NewMeter()
	require.NoError(t, err)
	observe, err := bearerotel.Observe(meter)
	require.NoError(t, err)
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	limiter, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{})
	require.NoError(t, err)
	require.NoError(t, setup.ObserveParts(meter, new(bearersql.Store), limiter))
	guard := newGuard(t, bearer.Config{Keys: new(bearer.MemoryStore), Observe: observe})
	assert.Equal(t, http.StatusUnauthorized, send(guard.Handler(http.NotFoundHandler()), http.MethodGet, "/", ""))

	registry := prometheus.NewRegistry()
	setup.ObserveFeed(registry, new(bearersql.Store))
	count, err := testutil.GatherAndCount(registry, "bearer_component_state")
	require.NoError(t, err)
	assert.Equal(t, 3, count)

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	for _, pattern := range []string{
		`bearer_component_state{bearer_component_name="feed",bearer_component_state="blind",.*} 1\n`,
		`bearer_component_state{bearer_component_name="limiter",bearer_component_state="up",.*} 1\n`,
		`bearer_component_state_duration_seconds{bearer_component_name="limiter",.*} \d`,
		`bearer_requests_total{bearer_code="unauthorized",.*} 1\n`,
	} {
		assert.Regexp(t, pattern, string(text))
	}
}
