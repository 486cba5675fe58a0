package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// facts are where the numbers come from.
type facts struct {
	commit, date, goVersion, cpu string
	settings                     settings
	peers                        []string // path and version of what was measured beside the guard
}

// leftOut are peers that the module proxy of the machine did not have.
var leftOut = []struct{ path, reason string }{
	{"github.com/didip/tollbooth/v8", "not to be had; v7 stands in for it"},
	{"github.com/appleboy/gin-jwt/v3", "not to be had; v2 stands in for it, which is built on golang-jwt v4"},
	{"github.com/auth0/go-jwt-middleware/v3", "not to be had; v2 stands in for it"},
	{"github.com/labstack/echo-jwt/v5", "not to be had; v4 stands in for it, in echo v4"},
}

func gather(ctx context.Context, dir string, s settings, m *measured) (facts, error) {
	f := facts{cpu: m.cpu, settings: s}
	for _, fact := range []struct {
		to   *string
		args []string
	}{
		{&f.commit, []string{"git", "rev-parse", "--short=12", "HEAD"}},
		{&f.date, []string{"git", "log", "-1", "--format=%cs"}},
		{&f.goVersion, []string{"go", "env", "GOVERSION"}},
	} {
		out, err := output(ctx, dir, fact.args[0], fact.args[1:]...)
		if err != nil {
			return f, err
		}
		*fact.to = strings.TrimSpace(string(out))
	}
	changes, err := output(ctx, dir, "git", "status", "--porcelain", "--", "..", ":!../docs")
	if err != nil {
		return f, err
	}
	if len(changes) > 0 {
		f.commit += " and changes"
	}
	f.peers, err = direct(ctx, dir)
	return f, err
}

// noPeers are what go.mod requires beside the peers and what they stand on.
var noPeers = []string{"github.com/blockauth/", "github.com/stretchr/testify", "golang.org/x/perf"}

// direct returns the modules that go.mod requires directly, as peers.
func direct(ctx context.Context, dir string) (modules []string, err error) {
	out, err := output(ctx, dir, "go", "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path     string `json:"Path"`
			Version  string `json:"Version"`
			Indirect bool   `json:"Indirect"`
		} `json:"Require"`
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, err
	}
	for _, r := range mod.Require {
		if !r.Indirect && !slices.ContainsFunc(noPeers, func(p string) bool { return strings.HasPrefix(r.Path, p) }) {
			modules = append(modules, r.Path+" "+r.Version)
		}
	}
	return modules, nil
}

func (f facts) markdown() string {
	return fmt.Sprintf(`# Benchmarks

The guard beside its peers, on the same work, in one run. Only the ratios mean
anything: the times are those of one machine. Each number is the median of the
rounds with its 95 %% confidence interval, as benchstat computes them; in
parentheses, the ratio to the guard's own row. That each peer does the work is
proved by the tests in [benchmarks](../benchmarks).

| | |
|---|---|
| commit | %s |
| date of the commit | %s |
| Go | %s %s/%s |
| CPU | %s, %d cores |
| -count | %d rounds, %s each |
| command | `+"`GOWORK=off go -C benchmarks run ./report -count %d -benchtime %s`"+` |
`, f.commit, f.date, f.goVersion, runtime.GOOS, runtime.GOARCH, f.cpu, runtime.NumCPU(),
		f.settings.count, f.settings.benchtime, f.settings.count, f.settings.benchtime)
}

func (f facts) peersMarkdown() string {
	var b strings.Builder
	b.WriteString(`## Peers

Each is set up as its documentation says, with the fastest of its options:
httprate alone writes no fields in "Limiter alone"; throttled tries again under
contention, where it would answer with an error by default, and keeps all of its
keys, where an LRU would forget spent ones; fiber runs without net/http, on one
context that is used again and again, and as "fiber-test" over its own test
call, most of whose time is not fiber's.

`)
	for _, peer := range f.peers {
		b.WriteString("- " + peer + "\n")
	}
	b.WriteString("\n## Left out\n\n")
	for _, peer := range leftOut {
		b.WriteString("- " + peer.path + ": " + peer.reason + "\n")
	}
	return b.String()
}
