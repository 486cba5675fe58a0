package storesuite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// A rule is one thing that a store has to do, and what to do if it does not.
type rule struct{ name, fix string }

const (
	// checkTimeout is how long a check may last: a store that is right takes a
	// fraction of it, also over a network.
	checkTimeout = time.Minute

	// findingsShown is how many findings of one rule are listed.
	findingsShown = 3
)

// A report collects findings by rule. It is safe for concurrent use.
type report struct {
	suite string
	ctx   context.Context //nolint:containedctx // of the check that runs: every call of it has this context

	mu       sync.Mutex
	rules    []rule // in the order in which they were broken
	findings map[rule][]string
}

func newReport(suite string) *report {
	return &report{suite: suite, findings: make(map[rule][]string), ctx: context.Background()}
}

// brokenf adds a finding: "case: got this, want that". The same is added once.
func (r *report) brokenf(broken rule, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	finding := fmt.Sprintf(format, args...)
	if slices.Contains(r.findings[broken], finding) {
		return
	}
	if len(r.findings[broken]) == 0 {
		r.rules = append(r.rules, broken)
	}
	r.findings[broken] = append(r.findings[broken], finding)
}

// stopf adds a finding and ends the goroutine that calls it: the rest of a check.
func (r *report) stopf(broken rule, format string, args ...any) {
	r.brokenf(broken, format, args...)
	runtime.Goexit()
}

// isClean reports whether there is no finding.
func (r *report) isClean() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rules) == 0
}

// has reports whether there is a finding of the rule.
func (r *report) has(broken rule) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.findings[broken]) > 0
}

// A check is one part of a suite.
type check struct {
	name string
	run  func()
	last bool // the suite ends here if anything is broken: what follows would find it again
}

// runAll runs the checks in order, and stops also if one came to no end.
func (r *report) runAll(checks []check) error {
	for _, c := range checks {
		r.run(c.name, c.run)
		if c.last && !r.isClean() || r.has(ruleEnds) {
			break
		}
	}
	return r.err()
}

// run runs a check on a goroutine of its own. One that lasts too long is left
// behind: nothing can end it.
func (r *report) run(name string, run func()) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	r.ctx = ctx
	ended := make(chan struct{})
	go func() {
		defer close(ended) // also after runtime.Goexit
		r.catch(name, run)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		r.brokenf(ruleEnds, "%s: got no end of it in %v, want one", name, checkTimeout)
	}
}

// catch calls f. A panic breaks a rule.
func (r *report) catch(name string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			r.brokenf(rulePanics, "%s: got the panic %v, want an answer\n%s", name, p, debug.Stack())
		}
	}()
	f()
}

// together calls f with 0 to n-1, each on a goroutine of its own and all at the
// same time.
//
// It counts by channels: in Go 1.25.0, WaitGroups of bubbles that run at the
// same time spoil the runtime's list of them.
func (r *report) together(n int, name string, f func(i int)) {
	ready, start, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { ended <- struct{}{} }() // also after runtime.Goexit
			ready <- struct{}{}
			<-start
			r.catch(name, func() { f(i) })
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

// err returns an error for each rule that was broken, joined, or nil.
func (r *report) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rules) == 0 {
		return nil
	}
	errs := make([]error, len(r.rules))
	for i, broken := range r.rules {
		errs[i] = broken.err(r.findings[broken])
	}
	return fmt.Errorf("issuertest: %s found broken rules:\n%w", r.suite, errors.Join(errs...))
}

// err returns the error that lists the findings of a rule.
func (b rule) err(findings []string) error {
	var text strings.Builder
	text.WriteString(b.name)
	for _, finding := range findings[:min(findingsShown, len(findings))] {
		text.WriteString("\n\t" + finding)
	}
	if more := len(findings) - findingsShown; more > 0 {
		fmt.Fprintf(&text, "\n\tand %d more", more)
	}
	text.WriteString("\n\tfix: " + b.fix)
	return errors.New(text.String())
}
