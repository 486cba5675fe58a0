package bearertest

import (
	rep "github.com/blockauth/bearer/bearertest/internal/report"
)

// The names by which the suites of this package know package report. They go
// with the suites that move out.

type rule = rep.Rule

var (
	ruleParts   = rep.Parts
	ruleRunning = rep.Running
	ruleInTime  = rep.InTime
)

type report struct{ *rep.Report }

func newReport(suite string) report { return report{rep.New(suite)} }

func (t *report) brokenf(r rule, format string, args ...any) { t.Brokenf(r, format, args...) }
func (t *report) broken(r rule) bool                         { return t.Broken(r) }
func (t *report) first() (r rule, ok bool)                   { return t.First() }
func (t *report) clean() bool                                { return t.Clean() }
func (t *report) err() error                                 { return t.Err() }
func (t *report) run(name string, noPanic rule, check func()) bool {
	return t.Run(name, noPanic, check)
}
func (t *report) catch(name string, noPanic rule, check func()) bool {
	return t.Catch(name, noPanic, check)
}

func panicPlace() string { return rep.PanicPlace() }

func quoted(got, want string) (string, string) { return rep.Quoted(got, want) }
