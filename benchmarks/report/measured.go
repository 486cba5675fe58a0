package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// measured is what the benchmarks printed: for each name and unit, a value a
// round.
type measured struct {
	cpu    string
	names  []string // in the order of their first appearance
	values map[string]map[string][]float64
	scaled map[string]float64 // floods that were stopped: how many strangers came
}

// confidence is that of every interval.
const confidence = 0.95

func read(r io.Reader) (*measured, error) {
	m := &measured{values: make(map[string]map[string][]float64), scaled: make(map[string]float64)}
	reader := benchfmt.NewReader(r, "benchmarks")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, record
		case *benchfmt.Result:
			m.add(record)
		}
	}
	if len(m.names) == 0 {
		return nil, cmp.Or(reader.Err(), errors.New("no benchmark was run"))
	}
	return m, reader.Err()
}

func (m *measured) add(r *benchfmt.Result) {
	m.cpu = cmp.Or(r.GetConfig("cpu"), m.cpu)
	name := baseName(r.Name)
	if m.values[name] == nil {
		m.names = append(m.names, name)
		m.values[name] = make(map[string][]float64)
	}
	for _, v := range r.Values {
		m.values[name][v.Unit] = append(m.values[name][v.Unit], v.Value)
	}
}

// baseName is a name without the number of processors.
func baseName(name benchfmt.Name) string {
	full := name.String()
	_, parts := name.Parts()
	if n := len(parts); n > 0 && parts[n-1][0] == '-' {
		full = strings.TrimSuffix(full, string(parts[n-1]))
	}
	return full
}

// rounds returns how often the benchmarks ran.
func (m *measured) rounds() int { return len(m.values[m.names[0]][seconds]) }

// peers returns whose names follow the prefix.
func (m *measured) peers(prefix string) (peers []string) {
	for _, name := range m.names {
		if peer, ok := strings.CutPrefix(name, prefix); ok {
			peers = append(peers, peer)
		}
	}
	return peers
}

// scaleStrangers extrapolates the heaps of floods that had to be stopped.
func (m *measured) scaleStrangers(want float64) {
	for _, name := range m.names {
		values := m.values[name]
		if came := values["strangers"]; len(came) > 0 && came[0] < want {
			m.scaled[name] = came[0]
			values["live-B"][0] *= want / came[0]
			values["peak-B"][0] *= want / came[0]
		}
	}
}

// An estimate is a median and its confidence interval.
type estimate struct{ mid, lo, hi float64 }

// estimateOf takes values that are all the same, or one alone, for exact.
func estimateOf(values []float64) estimate {
	if len(values) == 0 {
		return estimate{math.NaN(), math.NaN(), math.NaN()}
	}
	if v := values[0]; slices.Min(values) == v && slices.Max(values) == v {
		return estimate{v, v, v}
	}
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	return estimate{s.Center, s.Lo, s.Hi}
}

func (m *measured) estimate(name, unit string) estimate { return estimateOf(m.values[name][unit]) }

// ratio is that of two benchmarks, taken round by round.
func (m *measured) ratio(a, b, unit string) estimate {
	over, under := m.values[a][unit], m.values[b][unit]
	ratios := make([]float64, min(len(over), len(under)))
	for i := range ratios {
		ratios[i] = over[i] / under[i]
	}
	return estimateOf(ratios)
}

// differ reports whether two benchmarks are told apart by benchstat's test.
// Single values are taken for exact.
func (m *measured) differ(a, b, unit string) bool {
	x, y := m.values[a][unit], m.values[b][unit]
	if len(x) < 2 || len(y) < 2 {
		return true
	}
	c := benchmath.AssumeNothing.Compare(
		benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds),
		benchmath.NewSample(slices.Clone(y), &benchmath.DefaultThresholds))
	return c.P < c.Alpha
}

// least returns the peer with the smallest median among those to keep.
func (m *measured) least(prefix, unit string, keep func(peer string) bool) (string, error) {
	peers := slices.DeleteFunc(m.peers(prefix), func(peer string) bool { return !keep(peer) })
	if len(peers) == 0 {
		return "", fmt.Errorf("no peer was measured in %s", prefix)
	}
	return slices.MinFunc(peers, func(a, b string) int {
		return cmp.Compare(m.estimate(prefix+a, unit).mid, m.estimate(prefix+b, unit).mid)
	}), nil
}

// interval prints the confidence interval in percent of the median. Fewer than
// six rounds have none.
func (e estimate) interval() string {
	half := max(e.hi-e.mid, e.mid-e.lo) / e.mid
	switch {
	case math.IsNaN(half) || math.IsInf(half, 0):
		return " ± ∞"
	case half == 0:
		return ""
	}
	return fmt.Sprintf(" ± %.0f %%", math.Ceil(half*100))
}
