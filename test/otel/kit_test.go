package otel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
)

// A collector is an SDK whose metrics are read by the test.
type collector struct {
	tb       testing.TB
	reader   *metric.ManualReader
	provider *metric.MeterProvider
}

func newCollector(tb testing.TB, options ...metric.Option) *collector {
	tb.Helper()
	c := &collector{tb: tb, reader: metric.NewManualReader()}
	c.provider = metric.NewMeterProvider(append(options, metric.WithReader(c.reader))...)
	return c
}

// observe returns a Config.Observe.
func (c *collector) observe() func(*http.Request, *bearer.Principal, *bearer.Error) {
	c.tb.Helper()
	observe, err := bearerotel.Observe(c.provider.Meter("test"))
	require.NoError(c.tb, err)
	return observe
}

func (c *collector) collect() []metricdata.Metrics {
	c.tb.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(c.tb, c.reader.Collect(context.Background(), &all))
	var metrics []metricdata.Metrics
	for _, scope := range all.ScopeMetrics {
		metrics = append(metrics, scope.Metrics...)
	}
	return metrics
}

// series returns the series of the metrics whose names begin with a text, sorted, a
// line for each: "name{key=value} value". Of a histogram, the value is the count.
func (c *collector) series(prefix string) []string {
	c.tb.Helper()
	var lines []string
	add := func(name string, set attribute.Set, value any) {
		var pairs []string
		for _, a := range set.ToSlice() {
			pairs = append(pairs, string(a.Key)+"="+a.Value.String())
		}
		lines = append(lines, fmt.Sprintf("%s{%s} %v", name, strings.Join(pairs, ","), value))
	}
	for _, m := range c.collect() {
		if !strings.HasPrefix(m.Name, prefix) {
			continue
		}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Count)
			}
		case metricdata.Gauge[int64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				add(m.Name, p.Attributes, p.Value)
			}
		default:
			c.tb.Fatalf("%s is a %T", m.Name, data)
		}
	}
	slices.Sort(lines)
	return lines
}

func newGuard(tb testing.TB, config bearer.Config) *bearer.Guard {
	tb.Helper()
	guard, err := bearer.New(config)
	require.NoError(tb, err)
	return guard
}

// newKey makes a key that has full access unless change says otherwise.
func newKey(kind bearer.Kind, change ...func(*bearer.Key)) (string, bearer.Key) {
	text, hash := bearer.KeyFormat{}.Generate(kind, bearer.Live)
	key := bearer.Key{
		ID: "key_of_a_customer", Hash: hash, Kind: kind, Environment: bearer.Live,
		Owner: "customer_7", Scopes: bearer.FullAccess,
	}
	for _, f := range change {
		f(&key)
	}
	return text, key
}

// send serves a request with a credential, or without one if it is "".
func send(h http.Handler, method, path, credential string) int {
	return sendIn(context.Background(), h, method, path, credential)
}

func sendIn(ctx context.Context, h http.Handler, method, path, credential string) int {
	r := httptest.NewRequestWithContext(ctx, method, path, nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// app has the guard in front of a router with two routes.
func app(guard *bearer.Guard) http.Handler {
	mux := http.NewServeMux()
	pass := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("GET /v1/tokens/{id}", guard.Require("tokens:read")(pass))
	mux.Handle("POST /v1/tokens/{id}", guard.Require("tokens:write")(pass))
	return guard.Handler(mux)
}

// A storeFunc is a bearer.KeyStore.
type storeFunc func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error)

func (f storeFunc) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	return f(ctx, hash)
}

// A limiterFunc is a bearer.Limiter.
type limiterFunc func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error)

func (f limiterFunc) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return f(ctx, b, n, l)
}
