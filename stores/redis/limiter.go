package bearerredis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/blockauth/bearer"
)

// A Limiter is a [bearer.Limiter], a [bearer.Returner] and a
// [bearer.MultiLimiter] whose buckets are in Redis.
type Limiter struct {
	client  redis.UniversalClient
	config  LimiterConfig
	breaker *gobreaker.CircuitBreaker[struct{}]
}

var errNotBuilt = errors.New("bearerredis: not built yet")

// NewLimiter returns a limiter over a client, which it does not close. It does not
// connect. It returns an error if the config cannot be right.
func NewLimiter(client redis.UniversalClient, config LimiterConfig) (*Limiter, error) {
	return nil, errNotBuilt
}

// Take implements [bearer.Limiter].
func (l *Limiter) Take(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{}, errNotBuilt
}

// TakeAll implements [bearer.MultiLimiter].
func (l *Limiter) TakeAll(ctx context.Context, takes []bearer.Take) ([]bearer.Usage, error) {
	return nil, errNotBuilt
}

// Return implements [bearer.Returner].
func (l *Limiter) Return(ctx context.Context, b bearer.Bucket, n int, limit bearer.Limit) error {
	return errNotBuilt
}

// State returns whether the limiter has Redis.
func (l *Limiter) State() State { return Up }
