package bearertest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A rule is one thing that an implementation has to do, and why, or what to do
// where it does not.
type rule struct {
	name, fix string
}

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

// clean reports whether there is no finding at all.
func (t *report) clean() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rules) == 0
}

// run runs one check. A panic is a finding, and ends that check alone.
func (t *report) run(name string, noPanic rule, check func()) {
	defer func() {
		if p := recover(); p != nil {
			t.brokenf(noPanic, "%s: got the panic %v, want an answer", name, p)
		}
	}()
	check()
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
