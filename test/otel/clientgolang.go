package otel

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/blockauth/bearer"
)

// Observe returns a function for Config.Observe that counts by client_golang.
func Observe(reg prometheus.Registerer) func(*http.Request, *bearer.Principal, *bearer.Error) {
	auto, bounds := promauto.With(reg), prometheus.ExponentialBuckets(1e-6, 4, 12) // from 1 µs to 4 s
	labels := []string{"bearer_code", "bearer_reason", "bearer_policy", "bearer_credential_kind", "http_route"}
	requests := auto.NewCounterVec(prometheus.CounterOpts{Name: "bearer_requests_total"}, labels)
	lookups := auto.NewCounterVec(prometheus.CounterOpts{Name: "bearer_lookups_total"}, []string{"bearer_lookup_source"})
	guard := auto.NewHistogram(prometheus.HistogramOpts{Name: "bearer_guard_duration_seconds", Buckets: bounds})
	store := auto.NewHistogram(prometheus.HistogramOpts{Name: "bearer_lookup_duration_seconds", Buckets: bounds})
	limiter := auto.NewHistogram(prometheus.HistogramOpts{Name: "bearer_limiter_duration_seconds", Buckets: bounds})
	return func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		code, reason, policy, kind := "ok", "", "", "none"
		if e != nil {
			code, reason, policy = string(e.Code), e.Reason, e.Policy
		}
		if p != nil {
			kind = p.Kind.String()
		}
		t, route := bearer.TimingOf(r), bearer.Route(r)
		requests.WithLabelValues(code, reason, policy, kind, route[max(strings.Index(route, "/"), 0):]).Inc()
		guard.Observe(t.Total.Seconds())
		if t.Limiter > 0 {
			limiter.Observe(t.Limiter.Seconds())
		}
		if t.Source == bearer.FromStore {
			store.Observe(t.Lookup.Seconds())
		}
		if t.Source != 0 {
			lookups.WithLabelValues(t.Source.String()).Inc()
		}
	}
}

// ObserveState shows by a 1 that a component is in a state, and else by a 0.
func ObserveState(reg prometheus.Registerer, component, state string, isIn func() bool) {
	names := prometheus.Labels{"bearer_component_name": component, "bearer_component_state": state}
	value := map[bool]float64{true: 1}
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "bearer_component_state", ConstLabels: names},
		func() float64 { return value[isIn()] })
}
