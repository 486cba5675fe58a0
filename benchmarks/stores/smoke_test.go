package stores_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each benchmark runs, once and with few records.
func TestBenchmarks(t *testing.T) {
	old := flag.Lookup("test.benchtime").Value.String()
	require.NoError(t, flag.Set("test.benchtime", "1x"))
	t.Cleanup(func() { require.NoError(t, flag.Set("test.benchtime", old)) })
	t.Setenv("BEARER_ROWS", "100")
	for _, row := range []struct {
		name string
		run  func(*testing.B)
		slow bool // -short leaves it out
	}{
		{"take", BenchmarkTake, false},
		{"refusal", BenchmarkRefusal, true},
		{"admitted", BenchmarkAdmitted, true},
		{"look-up", BenchmarkLookup, false},
		{"herd", BenchmarkHerd, true},
		{"flood", BenchmarkFlood, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.slow && testing.Short() {
				t.Skip("slow")
			}
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
