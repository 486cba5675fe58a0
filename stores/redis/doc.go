// Package bearerredis limits the callers of a whole fleet: its [Limiter] is a
// [bearer.Limiter] whose buckets are in Redis.
package bearerredis
