package bearerotel_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/blockauth/bearer"
	bearerotel "github.com/blockauth/bearer/otel"
)

// What is recorded is tested with an SDK, in test/otel.

var errMeter = errors.New("no such instrument")

// A brokenMeter makes no instrument whose name has the text in it.
type brokenMeter struct {
	noop.Meter
	text string
}

func (m brokenMeter) err(name string) error {
	if strings.Contains(name, m.text) {
		return errMeter
	}
	return nil
}

func (m brokenMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, m.err(name)
}

func (m brokenMeter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return noop.Float64Histogram{}, m.err(name)
}

func (m brokenMeter) Int64ObservableGauge(
	name string, _ ...metric.Int64ObservableGaugeOption,
) (metric.Int64ObservableGauge, error) {
	return noop.Int64ObservableGauge{}, m.err(name)
}

func (m brokenMeter) Float64ObservableGauge(
	name string, _ ...metric.Float64ObservableGaugeOption,
) (metric.Float64ObservableGauge, error) {
	return noop.Float64ObservableGauge{}, m.err(name)
}

func (m brokenMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return noop.Registration{}, m.err("callback")
}

func TestErrorsOfMeters(t *testing.T) {
	observe, err := bearerotel.Observe(nil)
	assert.Nil(t, observe)
	assert.EqualError(t, err, "bearerotel: Observe: a nil meter")
	for _, name := range []string{
		"bearer.requests", "bearer.guard.duration", "bearer.lookups", "bearer.lookup.duration", "bearer.limiter.duration",
	} {
		observe, err := bearerotel.Observe(brokenMeter{text: name})
		assert.Nil(t, observe, name)
		assert.ErrorIs(t, err, errMeter, name)
	}
	for _, name := range []string{"state", "duration", "callback"} {
		registration, err := bearerotel.ObserveHealth(brokenMeter{text: name}, "issuer", func() error { return nil })
		assert.Nil(t, registration, name)
		assert.ErrorIs(t, err, errMeter, name)
	}
}

func TestErrorsOfStates(t *testing.T) {
	var meter noop.Meter
	state := func() (lamp, time.Time) { return green, time.Time{} }
	for _, row := range []struct {
		name      string
		meter     metric.Meter
		component string
		state     func() (lamp, time.Time)
		states    []lamp
		want      string
	}{
		{"nil meter", nil, "lamp", state, []lamp{green}, `bearerotel: state of "lamp": a nil meter`},
		{"no name", meter, "", state, []lamp{green}, `bearerotel: state of "": the component has no name`},
		{"nil function", meter, "lamp", nil, []lamp{green}, `bearerotel: state of "lamp": a nil function`},
		{"no states", meter, "lamp", state, nil, `bearerotel: state of "lamp": no state is listed`},
		{"a state twice", meter, "lamp", state, []lamp{green, red, green}, `bearerotel: state of "lamp": a state is listed twice`},
	} {
		t.Run(row.name, func(t *testing.T) {
			registration, err := bearerotel.ObserveState(row.meter, row.component, row.state, row.states...)
			assert.Nil(t, registration)
			assert.EqualError(t, err, row.want)
		})
	}
	_, err := bearerotel.ObserveHealth(meter, "issuer", nil)
	assert.EqualError(t, err, `bearerotel: state of "issuer": a nil function`)
}

// What Observe adds to a request is not to be seen beside what an SDK adds. Without
// one, it allocates nothing.
func TestAllocations(t *testing.T) {
	observe, err := bearerotel.Observe(noop.Meter{}, attribute.String("bearer.guard", "api"))
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Pattern = "GET /v1/tokens"
	p := &bearer.Principal{Kind: bearer.SecretKey, Environment: bearer.Live}
	for _, e := range []*bearer.Error{nil, {Code: bearer.CodeRateLimitExceeded, Reason: "rate_limit_exceeded"}} {
		assert.Zero(t, testing.AllocsPerRun(1000, func() { observe(r, p, e) }))
	}
}

func BenchmarkObserve(b *testing.B) {
	observe, err := bearerotel.Observe(noop.Meter{})
	require.NoError(b, err)
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Pattern = "GET /v1/tokens"
	p := &bearer.Principal{Kind: bearer.SecretKey, Environment: bearer.Live}
	b.ReportAllocs()
	for b.Loop() {
		observe(r, p, nil)
	}
}
