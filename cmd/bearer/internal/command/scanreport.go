package command

import (
	"errors"
	"fmt"
	"os"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

// A report is what a scan has found so far.
type report struct {
	s        *cli.Streams
	flags    *scanFlags
	filter   scan.Filter
	baseline scan.Baseline
	findings []scan.Finding // for SARIF
	keys     map[string]bool
	places   int
	known    int // places of keys of the baseline
	failed   bool
	broken   error // of writing
}

// report returns an empty report, if the flags are good.
func (f *scanFlags) report(s *cli.Streams) (*report, error) {
	r := &report{s: s, flags: f, keys: map[string]bool{}}
	kind, environment, err := parseKind(f.kind, f.environment)
	if err != nil {
		return nil, err
	}
	for _, namespace := range f.namespaces {
		if err := checkNamespace(namespace); err != nil {
			return nil, err
		}
	}
	if err := scan.CheckPatterns(f.exclude); err != nil {
		return nil, cli.Usagef("-exclude: %v", err)
	}
	if f.fingerprints && f.sarif != "" || s.JSON && f.sarif == "-" {
		return nil, cli.Usagef("scan: choose one of -json, -sarif and -fingerprints")
	}
	r.filter = scan.Filter{Namespaces: f.namespaces, Kind: kind, Environment: environment}
	if f.baseline != "" {
		file, err := os.Open(f.baseline)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		if r.baseline, err = scan.ReadBaseline(file); err != nil {
			return nil, cli.Usagef("-baseline: %v", err)
		}
	}
	return r, nil
}

// add takes a finding, and prints it at once, but for SARIF.
func (r *report) add(f scan.Finding) {
	if r.baseline[f.Fingerprint] {
		r.known++
		return
	}
	isNew := !r.keys[f.Fingerprint]
	r.keys[f.Fingerprint] = true
	r.places++
	switch {
	case r.flags.sarif != "":
		r.findings = append(r.findings, f)
		if r.flags.sarif == "-" {
			return
		}
	case r.flags.fingerprints && !isNew:
		return
	case r.flags.fingerprints:
		r.broken = errors.Join(r.broken, r.s.Put(f, f.Fingerprint+"  "+f.Hint+"  "+cli.Plain(f.Place())+"\n"))
		return
	}
	r.broken = errors.Join(r.broken, r.s.Put(f, fmt.Sprintf("%s: %s (%s, %s)\n",
		cli.Plain(f.Place()), f.Hint, f.Kind, f.Environment)))
}

// end writes what comes at the end, and returns the verdict.
func (r *report) end(stats scan.Stats) error {
	if r.broken != nil {
		return r.broken
	}
	if err := r.writeSARIF(); err != nil {
		return err
	}
	if r.s.JSON {
		r.s.WriteError(map[string]any{"summary": map[string]any{
			"keys": len(r.keys), "places": r.places, "known_places": r.known, "complete": !r.failed,
			"files": stats.Files, "objects": stats.Objects, "bytes": stats.Bytes,
		}})
	} else if r.places > 0 || r.s.ErrTerminal {
		r.s.Notef("%s in %s; searched %s, %s of git and %d MB", count(int64(len(r.keys)), "key"),
			count(int64(r.places), "place"), count(stats.Files, "file"), count(stats.Objects, "object"), stats.Bytes>>20)
	}
	switch {
	case r.places > 0 && !r.flags.fingerprints:
		return cli.ErrNo
	case r.failed:
		return errors.New("not all could be read")
	}
	return nil
}

// count returns a number of things in words.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func (r *report) writeSARIF() error {
	switch name := r.flags.sarif; name {
	case "":
		return nil
	case "-":
		return scan.WriteSARIF(r.s.Out, version(), r.findings)
	default:
		file, err := os.Create(name) //nolint:gosec // the user names it; it has no key
		if err != nil {
			return err
		}
		return errors.Join(scan.WriteSARIF(file, version(), r.findings), file.Close())
	}
}
