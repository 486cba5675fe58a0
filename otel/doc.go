// Package bearerotel records what a [bearer.Guard] decides as OpenTelemetry
// metrics, and on the spans of requests:
//
//	observe, err := bearerotel.Observe(otel.Meter("example.com/app"))
//	...
//	guard, err := bearer.New(bearer.Config{Keys: store, Observe: observe})
//
// It depends on the API of OpenTelemetry alone: the application chooses the SDK
// and the exporter. The metrics are:
//
//	bearer.requests                  counter      {request}  decisions
//	bearer.guard.duration            histogram    s          how long they took
//	bearer.lookups                   counter      {lookup}   requests by what answered their look-ups
//	bearer.lookup.duration           histogram    s          how long stores and sessions took
//	bearer.limiter.duration          histogram    s          how long the limiter took
//	bearer.component.state           gauge                   1 for the state of a feed or limiter, else 0
//	bearer.component.state.duration  gauge        s          since when
//
// Their attributes take few values. None is the ID of a key, an owner, a subject
// or an address, nor any text that a client chooses. docs/observability.md in the
// repository lists them, with a dashboard and alerts for Prometheus.
package bearerotel
