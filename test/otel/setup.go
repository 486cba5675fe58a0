package otel

import (
	"errors"
	"net/http"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	bearerotel "github.com/blockauth/bearer/otel"
	bearerredis "github.com/blockauth/bearer/stores/redis"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// NewMeter returns a meter whose metrics the handler shows to Prometheus.
func NewMeter() (metric.Meter, http.Handler, error) {
	registry := client.NewRegistry() // of client_golang
	reader, err := prometheus.New(prometheus.WithRegisterer(registry))
	if err != nil {
		return nil, nil, err
	}
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}) // for exemplars
	return provider.Meter("example.com/app"), handler, nil
}

// ObserveParts shows the states of a feed and of a limiter.
func ObserveParts(meter metric.Meter, store *bearersql.Store, limiter *bearerredis.Limiter) error {
	_, err := bearerotel.ObserveState(meter, "feed", func() (bearersql.FeedMode, time.Time) {
		state := store.State()
		return state.Mode, state.Since
	}, bearersql.Live, bearersql.Polling, bearersql.Blind)
	_, other := bearerotel.ObserveState(meter, "limiter", func() (bearerredis.State, time.Time) {
		return limiter.State(), time.Time{} // counted from the collection that found it
	}, bearerredis.Up, bearerredis.Down)
	return errors.Join(err, other)
}

// ObserveFeed shows the state of a feed by client_golang.
func ObserveFeed(reg client.Registerer, store *bearersql.Store) {
	for _, mode := range []bearersql.FeedMode{bearersql.Live, bearersql.Polling, bearersql.Blind} {
		ObserveState(reg, "feed", mode.String(), func() bool { return store.State().Mode == mode })
	}
}
