// Package otel tests bearerotel with the SDK, with a Prometheus, and beside what
// docs/observability.md does with client_golang. It is not released: who uses
// bearerotel needs none of these.
package otel
