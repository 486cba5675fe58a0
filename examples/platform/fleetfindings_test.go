//go:build unix

package main_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Findings are what was seen that may not be, and what may be while there is a
// fault.
type findings struct {
	mu     sync.Mutex
	counts map[string]int
	first  map[string]string
	faults []fault
	calls  map[string]int
	lags   []time.Duration // from an acknowledged revocation to a refusal

	strays  int // answers of 503 without a fault
	stray   string
	answers atomic.Int64
}

// mostStrays is the part of all answers that may be 503 without a fault, beside
// one: a busy machine may be late, but not often.
const mostStrays = 0.005

// A fault is a time in which a replica may answer with 503.
type fault struct {
	replica  int       // -1: each
	from, to time.Time // to is zero: it lasts
}

// foundf notes what may not be. The first of a kind is kept.
func (f *findings) foundf(kind, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts, f.first = map[string]int{}, map[string]string{}
	}
	f.counts[kind]++
	if f.counts[kind] == 1 {
		f.first[kind] = time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	}
}

// strayf notes an answer of 503 without a fault. The first is kept.
func (f *findings) strayf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.strays++
	if f.strays == 1 {
		f.stray = time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	}
}

// saw counts what came back.
func (f *findings) saw(caller string, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[fmt.Sprintf("%s %d", caller, status)]++
}

// lagged notes how long a replica took to refuse what was revoked.
func (f *findings) lagged(by time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lags = append(f.lags, by)
}

// takeLags returns the lags since the last call, the shortest first.
func (f *findings) takeLags() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	lags := f.lags
	f.lags = nil
	slices.Sort(lags)
	return lags
}

// report fails the test if something was found.
func (f *findings) report(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for kind, count := range f.counts {
		assert.Fail(t, kind, "%d times; the first: %s", count, f.first[kind])
	}
	if f.strays > 0 {
		t.Logf("503 without a fault: %d of %d; the first: %s", f.strays, f.answers.Load(), f.stray)
		assert.LessOrEqual(t, float64(f.strays), 1+mostStrays*float64(f.answers.Load()), "503 without a fault")
	}
	t.Log(f.calls)
}

// during lets replica n, or each if it is -1, answer with 503 while a fault
// lasts.
func (f *findings) during(n int, do func()) {
	f.mu.Lock()
	at := len(f.faults)
	f.faults = append(f.faults, fault{replica: n, from: time.Now()})
	f.mu.Unlock()
	do()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[at].to = time.Now()
}

// isExcused reports whether a replica had a fault between two moments.
func (f *findings) isExcused(n int, from, to time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.faults, func(a fault) bool {
		return (a.replica == n || a.replica < 0) && a.from.Before(to) && (a.to.IsZero() || a.to.After(from))
	})
}
