package benchmarks_test

import (
	"runtime"
	"testing"
)

// BenchmarkKeyRoute is a GET with an API key, a limit and a scope. Hot is one
// key; distinct is ten thousand in turn. Where a serial benchmark has a core to
// spare, the collector runs there: "alone" is parallel with one core in all.
func BenchmarkKeyRoute(b *testing.B) {
	stacks := append([]stack{{"floor", nethttp(floor)}, {"httprate-alone", nethttp(httprateOnly)}}, keyStacks...)
	for _, row := range []struct {
		name string
		n    int
	}{
		{"keys=hot", 1},
		{"keys=distinct", 10_000},
	} {
		s := newSite(b, row.n, quotaFor(row.n))
		for _, stack := range stacks {
			open := stack.open(b, s)
			sent := 0
			send(b, func() bool { sent++; return sent <= row.n }, open(), s.Fields, 0) // so that all buckets are there
			b.Run(row.name+"/serial/"+stack.name, func(b *testing.B) { serial(b, open, s.Fields) })
			b.Run(row.name+"/parallel/"+stack.name, func(b *testing.B) { parallel(b, open, s.Fields) })
			if stack.name == "bearer-nethttp" || stack.name == "floor" {
				b.Run(row.name+"/alone/"+stack.name, func(b *testing.B) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
					parallel(b, open, s.Fields)
				})
			}
		}
	}
}
