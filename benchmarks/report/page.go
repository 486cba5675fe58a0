package main

import (
	"fmt"
	"math"
	"strings"
)

// page is docs/benchmarks.md.
func page(m *measured, f facts) string {
	parts := []string{f.markdown(), targetsMarkdown(m), winsMarkdown(m)}
	for _, t := range tables {
		parts = append(parts, t.markdown(m))
	}
	return strings.Join(append(parts, f.peersMarkdown()), "\n")
}

// serverPart returns the last part of a page, which ./server measures.
func serverPart(page string) string {
	const heading = "\n## A server over loopback\n"
	if i := strings.Index(page, heading); i >= 0 {
		return page[i:]
	}
	return ""
}

func targetsMarkdown(m *measured) string {
	var b strings.Builder
	b.WriteString("## Targets\n\n| ratio | target | median | 95 % interval | |\n|---|--:|--:|--:|---|\n")
	all, err := targets(m)
	if err != nil {
		return "## Targets\n\nNot all was measured: " + err.Error() + ".\n"
	}
	for _, t := range all {
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s – %s | %s |\n", t.what, t.sign(), number(t.bound),
			number(t.got.mid), number(t.got.lo), number(t.got.hi), t.verdict())
	}
	return b.String()
}

// number prints a ratio with two digits after the point, or three if it is small.
func number(v float64) string {
	switch {
	case math.IsInf(v, 0):
		return "∞"
	case v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) < 0.095:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func winsMarkdown(m *measured) string {
	var lines []string
	for _, t := range tables {
		for _, line := range t.wins(m) {
			lines = append(lines, "- "+line+"\n")
		}
	}
	if len(lines) == 0 {
		lines = []string{"Nowhere in this run.\n"}
	}
	return "## Where a peer is faster, or smaller\n\nAll that benchstat's test tells apart (p < 0.05):\n\n" +
		strings.Join(lines, "")
}
