//go:build unix

package main

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/perf/benchmath"
)

// An estimate is the median of the rounds and its 95 % confidence interval.
type estimate struct{ mid, lo, hi float64 }

func estimateOf(values []float64) estimate {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95)
	return estimate{s.Center, s.Lo, s.Hi}
}

func (e estimate) print(format string) string {
	return fmt.Sprintf(format+" ("+format+" – "+format+")", e.mid, e.lo, e.hi)
}

// over returns an estimate of what f makes of each round of two stacks.
func (m *measured) over(a, b string, f func(a, b sample) float64) estimate {
	values := make([]float64, len(m.samples[a]))
	for i := range values {
		values[i] = f(m.samples[a][i], m.samples[b][i])
	}
	return estimateOf(values)
}

func (m *measured) of(name string, f func(sample) float64) estimate {
	return m.over(name, name, func(s, _ sample) float64 { return f(s) })
}

// adds returns how many microseconds a stack adds to its bare handler.
func (m *measured) adds(st stack) estimate {
	return m.over(st.name, st.bare, func(s, bare sample) float64 { return s.cpu - bare.cpu })
}

// share returns the same in percent of what the bare handler takes.
func (m *measured) share(st stack) estimate {
	return m.over(st.name, st.bare, func(s, bare sample) float64 { return 100 * (s.cpu/bare.cpu - 1) })
}

func (m *measured) markdown() string {
	var b strings.Builder
	s := m.settings
	fmt.Fprintf(&b, "%s, %s/%s, %d cores; %d keys in turn over %d connections, %d objects in an answer;\n"+
		"%d rounds of %d requests to each stack, %d starts. Median (95 %% interval).\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		s.keys, s.conns, s.items, s.rounds, turns*s.turn, s.starts)
	b.WriteString("| | CPU a request, µs | adds, µs | adds, % | allocations | bytes | collections in 1000 requests |\n" +
		"|---|--:|--:|--:|--:|--:|--:|\n")
	for _, st := range m.stacks {
		added, share := "", ""
		if st.bare != "" {
			added, share = m.adds(st).print("%.1f"), m.share(st).print("%.1f")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f | %.0f | %.2f |\n", st.name,
			m.of(st.name, func(s sample) float64 { return s.cpu }).print("%.1f"), added, share,
			m.of(st.name, func(s sample) float64 { return s.mallocs }).mid,
			m.of(st.name, func(s sample) float64 { return s.bytes }).mid,
			1000*m.mean(st.name, func(s sample) float64 { return s.cycles }))
	}
	return b.String()
}

// mean is for what is a small whole number in each round.
func (m *measured) mean(name string, f func(sample) float64) (sum float64) {
	for _, s := range m.samples[name] {
		sum += f(s)
	}
	return sum / float64(len(m.samples[name]))
}
