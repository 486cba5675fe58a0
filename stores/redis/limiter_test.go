package bearerredis_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

var _ interface {
	bearer.Limiter
	bearer.Returner
	bearer.MultiLimiter
} = (*bearerredis.Limiter)(nil)

// patient is a timeout that no busy machine exceeds.
const patient = 10 * time.Second

// newClient returns a client of the Redis of the tests.
func newClient(tb testing.TB) *redis.Client {
	tb.Helper()
	options, err := redis.ParseURL(services.Redis(tb))
	require.NoError(tb, err)
	client := redis.NewClient(options)
	tb.Cleanup(func() { client.Close() })
	return client
}

// newPrefix returns a prefix of the test's own, whose keys are deleted at its end.
func newPrefix(tb testing.TB, client redis.UniversalClient) string {
	tb.Helper()
	prefix := "test-" + strings.ToLower(rand.Text()[:12]) + ":"
	tb.Cleanup(func() {
		ctx := context.Background()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Unlink(ctx, keys.Val())
		}
	})
	return prefix
}

// newLimiter returns a limiter over the Redis of the tests.
func newLimiter(tb testing.TB, config bearerredis.LimiterConfig) (*bearerredis.Limiter, *redis.Client) {
	tb.Helper()
	client := newClient(tb)
	config.Prefix = newPrefix(tb, client)
	if config.Timeout == 0 {
		config.Timeout = patient
	}
	l, err := bearerredis.NewLimiter(client, config)
	require.NoError(tb, err)
	return l, client
}

func TestSuite(t *testing.T) {
	l, _ := newLimiter(t, bearerredis.LimiterConfig{Outage: bearerredis.Refuse})
	assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return l }))
}
