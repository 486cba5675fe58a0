// Report measures the guard beside its peers and writes docs/benchmarks.md with
// its tables and plots:
//
//	GOWORK=off go -C benchmarks run ./report
//
// Each round runs every benchmark once, so that what disturbs the machine for a
// while disturbs all peers; ratios are taken within a round, and many short
// rounds tell more than a few long ones. The memory of each peer is measured in a
// process of its own. All of it takes a quarter of an hour.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
)

// settings say how much is measured.
type settings struct {
	count     int
	benchtime string
	buckets   int
	strangers int
	docs      string // where to write; zero: docs of this repository
	raw       string // a file that keeps what the benchmarks printed
	from      string // such a file, to read instead of measuring
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := report(ctx, parseFlags())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func parseFlags() settings {
	var s settings
	flag.IntVar(&s.count, "count", 40, "rounds; fewer than 6 give no intervals")
	flag.StringVar(&s.benchtime, "benchtime", "20ms", "time of each benchmark in a round")
	flag.IntVar(&s.buckets, "buckets", 1_000_000, "buckets whose memory is measured")
	flag.IntVar(&s.strangers, "strangers", 10_000_000, "strangers who come once each")
	flag.StringVar(&s.docs, "docs", "", "directory to write to (default docs of this repository)")
	flag.StringVar(&s.raw, "raw", "", "file to keep the benchmarks' own output in")
	flag.StringVar(&s.from, "from", "", "file of -raw to read instead of measuring")
	quick := flag.Bool("quick", false, "measure next to nothing: only shows that it works")
	flag.Parse()
	if *quick {
		s.count, s.benchtime, s.buckets, s.strangers = 2, "1ms", 10_000, 100_000
	}
	return s
}

func report(ctx context.Context, s settings) error {
	dir, err := moduleDir(ctx)
	if err != nil {
		return err
	}
	var raw []byte
	if s.from != "" {
		raw, err = os.ReadFile(s.from)
	} else {
		raw, err = measure(ctx, dir, s)
	}
	if err != nil {
		return err
	}
	if s.raw != "" {
		if err := os.WriteFile(s.raw, raw, 0o600); err != nil { //nolint:gosec // where its user says
			return err
		}
	}
	m, err := read(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	m.scaleStrangers(float64(s.strangers))
	s.count = m.rounds()
	facts, err := gather(ctx, dir, s, m)
	if err != nil {
		return err
	}
	if s.docs == "" {
		s.docs = filepath.Join(dir, "..", "docs")
	}
	return write(s.docs, m, facts)
}

// write writes the page and its plots. What ./server measured stays in the page.
func write(docs string, m *measured, f facts) error {
	plots := filepath.Join(docs, "benchmarks")
	if err := os.MkdirAll(plots, 0o755); err != nil { //nolint:gosec // documents are for everybody
		return err
	}
	for _, t := range tables {
		name := filepath.Join(plots, t.id+".svg")
		if err := os.WriteFile(name, []byte(t.chart(m)), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	name := filepath.Join(docs, "benchmarks.md")
	old, err := os.ReadFile(name) //nolint:gosec // the page that is replaced
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, []byte(page(m, f)+serverPart(string(old))), 0o644) //nolint:gosec // as above
}
