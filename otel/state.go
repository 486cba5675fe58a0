package bearerotel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// ObserveState observes which of its states a component is in, each time that the
// metrics are collected: the feed of a store, say, or a limiter. The component
// names it. All its states are listed: the gauge bearer.component.state is 1 for
// the one that the component is in, and 0 for the others.
//
// The function state returns the state and when it began, from which
// bearer.component.state.duration is counted; the zero Time: when a collection
// first found it. It must be safe for concurrent use, and not wait. If it panics,
// the collection has an error, and the gauges have no value.
//
// ObserveState returns an error if the meter has one, if it or the function is
// nil, if the component has no name, or if the list of states is empty or names
// one twice. Unregister of the registration ends it.
func ObserveState[S fmt.Stringer](
	meter metric.Meter, component string, state func() (S, time.Time), states ...S,
) (metric.Registration, error) {
	c := &stateObserver{component: component}
	if state != nil {
		c.state = func() (string, time.Time) {
			s, since := state()
			return s.String(), since
		}
	}
	for _, s := range states {
		c.names = append(c.names, s.String())
	}
	err := c.problem(meter)
	if err == nil {
		var registration metric.Registration
		if registration, err = c.register(meter); err == nil {
			return registration, nil
		}
	}
	return nil, fmt.Errorf("bearerotel: state of %q: %w", component, err)
}

// ObserveHealth is [ObserveState] of a component that is "up" while a function,
// such as the Healthy of an issuer, returns nil, and else "down".
func ObserveHealth(meter metric.Meter, component string, healthy func() error) (metric.Registration, error) {
	if healthy == nil {
		return ObserveState[health](meter, component, nil, up, down)
	}
	return ObserveState(meter, component, func() (health, time.Time) {
		if healthy() != nil {
			return down, time.Time{}
		}
		return up, time.Time{}
	}, up, down)
}

// A health is a state of what has but these two.
type health string

const up, down health = "up", "down"

func (h health) String() string { return string(h) }

// A stateObserver observes the state of one component.
type stateObserver struct {
	component string
	state     func() (string, time.Time)
	names     []string // of all states

	current  metric.Int64ObservableGauge
	duration metric.Float64ObservableGauge
	of       []metric.ObserveOption // for each state
	ofAll    []metric.ObserveOption // for the duration

	mu    sync.Mutex // several collections may be under way
	last  string
	since time.Time // when a collection first found last
}

// problem says why the component cannot be observed, or returns nil.
func (o *stateObserver) problem(meter metric.Meter) error {
	sorted := slices.Sorted(slices.Values(o.names))
	switch {
	case meter == nil:
		return errNilMeter
	case o.component == "":
		return errors.New("the component has no name")
	case o.state == nil:
		return errors.New("a nil function")
	case len(sorted) == 0:
		return errors.New("no state is listed")
	case len(slices.Compact(sorted)) < len(o.names):
		return errors.New("a state is listed twice")
	}
	return nil
}

func (o *stateObserver) register(meter metric.Meter) (metric.Registration, error) {
	component := attribute.String("bearer.component.name", o.component)
	o.ofAll = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(component))}
	for _, name := range o.names {
		set := attribute.NewSet(component, attribute.String("bearer.component.state", name))
		o.of = append(o.of, metric.WithAttributeSet(set))
	}
	var err, other error
	o.current, err = meter.Int64ObservableGauge("bearer.component.state",
		metric.WithDescription("1 for the state that a component is in, and 0 for its other states."))
	o.duration, other = meter.Float64ObservableGauge("bearer.component.state.duration",
		metric.WithUnit("s"), metric.WithDescription("How long a component has been in its state."))
	if err := errors.Join(err, other); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(o.observe, o.current, o.duration)
}

// observe is called for each collection, by a goroutine of the SDK: a panic in it
// would end the program.
func (o *stateObserver) observe(_ context.Context, to metric.Observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bearerotel: state of %q: panic: %v", o.component, p)
		}
	}()
	name, since := o.state()
	for i := range o.names {
		value := int64(0)
		if o.names[i] == name {
			value = 1
		}
		to.ObserveInt64(o.current, value, o.of[i])
	}
	if since.IsZero() {
		since = o.firstSeen(name)
	}
	to.ObserveFloat64(o.duration, max(time.Since(since), 0).Seconds(), o.ofAll...)
	return nil
}

// firstSeen returns when a collection first found the state that lasts.
func (o *stateObserver) firstSeen(name string) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || o.last != name {
		o.last, o.since = name, time.Now()
	}
	return o.since
}
