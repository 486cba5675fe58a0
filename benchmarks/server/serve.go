//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"time"

	"github.com/blockauth/bearer/benchmarks/internal/stacks"
)

// An opening is the first thing that a server writes.
type opening struct {
	Address string
	Fields  []string // the Authorization fields of its keys
}

// A reading is what a server has used since it was started.
type reading struct {
	CPU     time.Duration // user and system
	Mallocs uint64
	Bytes   uint64
	Cycles  uint32 // of the collector
}

// serve serves a stack until in ends, and writes a reading for each line of in:
// without the heap, which takes longer to read, if the line is "cpu".
func serve(ctx context.Context, s settings, in io.Reader, out io.Writer) error {
	site, err := stacks.NewSite(s.keys, stacks.Slow)
	if err != nil {
		return err
	}
	open, err := opener(s.serve)
	if err != nil {
		return err
	}
	handler, err := open(site, s.items)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	defer func() { _ = server.Close() }()
	go func() { _ = server.Serve(l) }()
	answers := gob.NewEncoder(out)
	if err := answers.Encode(opening{l.Addr().String(), site.Fields}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		r, err := read(lines.Text() != "cpu")
		if err != nil {
			return err
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func read(heap bool) (r reading, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return r, fmt.Errorf("getrusage: %w", err)
	}
	r.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if heap {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		r.Mallocs, r.Bytes, r.Cycles = m.Mallocs, m.TotalAlloc, m.NumGC
	}
	return r, nil
}
