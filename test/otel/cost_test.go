package otel_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/blockauth/bearer"
)

// A request does not make attributes again that an earlier one made.
func TestAllocations(t *testing.T) {
	observe := newCollector(t).observe()
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Pattern = "GET /v1/tokens/{id}"
	p := &bearer.Principal{Kind: bearer.SecretKey, Environment: bearer.Live}
	allocations := testing.AllocsPerRun(1000, func() { observe(r, p, nil) })
	assert.LessOrEqual(t, allocations, 2.0)
}

// BenchmarkGuard is a guard with a key in memory: "none" has no Observe, "timing"
// one that only reads the timing, "metrics" that of bearerotel with an SDK, and
// "span" has a span too that is sampled.
func BenchmarkGuard(b *testing.B) {
	text, key := newKey(bearer.SecretKey)
	for _, row := range []struct {
		name    string
		observe observeFunc
	}{
		{"none", nil},
		{"timing", func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { _ = bearer.TimingOf(r) }},
		{"metrics", newCollector(b).observe()},
		{"span", newCollector(b).observe()},
	} {
		b.Run(row.name, func(b *testing.B) {
			handler := newGuard(b, bearer.Config{
				Keys: bearer.NewMemoryStore(key), Limit: bearer.Limit{Rate: 1e6, Burst: 1 << 30}, Observe: row.observe,
			}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
			r.Header.Set("Authorization", "Bearer "+text)
			if row.name == "span" {
				ctx, span := trace.NewTracerProvider().Tracer("test").Start(r.Context(), "request")
				defer span.End()
				r = r.WithContext(ctx)
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				clear(w.Header())
				handler.ServeHTTP(w, r)
			}
		})
	}
}
