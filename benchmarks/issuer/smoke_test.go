package issuer_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each benchmark runs, once and with few records.
func TestBenchmarks(t *testing.T) {
	for name, value := range map[string]string{"test.benchtime": "1x", "records": "100"} {
		old := flag.Lookup(name).Value.String()
		require.NoError(t, flag.Set(name, value))
		t.Cleanup(func() { require.NoError(t, flag.Set(name, old)) })
	}
	for _, row := range []struct {
		name string
		run  func(*testing.B)
	}{
		{"token", BenchmarkToken},
		{"login", BenchmarkLogin},
		{"refresh", BenchmarkRefresh},
		{"one session", BenchmarkOneSession},
		{"look-up", BenchmarkLookup},
		{"guard", BenchmarkGuard},
		{"memory", BenchmarkMemory},
	} {
		t.Run(row.name, func(t *testing.T) {
			isDone := false
			testing.Benchmark(func(b *testing.B) {
				b.Helper()
				row.run(b)
				isDone = !b.Failed()
			})
			assert.True(t, isDone)
		})
	}
}
