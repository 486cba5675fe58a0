package otel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
)

var errDown = errors.New("the database is down")

func brokenStore(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, errDown }

func brokenLimiter(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{}, errDown
}

// Each row is one request and all series that it makes.
func TestSeries(t *testing.T) {
	secret, secretKey := newKey(bearer.SecretKey)
	public, publicKey := newKey(bearer.PublishableKey)
	poor, poorKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.Scopes = "wallets:read" })
	empty, emptyKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) })
	expired, expiredKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.ExpiresAt = time.Unix(1, 0) })
	memory := bearer.NewMemoryStore(secretKey, publicKey, poorKey, emptyKey, expiredKey)
	store := storeFunc(memory.FindKey)
	cached := bearer.CachedStore(store, bearer.CacheConfig{TTL: time.Hour})
	_, err := cached.FindKey(t.Context(), secretKey.Hash)
	require.NoError(t, err)
	const (
		ofMemory = "bearer.lookups{bearer.lookup.source=memory} 1"
		ofStore  = "bearer.lookups{bearer.lookup.source=store} 1"
		get      = ",http.request.method=GET"
		tokens   = ",http.route=/v1/tokens/{id}"
	)
	for _, row := range []struct {
		name       string
		config     bearer.Config
		method     string
		path, text string
		want       []string
	}{
		{
			"let through", bearer.Config{Keys: memory}, "GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=ok} 1", ofMemory,
				"bearer.requests{bearer.code=ok,bearer.credential.kind=secret" + get + tokens + "} 1",
			},
		},
		{
			"no route", bearer.Config{Keys: memory}, "GET", "/other", public, []string{
				"bearer.guard.duration{bearer.code=ok} 1", ofMemory,
				"bearer.requests{bearer.code=ok,bearer.credential.kind=publishable" + get + "} 1",
			},
		},
		{
			"no credential", bearer.Config{Keys: memory}, "GET", "/v1/tokens/7", "", []string{
				"bearer.guard.duration{bearer.code=unauthorized} 1",
				"bearer.requests{bearer.code=unauthorized,bearer.credential.kind=none,bearer.reason=missing_credentials" + get + "} 1",
			},
		},
		{
			"a method of the client's own", bearer.Config{Keys: memory}, "BREW", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=ok} 1", ofMemory,
				"bearer.requests{bearer.code=ok,bearer.credential.kind=secret,http.request.method=_OTHER} 1",
			},
		},
		{
			"a scope is lacking", bearer.Config{Keys: memory}, "POST", "/v1/tokens/7", poor, []string{
				"bearer.guard.duration{bearer.code=forbidden} 1", ofMemory,
				"bearer.requests{bearer.code=forbidden,bearer.credential.kind=secret,bearer.reason=scope_insufficient," +
					"http.request.method=POST" + tokens + "} 1",
			},
		},
		{
			"an expired key", bearer.Config{Keys: memory}, "GET", "/v1/tokens/7", expired, []string{
				"bearer.guard.duration{bearer.code=key_expired} 1", ofMemory,
				"bearer.requests{bearer.code=key_expired,bearer.credential.kind=none,bearer.reason=key_expired" + get + "} 1",
			},
		},
		{
			"too many requests", bearer.Config{Keys: memory, Policies: []bearer.Policy{{Name: "minute"}}},
			"GET", "/v1/tokens/7", empty, []string{
				"bearer.guard.duration{bearer.code=rate_limit_exceeded} 1", ofMemory,
				"bearer.requests{bearer.code=rate_limit_exceeded,bearer.credential.kind=secret,bearer.policy=minute," +
					"bearer.reason=rate_limit_exceeded" + get + "} 1",
			},
		},
		{
			"a store", bearer.Config{Keys: store}, "GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=ok} 1", "bearer.lookup.duration{} 1", ofStore,
				"bearer.requests{bearer.code=ok,bearer.credential.kind=secret" + get + tokens + "} 1",
			},
		},
		{
			"a cache", bearer.Config{Keys: cached}, "GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=ok} 1", "bearer.lookups{bearer.lookup.source=cache} 1",
				"bearer.requests{bearer.code=ok,bearer.credential.kind=secret" + get + tokens + "} 1",
			},
		},
		{
			"a store that is down", bearer.Config{Keys: storeFunc(brokenStore)}, "GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=service_unavailable} 1",
				"bearer.lookup.duration{error.type=store_unavailable} 1", ofStore,
				"bearer.requests{bearer.code=service_unavailable,bearer.credential.kind=none,bearer.reason=store_unavailable" + get + "} 1",
			},
		},
		{
			"a limiter that is down", bearer.Config{Keys: memory, Limiter: limiterFunc(brokenLimiter)},
			"GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=service_unavailable} 1",
				"bearer.limiter.duration{error.type=limiter_unavailable} 1", ofMemory,
				"bearer.requests{bearer.code=service_unavailable,bearer.credential.kind=secret," +
					"bearer.reason=limiter_unavailable" + get + "} 1",
			},
		},
		{
			"a limiter", bearer.Config{Keys: memory, Limiter: limiterFunc(new(bearer.Buckets).Take)},
			"GET", "/v1/tokens/7", secret, []string{
				"bearer.guard.duration{bearer.code=ok} 1", "bearer.limiter.duration{} 1", ofMemory,
				"bearer.requests{bearer.code=ok,bearer.credential.kind=secret" + get + tokens + "} 1",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCollector(t)
			row.config.Observe = c.observe()
			send(app(newGuard(t, row.config)), row.method, row.path, row.text)
			assert.Equal(t, row.want, c.series(""))
		})
	}
}

// Errors of the application's own.
func TestErrorsOfTheApplication(t *testing.T) {
	c := newCollector(t)
	observe, r := c.observe(), httptest.NewRequest(http.MethodGet, "/", nil)
	observe(r, nil, &bearer.Error{Code: bearer.CodeConflict})
	observe(r, nil, &bearer.Error{Code: bearer.CodeRateLimitExceeded, Reason: "monthly_quota"})
	observe(r, nil, new(bearer.Error))
	assert.Equal(t, []string{
		"bearer.requests{bearer.code=conflict,bearer.credential.kind=none,bearer.reason=conflict,http.request.method=GET} 1",
		"bearer.requests{bearer.code=rate_limit_exceeded,bearer.credential.kind=none,bearer.policy=default," +
			"bearer.reason=monthly_quota,http.request.method=GET} 1",
		"bearer.requests{bearer.credential.kind=none,http.request.method=GET} 1",
	}, c.series("bearer.requests"))
}

// Attributes of one's own tell guards apart.
func TestAttributes(t *testing.T) {
	c := newCollector(t)
	text, key := newKey(bearer.SecretKey)
	for _, name := range []string{"admin", "api"} {
		observe, err := bearerotel.Observe(c.provider.Meter("test"), attribute.String("guard", name))
		require.NoError(t, err)
		send(newGuard(t, bearer.Config{Keys: storeFunc(bearer.NewMemoryStore(key).FindKey), Observe: observe}).
			Handler(http.NotFoundHandler()), http.MethodGet, "/", text)
	}
	for _, prefix := range []string{"bearer.requests", "bearer.guard", "bearer.lookups", "bearer.lookup.duration"} {
		series := c.series(prefix)
		require.Len(t, series, 2, prefix)
		assert.Contains(t, series[0], "guard=admin")
		assert.Contains(t, series[1], "guard=api")
	}
}

// newTracer returns a tracer, and the spans that have ended.
func newTracer(t *testing.T) (*trace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	return trace.NewTracerProvider(trace.WithSpanProcessor(recorder)), recorder
}

func TestSpan(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	empty, emptyKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) })
	for _, row := range []struct {
		name, text string
		want       []attribute.KeyValue
	}{
		{"let through", text, []attribute.KeyValue{
			attribute.String("bearer.code", "ok"), attribute.String("bearer.credential.kind", "secret"),
			attribute.String("bearer.environment", "live"),
		}},
		{"refused", "", []attribute.KeyValue{
			attribute.String("bearer.code", "unauthorized"), attribute.String("bearer.reason", "missing_credentials"),
			attribute.String("bearer.credential.kind", "none"),
		}},
		{"too many", empty, []attribute.KeyValue{
			attribute.String("bearer.code", "rate_limit_exceeded"), attribute.String("bearer.reason", "rate_limit_exceeded"),
			attribute.String("bearer.policy", "default"), attribute.String("bearer.credential.kind", "secret"),
			attribute.String("bearer.environment", "live"),
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			provider, spans := newTracer(t)
			guard := newGuard(t, bearer.Config{
				Keys: bearer.NewMemoryStore(key, emptyKey), Observe: newCollector(t).observe(),
			})
			ctx, span := provider.Tracer("test").Start(t.Context(), "request")
			sendIn(ctx, app(guard), http.MethodGet, "/v1/tokens/7", row.text)
			span.End()
			require.Len(t, spans.Ended(), 1)
			assert.Equal(t, row.want, spans.Ended()[0].Attributes())
		})
	}
}

// The data points of the histograms name the trace of the request.
func TestExemplars(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	provider, _ := newTracer(t)
	c := newCollector(t)
	guard := newGuard(t, bearer.Config{
		Keys: storeFunc(bearer.NewMemoryStore(key).FindKey), Limiter: limiterFunc(new(bearer.Buckets).Take), Observe: c.observe(),
	})
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	sendIn(ctx, app(guard), http.MethodGet, "/v1/tokens/7", text)
	span.End()
	id, seen := span.SpanContext().TraceID(), 0
	for _, m := range c.collect() {
		h, ok := m.Data.(metricdata.Histogram[float64])
		if !ok {
			continue
		}
		require.Len(t, h.DataPoints, 1, m.Name)
		require.Len(t, h.DataPoints[0].Exemplars, 1, m.Name)
		assert.Equal(t, id[:], h.DataPoints[0].Exemplars[0].TraceID, m.Name)
		assert.Positive(t, h.DataPoints[0].Exemplars[0].Value, m.Name)
		seen++
	}
	assert.Equal(t, 3, seen)
}

// Units and buckets: a guard that takes microseconds is not in the first bucket.
func TestInstruments(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	c := newCollector(t)
	guard := newGuard(t, bearer.Config{
		Keys: storeFunc(bearer.NewMemoryStore(key).FindKey), Limiter: limiterFunc(new(bearer.Buckets).Take), Observe: c.observe(),
	})
	send(app(guard), http.MethodGet, "/v1/tokens/7", text)
	units := make(map[string]string)
	for _, m := range c.collect() {
		units[m.Name] = m.Unit
		assert.NotEmpty(t, m.Description, m.Name)
		if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
			assert.Less(t, h.DataPoints[0].Bounds[0], 1e-4, m.Name)
			assert.GreaterOrEqual(t, h.DataPoints[0].Bounds[len(h.DataPoints[0].Bounds)-1], 5.0, m.Name)
		}
	}
	assert.Equal(t, map[string]string{
		"bearer.requests": "{request}", "bearer.guard.duration": "s", "bearer.lookups": "{lookup}",
		"bearer.lookup.duration": "s", "bearer.limiter.duration": "s",
	}, units)
}

// Requests at the same time count each once.
func TestConcurrency(t *testing.T) {
	text, key := newKey(bearer.SecretKey)
	c := newCollector(t)
	handler := app(newGuard(t, bearer.Config{
		Keys:  bearer.CachedStore(storeFunc(bearer.NewMemoryStore(key).FindKey), bearer.CacheConfig{}),
		Limit: bearer.Unlimited, Observe: c.observe(),
	}))
	const goroutines, requests = 8, 200
	var all sync.WaitGroup
	for n := range goroutines {
		all.Go(func() {
			for range requests {
				send(handler, http.MethodGet, fmt.Sprintf("/v1/tokens/%d", n), text)
				send(handler, http.MethodGet, "/", "")
				if n == 0 {
					c.series("")
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, []string{
		"bearer.guard.duration{bearer.code=ok} 1600", "bearer.guard.duration{bearer.code=unauthorized} 1600",
	}, c.series("bearer.guard"))
}
