package bearerotel

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/blockauth/bearer"
)

var errNilMeter = errors.New("a nil meter")

// Observe returns a function for Config.Observe of one or several guards. For each
// decision, it records the metrics of the package, and sets attributes of the
// request's active span: bearer.code, bearer.reason, bearer.policy,
// bearer.credential.kind and bearer.environment. If the span is sampled, the
// histograms have it as an exemplar. The attributes given, such as the name of a
// guard, are added to the metrics.
//
// Observe returns an error if the meter is nil or has one. A function of yours
// that is to see the decisions too calls the one returned.
func Observe(
	meter metric.Meter, attributes ...attribute.KeyValue,
) (func(*http.Request, *bearer.Principal, *bearer.Error), error) {
	if meter == nil {
		return nil, fmt.Errorf("bearerotel: Observe: %w", errNilMeter)
	}
	o := &observer{decisions: newDecisions(attributes)}
	if err := o.makeInstruments(meter); err != nil {
		return nil, fmt.Errorf("bearerotel: Observe: %w", err)
	}
	for s := bearer.FromMemory; s <= bearer.FromStore; s++ {
		o.sources[s] = addOptions(attributes, attribute.String("bearer.lookup.source", s.String()))
	}
	o.lookedUp = newCalls(attributes, "store_unavailable")
	o.limited = newCalls(attributes, "limiter_unavailable")
	return o.observe, nil
}

// An observer records decisions.
type observer struct {
	requests, lookups     metric.Int64Counter
	guard, store, limiter metric.Float64Histogram

	decisions decisions
	sources   [bearer.FromStore + 1][]metric.AddOption
	lookedUp  calls
	limited   calls
}

// The bounds of the buckets, in seconds: a guard takes a microsecond if all it
// needs is in memory; what it asks over a network takes a fraction of a
// millisecond, and up to its timeout.
var (
	guardBounds = metric.WithExplicitBucketBoundaries(
		1e-6, 2.5e-6, 5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6,
		1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5)
	callBounds = metric.WithExplicitBucketBoundaries(
		50e-6, 100e-6, 250e-6, 500e-6,
		1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5)
)

func (o *observer) makeInstruments(meter metric.Meter) error {
	var errs [5]error
	o.requests, errs[0] = meter.Int64Counter("bearer.requests",
		metric.WithUnit("{request}"), metric.WithDescription("Requests by the decision of the guard."))
	o.guard, errs[1] = meter.Float64Histogram("bearer.guard.duration", guardBounds,
		metric.WithUnit("s"), metric.WithDescription("How long the guard took to decide."))
	o.lookups, errs[2] = meter.Int64Counter("bearer.lookups",
		metric.WithUnit("{lookup}"), metric.WithDescription("Requests by what answered the look-up of the credential."))
	o.store, errs[3] = meter.Float64Histogram("bearer.lookup.duration", callBounds,
		metric.WithUnit("s"), metric.WithDescription("How long key stores and sessions took to answer."))
	o.limiter, errs[4] = meter.Float64Histogram("bearer.limiter.duration", callBounds,
		metric.WithUnit("s"), metric.WithDescription("How long the limiter took to answer."))
	return errors.Join(errs[:]...)
}

// observe is a Config.Observe. The context of the request has the span that
// exemplars name.
func (o *observer) observe(r *http.Request, p *bearer.Principal, e *bearer.Error) {
	ctx, t := r.Context(), bearer.TimingOf(r)
	v := verdictOf(r, p, e)
	d := o.decisions.of(&v)
	o.requests.Add(ctx, 1, d.request...)
	o.guard.Record(ctx, t.Total.Seconds(), d.duration...)
	if t.Source > 0 && t.Source <= bearer.FromStore {
		o.lookups.Add(ctx, 1, o.sources[t.Source]...)
	}
	if t.Source == bearer.FromStore {
		o.store.Record(ctx, t.Lookup.Seconds(), o.lookedUp.of(e)...)
	}
	if t.Limiter > 0 {
		o.limiter.Record(ctx, t.Limiter.Seconds(), o.limited.of(e)...)
	}
	setSpan(ctx, &v, d, p)
}

// setSpan sets the attributes of the active span. It allocates nothing if that is
// not recorded.
func setSpan(ctx context.Context, v *verdict, d *decision, p *bearer.Principal) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if d.span != nil {
		span.SetAttributes(d.span...)
	} else {
		span.SetAttributes(v.attributes()...)
	}
	if p != nil && p.Environment != 0 {
		span.SetAttributes(attribute.String("bearer.environment", p.Environment.String()))
	}
}

// A calls is how the calls of a store or of a limiter are recorded: with the
// error.type of the semantic conventions if the call failed.
type calls struct {
	reason       string
	good, failed []metric.RecordOption
}

func newCalls(attributes []attribute.KeyValue, reason string) calls {
	return calls{
		reason: reason,
		good:   recordOptions(attributes),
		failed: recordOptions(attributes, attribute.String("error.type", reason)),
	}
}

func (c *calls) of(e *bearer.Error) []metric.RecordOption {
	if e != nil && e.Reason == c.reason {
		return c.failed
	}
	return c.good
}
