package services

import (
	"runtime"
	"testing"
	"time"
)

// Goroutines fails the test if more goroutines run at its end than now. A test
// calls it first: then it looks when all else is cleaned up, and waits a while for
// those that are about to end.
func Goroutines(tb testing.TB) {
	tb.Helper()
	before := runtime.NumGoroutine()
	tb.Cleanup(func() {
		tb.Helper()
		for range 500 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		tb.Errorf("%d goroutines were left, %d before:\n%s", runtime.NumGoroutine(), before, stacks)
	})
}
