package otel_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
	clientgolang "github.com/blockauth/bearer/test/otel"
)

// exported returns a Prometheus registry that has what an SDK collects, and its
// Config.Observe, with the states of a feed and a limiter.
func exported(tb testing.TB, feed func() mode) (*prometheus.Registry, observeFunc) {
	tb.Helper()
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	require.NoError(tb, err)
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")
	observe, err := bearerotel.Observe(meter)
	require.NoError(tb, err)
	_, err = bearerotel.ObserveState(meter, "feed", func() (mode, time.Time) { return feed(), time.Time{} }, live, polling, blind)
	require.NoError(tb, err)
	_, err = bearerotel.ObserveHealth(meter, "limiter", func() error { return nil })
	require.NoError(tb, err)
	return registry, observe
}

type observeFunc = func(*http.Request, *bearer.Principal, *bearer.Error)

// counted is the same by docs/observability.md's client_golang.
func counted(feed func() mode) (*prometheus.Registry, observeFunc) {
	registry := prometheus.NewRegistry()
	for _, m := range []mode{live, polling, blind} {
		clientgolang.ObserveState(registry, "feed", m.String(), func() bool { return feed() == m })
	}
	clientgolang.ObserveState(registry, "limiter", "up", func() bool { return true })
	clientgolang.ObserveState(registry, "limiter", "down", func() bool { return false })
	return registry, clientgolang.Observe(registry)
}

// samples returns the samples of a registry: of counters and gauges with their
// values, of histograms with their counts. The labels that only one of the two ways
// has are left out.
func samples(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	all := make(map[string]float64)
	for _, family := range families {
		if family.GetName() == "target_info" || family.GetName() == "bearer_component_state_duration_seconds" {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if !isOnlyOTel(family.GetName(), l.GetName()) && l.GetValue() != "" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			slices.Sort(labels)
			name := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			all[name] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// isOnlyOTel reports whether client_golang's metrics lack a label, as the document
// says.
func isOnlyOTel(family, label string) bool {
	return strings.HasPrefix(label, "otel_scope_") || label == "http_request_method" || label == "error_type" ||
		family == "bearer_guard_duration_seconds"
}

// One dashboard serves both ways: the same requests make the same samples.
func TestBothWaysNameTheSame(t *testing.T) {
	feed := func() mode { return polling }
	byOTel, recordOTel := exported(t, feed)
	byClient, recordClient := counted(feed)
	both := func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		recordOTel(r, p, e)
		recordClient(r, p, e)
	}
	text, key := newKey(bearer.SecretKey)
	empty, emptyKey := newKey(bearer.SecretKey, func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) })
	memory := bearer.NewMemoryStore(key, emptyKey)
	for _, keys := range []bearer.KeyStore{
		memory, bearer.CachedStore(storeFunc(memory.FindKey), bearer.CacheConfig{}), storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
			return nil, errDown
		}),
	} {
		handler := app(newGuard(t, bearer.Config{Keys: keys, Limiter: limiterFunc(new(bearer.Buckets).Take), Observe: both}))
		for _, credential := range []string{text, text, empty, "", "x"} {
			send(handler, http.MethodGet, "/v1/tokens/7", credential)
			send(handler, http.MethodPost, "/other", credential)
		}
	}
	want := samples(t, byClient)
	assert.Equal(t, want, samples(t, byOTel))
	assert.Len(t, want, 17)
}

// The document promises 40 lines.
func TestClientGolangIsShort(t *testing.T) {
	code, err := os.ReadFile("clientgolang.go")
	require.NoError(t, err)
	_, body, ok := strings.Cut(string(code), "\n)\n")
	require.True(t, ok)
	lines := regexp.MustCompile(`(?m)^\s*[^\s/].*$`).FindAllString(body, -1)
	assert.LessOrEqual(t, len(lines), 40)
}
