package report_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer/bearertest/internal/report"
)

var (
	first  = report.NewRule("the first rule", "do this")
	second = report.NewRule("the second rule", "do that")
)

func TestErr(t *testing.T) {
	r := report.New("TestX")
	assert.NoError(t, r.Err())
	assert.True(t, r.Clean())
	r.Brokenf(second, "a case: got %d, want 1", 0)
	for i := range 5 {
		r.Brokenf(first, "case %d: got that, want this", i)
		r.Brokenf(first, "case %d: got that, want this", i) // told once
	}
	assert.False(t, r.Clean())
	assert.True(t, r.Broken(first))
	assert.EqualError(t, r.Err(), strings.Join([]string{
		"bearertest: TestX found broken rules:",
		"the second rule",
		"\ta case: got 0, want 1",
		"\tfix: do that",
		"the first rule",
		"\tcase 0: got that, want this",
		"\tcase 1: got that, want this",
		"\tcase 2: got that, want this",
		"\tand 2 more",
		"\tfix: do this",
	}, "\n"))
}

func TestRun(t *testing.T) {
	tests := []struct {
		name  string
		check func(*report.Report)
		want  string // in the error
	}{
		{"breaks a rule", func(r *report.Report) { r.Brokenf(second, "got that, want this") }, "the second rule\n\tgot that"},
		{"panics", func(*report.Report) { panic("boom") }, "a check: got the panic boom (at report/report_test.go:"},
		{"stops", func(r *report.Report) {
			r.Stopf(second, "got that, want this")
			panic("not reached")
		}, "the second rule\n\tgot that, want this"},
		{"panics on one of many goroutines", func(r *report.Report) {
			r.Together(8, "many", second, func(i int) {
				if i == 5 {
					panic(i)
				}
			})
		}, "many: got the panic 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := report.New("TestX")
			r.Run("a check", first, func() { tt.check(r) })
			assert.ErrorContains(t, r.Err(), tt.want)
		})
	}
}

func TestRunAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := report.New("TestX")
		var ran atomic.Int32
		end := make(chan bool)
		count := func() { ran.Add(1) }
		r.RunAll(first, []report.Check{
			{Name: "one", Run: count, Last: true},
			{Name: "two", Run: func() { count(); r.Stopf(first, "two") }},
			{Name: "three", Run: count},
			{Name: "four", Run: count, Last: true},
			{Name: "five", Run: count},
		})
		assert.EqualValues(t, 4, ran.Load(), "checks up to the last one")
		assert.True(t, r.Broken(first))

		r = report.New("TestX")
		r.RunAll(first, []report.Check{{Name: "hangs", Run: func() { <-end }}, {Name: "next", Run: count}})
		assert.EqualValues(t, 4, ran.Load(), "nothing after what does not end")
		assert.ErrorContains(t, r.Err(), "hangs: got no end of it in 1m0s, want one")
		close(end)
	})
}
