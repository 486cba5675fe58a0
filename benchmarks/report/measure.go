package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const module = "github.com/blockauth/bearer/benchmarks"

// measure builds the benchmarks and returns all that they print.
func measure(ctx context.Context, dir string, s settings) ([]byte, error) {
	scratch, err := os.MkdirTemp("", "report")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	binary := filepath.Join(scratch, "benchmarks.test")
	if _, err := output(ctx, dir, "go", "test", "-c", "-o", binary, "."); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	bench := func(pattern, benchtime string, args ...string) error {
		args = append([]string{
			"-test.run", "^$", "-test.bench", pattern, "-test.benchtime", benchtime, "-test.benchmem",
		}, args...)
		out, err := output(ctx, dir, binary, args...)
		raw.Write(out)
		return err
	}
	for round := range s.count {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, s.count)
		if err := bench("^Benchmark(KeyRoute|JWTRoute|Limiter)$", s.benchtime); err != nil {
			return nil, err
		}
	}
	m, err := read(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return nil, err
	}
	for _, peer := range m.peers("Limiter/n=1/serial/") {
		fmt.Fprintln(os.Stderr, "memory of", peer)
		for _, family := range []string{"Memory", "Strangers"} {
			err := bench("^Benchmark"+family+"$/^"+peer+"$", "1x",
				"-buckets", strconv.Itoa(s.buckets), "-strangers", strconv.Itoa(s.strangers))
			if err != nil {
				return nil, err
			}
		}
	}
	return raw.Bytes(), nil
}

// output runs a command outside of the workspace, which this module is not part
// of, and returns what it prints.
func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...) //nolint:gosec // only from this program
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out, nil
}

// moduleDir finds this module from any directory inside it.
func moduleDir(ctx context.Context) (string, error) {
	out, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return "", fmt.Errorf("to be run in benchmarks: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
