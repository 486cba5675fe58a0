package bearertest

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// A rule is one thing that an implementation has to do, and why, or what to do
// where it does not.
type rule struct {
	name, fix string
}

// The rules of all that is tested.
var (
	ruleParts = rule{
		"the parts that are tested are there",
		"hand over what is to be tested: a constructor may have failed",
	}
	ruleRunning = rule{
		"what is tested is running",
		"see whether it can be reached, and whether its tables or keys are there; nothing else was tested",
	}
	ruleInTime = rule{
		"every call comes to an end",
		"wait for nothing that may never come: a connection that was not given back, a lock that is held, " +
			"tokens that have yet to flow in; and end when the context is done",
	}
)

// findingsShown is how many findings of one rule are listed.
const findingsShown = 3

// A report collects what a suite finds, by rule. It is safe for concurrent use.
type report struct {
	suite string

	mu       sync.Mutex
	rules    []rule // in the order in which they were broken
	findings map[rule][]string
}

// brokenf adds a finding: "case: got this, want that".
func (t *report) brokenf(r rule, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.findings == nil {
		t.findings = make(map[rule][]string)
	}
	if len(t.findings[r]) == 0 {
		t.rules = append(t.rules, r)
	}
	t.findings[r] = append(t.findings[r], fmt.Sprintf(format, args...))
}

// broken reports whether there is a finding of the rule.
func (t *report) broken(r rule) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings[r]) > 0
}

// first returns the rule that was broken first, if any was.
func (t *report) first() (r rule, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rules) == 0 {
		return rule{}, false
	}
	return t.rules[0], true
}

// clean reports whether there is no finding at all.
func (t *report) clean() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rules) == 0
}

// checkTimeout is how long a check may last. The slowest right part that is
// tested takes a fraction of it.
const checkTimeout = time.Minute

// run runs one check on a goroutine of its own, and reports whether it came to
// its end. A panic is a finding. So is a check that lasts too long: it is left
// behind, since nothing can end it.
func (t *report) run(name string, noPanic rule, check func()) bool {
	ended := make(chan bool, 1)
	go func() {
		ok := false
		defer func() { ended <- ok }() // also if a function of the caller's ends the goroutine
		ok = t.catch(name, noPanic, check)
	}()
	timer := time.NewTimer(checkTimeout)
	defer timer.Stop()
	select {
	case ok := <-ended:
		return ok
	case <-timer.C:
		t.brokenf(ruleInTime, "%s: got no end of it in %v, want one", name, checkTimeout)
		return false
	}
}

// catch runs a function, and reports whether it returned. A panic is a finding.
func (t *report) catch(name string, noPanic rule, f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			t.brokenf(noPanic, "%s: got the panic %v%s, want an answer", name, p, panicPlace())
		}
	}()
	f()
	return true
}

// panicPlace returns where the panic began that is being recovered: in the
// innermost function that is neither the runtime's nor this module's.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if frame.File == "" || isOurs(frame.Function) {
			continue
		}
		dir, file := filepath.Split(frame.File)
		return fmt.Sprintf(" (at %s:%d)", filepath.Join(filepath.Base(dir), file), frame.Line)
	}
	return ""
}

func isOurs(function string) bool {
	for _, of := range []string{"runtime.", "github.com/blockauth/bearer.", "github.com/blockauth/bearer/bearertest."} {
		if strings.HasPrefix(function, of) {
			return true
		}
	}
	return false
}

// err returns an error for each rule that was broken, joined, or nil.
func (t *report) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	errs := make([]error, 0, len(t.rules))
	for _, r := range t.rules {
		errs = append(errs, r.error(t.findings[r]))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("bearertest: %s found broken rules:\n%w", t.suite, errors.Join(errs...))
}

func (r rule) error(findings []string) error {
	var b strings.Builder
	b.WriteString(r.name)
	for _, finding := range findings[:min(findingsShown, len(findings))] {
		b.WriteString("\n\t" + finding)
	}
	if more := len(findings) - findingsShown; more > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", more)
	}
	b.WriteString("\n\tfix: " + r.fix)
	return errors.New(b.String())
}
