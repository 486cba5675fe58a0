package otel_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	bearerotel "github.com/blockauth/bearer/otel"
)

// A mode is as bearersql.FeedMode is.
type mode int

const (
	blind mode = iota
	polling
	live
)

func (m mode) String() string { return [...]string{"blind", "polling", "live", "unheard of"}[m] }

func TestObserveState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		now, since := live, time.Now()
		registration, err := bearerotel.ObserveState(c.provider.Meter("test"), "feed", func() (mode, time.Time) { return now, since },
			live, polling, blind)
		require.NoError(t, err)
		series := func(live, polling, blind, seconds string) []string {
			const state = "bearer.component.state{bearer.component.name=feed,bearer.component.state="
			return []string{
				"bearer.component.state.duration{bearer.component.name=feed} " + seconds,
				state + "blind} " + blind, state + "live} " + live, state + "polling} " + polling,
			}
		}
		time.Sleep(7 * time.Second)
		assert.Equal(t, series("1", "0", "0", "7"), c.series(""))
		now, since = blind, time.Now()
		time.Sleep(time.Second / 2)
		assert.Equal(t, series("0", "0", "1", "0.5"), c.series(""))
		now, since = mode(3), time.Now().Add(time.Hour)
		assert.Equal(t, series("0", "0", "0", "0"), c.series(""), "a state that is not listed, and a clock that was set back")
		require.NoError(t, registration.Unregister())
		assert.Empty(t, c.series(""))
	})
}

// A component that panics takes neither the program nor the others with it.
func TestStateThatPanics(t *testing.T) {
	c := newCollector(t)
	meter := c.provider.Meter("test")
	_, err := bearerotel.ObserveHealth(meter, "broken", func() error { panic("closed") })
	require.NoError(t, err)
	_, err = bearerotel.ObserveHealth(meter, "issuer", func() error { return nil })
	require.NoError(t, err)
	var all metricdata.ResourceMetrics
	err = c.reader.Collect(t.Context(), &all)
	assert.EqualError(t, err, `bearerotel: state of "broken": panic: closed`)
	require.Len(t, all.ScopeMetrics, 1)
	for _, m := range all.ScopeMetrics[0].Metrics {
		if states, ok := m.Data.(metricdata.Gauge[int64]); ok {
			assert.Len(t, states.DataPoints, 2)
		}
	}
}

// If it is not known when the state began, a collection finds it.
func TestObserveHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector(t)
		var problem error
		_, err := bearerotel.ObserveHealth(c.provider.Meter("test"), "issuer", func() error { return problem })
		require.NoError(t, err)
		_, err = bearerotel.ObserveHealth(c.provider.Meter("test"), "other", func() error { return nil })
		require.NoError(t, err)
		const name = "{bearer.component.name=issuer"
		for _, want := range []struct{ up, down, seconds string }{
			{"1", "0", "0"}, {"1", "0", "60"}, {"0", "1", "0"}, {"0", "1", "60"}, {"1", "0", "0"},
		} {
			all := c.series("")
			require.Len(t, all, 6)
			assert.Equal(t, []string{
				"bearer.component.state.duration" + name + "} " + want.seconds,
				"bearer.component.state" + name + ",bearer.component.state=down} " + want.down,
				"bearer.component.state" + name + ",bearer.component.state=up} " + want.up,
			}, []string{all[0], all[2], all[3]})
			time.Sleep(time.Minute)
			switch {
			case want.seconds == "0":
			case problem == nil:
				problem = errors.New("the feed is lost")
			default:
				problem = nil
			}
		}
	})
}
