// Package report collects what a suite of bearertest finds, by the rule that
// was broken, and tells it as an error.
package report

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Rule is one thing that an implementation has to do.
type Rule struct {
	Name string // what it has to do
	Fix  string // why, or what to do if it does not
}

// NewRule returns a rule.
func NewRule(name, fix string) Rule { return Rule{name, fix} }

// The rules of all suites.
var (
	Parts = NewRule("the parts that are tested are there",
		"hand over what is to be tested: a constructor may have failed")
	Running = NewRule("what is tested is running",
		"see whether it can be reached, and whether its tables or keys are there; nothing else was tested")
	InTime = NewRule("every call comes to an end",
		"wait for nothing that may never come: a connection that was not given back, a lock that is held, "+
			"tokens that have yet to flow in; and end when the context is done")
)

const (
	// CheckTimeout is how long a check may last. The slowest implementation
	// that is right takes a fraction of it.
	CheckTimeout = time.Minute
	// CallTimeout is how long one call of an implementation may last.
	CallTimeout = 10 * time.Second
)

// findingsShown is how many findings of one rule are listed.
const findingsShown = 3

// A Report collects findings by rule. It is safe for concurrent use.
type Report struct {
	suite string

	mu       sync.Mutex
	rules    []Rule // in the order in which they were broken
	findings map[Rule][]string
}

// New returns an empty report of the suite: "TestKeyStore", say.
func New(suite string) *Report {
	return &Report{suite: suite, findings: make(map[Rule][]string)}
}

// Brokenf adds a finding: "case: got this, want that". The same is added once.
func (r *Report) Brokenf(rule Rule, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	finding := fmt.Sprintf(format, args...)
	if slices.Contains(r.findings[rule], finding) {
		return
	}
	if len(r.findings[rule]) == 0 {
		r.rules = append(r.rules, rule)
	}
	r.findings[rule] = append(r.findings[rule], finding)
}

// Stopf adds a finding and ends the goroutine that calls it: the rest of a
// check that Run runs.
func (r *Report) Stopf(rule Rule, format string, args ...any) {
	r.Brokenf(rule, format, args...)
	runtime.Goexit()
}

// Broken reports whether there is a finding of the rule.
func (r *Report) Broken(rule Rule) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.findings[rule]) > 0
}

// Clean reports whether there is no finding at all.
func (r *Report) Clean() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rules) == 0
}

// A Check is one part of a suite.
type Check struct {
	Name string
	Run  func()
	Last bool // the suite ends here if anything is broken: what follows would find it again
}

// RunAll runs the checks in order, and stops also if a call came to no end.
func (r *Report) RunAll(noPanic Rule, checks []Check) {
	for _, c := range checks {
		r.Run(c.Name, noPanic, c.Run)
		if c.Last && !r.Clean() || r.Broken(InTime) {
			return
		}
	}
}

// Run runs a check on a goroutine of its own. A panic breaks the given rule. A
// check that lasts too long breaks InTime: it is left behind, since nothing can
// end it.
func (r *Report) Run(name string, noPanic Rule, check func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended) // also after runtime.Goexit
		r.catch(name, noPanic, check)
	}()
	select {
	case <-ended:
	case <-time.After(CheckTimeout):
		r.Brokenf(InTime, "%s: got no end of it in %v, want one", name, CheckTimeout)
	}
}

// catch calls f. A panic breaks the rule.
func (r *Report) catch(name string, noPanic Rule, f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.Brokenf(noPanic, "%s: got the panic %v%s, want an answer", name, p, PanicPlace())
		}
	}()
	f()
}

// Together calls f with 0 to n-1, each on a goroutine of its own and all at the
// same time. A panic breaks the rule.
//
// It counts by channels: in Go 1.25.0, WaitGroups of bubbles that run at the
// same time spoil the runtime's list of them.
func (r *Report) Together(n int, name string, noPanic Rule, f func(i int)) {
	ready, start, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { ended <- struct{}{} }() // also after runtime.Goexit
			ready <- struct{}{}
			<-start
			r.catch(name, noPanic, func() { f(i) })
		}()
	}
	for range n {
		<-ready
	}
	close(start)
	for range n {
		<-ended
	}
}

// InBubble reports whether it is called in a bubble of [testing/synctest]. There
// the clock stands still while a goroutine works.
func InBubble() bool {
	start := time.Now()
	time.Sleep(time.Millisecond)
	return time.Since(start) == time.Millisecond
}

// PanicPlace returns where the panic began that is being recovered, as
// " (at dir/file.go:1)": in the innermost function that belongs neither to the
// runtime nor to bearer.
func PanicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if frame.File != "" && !isOurs.MatchString(frame.Function) {
			dir, file := filepath.Split(frame.File)
			return fmt.Sprintf(" (at %s:%d)", filepath.Join(filepath.Base(dir), file), frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// isOurs matches a function of the runtime, of bearer or of a suite, but not one
// of a test, whose package ends in _test, nor of an adapter.
var isOurs = regexp.MustCompile(`^(runtime|github\.com/blockauth/bearer(/bearertest)?(/internal/[a-z0-9]+)?)\.`)

// Err returns an error for each rule that was broken, joined, or nil.
func (r *Report) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rules) == 0 {
		return nil
	}
	errs := make([]error, len(r.rules))
	for i, rule := range r.rules {
		errs[i] = rule.broken(r.findings[rule])
	}
	return fmt.Errorf("bearertest: %s found broken rules:\n%w", r.suite, errors.Join(errs...))
}

// broken returns the error that lists the findings of a rule.
func (r Rule) broken(findings []string) error {
	var b strings.Builder
	b.WriteString(r.Name)
	for _, finding := range findings[:min(findingsShown, len(findings))] {
		b.WriteString("\n\t" + finding)
	}
	if more := len(findings) - findingsShown; more > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", more)
	}
	b.WriteString("\n\tfix: " + r.Fix)
	return errors.New(b.String())
}
