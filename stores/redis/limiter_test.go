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
func newClient(t testing.TB) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(services.Redis(t))
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// newPrefix returns a prefix of the test's own, whose keys are deleted at its end.
func newPrefix(t testing.TB, client redis.UniversalClient) string {
	t.Helper()
	prefix := "test-" + strings.ToLower(rand.Text()[:12]) + ":"
	t.Cleanup(func() {
		ctx := context.Background()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Unlink(ctx, keys.Val())
		}
	})
	return prefix
}

// newLimiter returns a limiter over the Redis of the tests.
func newLimiter(t testing.TB, config bearerredis.LimiterConfig) (*bearerredis.Limiter, *redis.Client) {
	t.Helper()
	client := newClient(t)
	config.Prefix = newPrefix(t, client)
	if config.Timeout == 0 {
		config.Timeout = patient
	}
	l, err := bearerredis.NewLimiter(client, config)
	require.NoError(t, err)
	return l, client
}

// S3.1
func TestSuite(t *testing.T) {
	l, _ := newLimiter(t, bearerredis.LimiterConfig{Outage: bearerredis.Refuse})
	assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return l }))
}
