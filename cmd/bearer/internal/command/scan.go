package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

var scanCommand = cli.Command{
	Name:  "scan",
	Args:  "[PATH…]",
	Short: "find keys in files, in the history of git, and in what is staged",
	Long: `Finds keys of bearer by their form and their checksum: of a hundred million texts that have the
form of a key, one is reported that is none. Directories are searched with all that is below them,
also what git ignores; links are not followed. "-" is standard input. The history of each repository
of git that a directory is, or has below it, is searched as well: every object that git has, on
whatever branch, in stashes, and what was deleted or given up and is not yet pruned; of a shallow
or partial clone, what is there, and a warning. -history does so too for the repository that a file
or a directory is somewhere in, and -history=false for none. With -staged, it is what git commit
would commit: each file that is staged, as a whole.

Keys are found in binary files, in UTF-16, in one layer of base64, with underscores that URLs,
JSON, JavaScript, HTML or Markdown spell in another way, and inside of longer words. They are not
found in compressed files, nor where something stands between their characters.

Nothing prints a key: a finding has its hint, its place, and a fingerprint, which is a hash of the
key but not the one in key stores. A fingerprint in the file of -baseline is that of a key that is
known, wherever it stands; -fingerprints prints such a file.

  bearer scan .                                      # files, and the history
  bearer scan -history=false -namespace acme .       # files alone
  bearer scan -staged                                # in a hook, before a commit
  bearer scan -sarif report.sarif .                  # for code scanning
  bearer scan -fingerprints . >.bearer-baseline      # take what there is for known

The exit code is 1 if keys were found. With -json, each finding is an object with in, path, line,
column, commit, date, object, encoding, hint, namespace, kind, environment and fingerprint, as far
as they are known; the last line on standard error is an object with summary. Nothing in a
repository is executed: no hooks, filters, drivers of diffs or monitors of files.`,
	Define: func(flags *flag.FlagSet) cli.Run {
		var f scanFlags
		f.define(flags)
		return f.run
	},
}

// A list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}

// A choice is a flag without a value that may be left out, too.
type choice struct{ isSet, value bool }

func (*choice) String() string { return "" }

func (*choice) IsBoolFlag() bool { return true }

func (c *choice) Set(text string) (err error) {
	c.isSet = true
	if c.value, err = strconv.ParseBool(text); err != nil {
		return errors.New("it is true or false")
	}
	return nil
}

type scanFlags struct {
	namespaces, exclude  list
	kind, environment    string
	history              choice
	staged, fingerprints bool
	baseline, sarif      string
}

func (f *scanFlags) define(flags *flag.FlagSet) {
	flags.Var(&f.namespaces, "namespace",
		"only keys with this `name` in front of them, \"\" for those without one; may be given several times; none: any key")
	flags.StringVar(&f.kind, "kind", "", "only keys of a kind: `secret|publishable`")
	flags.StringVar(&f.environment, "environment", "", "only keys of an environment: `test|live`")
	flags.Var(&f.history, "history",
		"also the history of the repositories that the paths are somewhere in; -history=false: no history")
	flags.BoolVar(&f.staged, "staged", false, "only what is staged in the repository of the working directory")
	flags.Var(&f.exclude, "exclude",
		"pass over files and directories with this name, or with this path below PATH: a `pattern` such as *.min.js; "+
			"may be given several times")
	flags.StringVar(&f.baseline, "baseline", "", "a `file` with the fingerprints of keys that are not to be reported")
	flags.BoolVar(&f.fingerprints, "fingerprints", false, "print a baseline of what is found; the exit code is 0")
	flags.StringVar(&f.sarif, "sarif", "", "write the report in SARIF 2.1.0 into a `file`; - is standard output")
}

func (f *scanFlags) run(ctx context.Context, s *cli.Streams, paths []string) error {
	report, err := f.report(s)
	if err != nil {
		return err
	}
	progress := s.Progress()
	search := &scan.Search{
		Scanner: scan.Scanner{Filter: report.filter},
		Exclude: f.exclude,
		Found: func(found scan.Finding) {
			progress.Clear()
			report.add(found)
			s.Flush()
		},
		Failed: func(_ string, err error) {
			progress.Clear()
			report.failed = true
			s.Complain("bearer: " + cli.Plain(scan.Redact(err.Error())))
		},
	}
	search.Progress = func(n scan.Stats) {
		progress.Show(func() string {
			return fmt.Sprintf("%d files, %d objects, %d MB", n.Files, n.Objects, n.Bytes>>20)
		})
	}
	err = f.search(ctx, s, search, paths)
	progress.Clear()
	var usage *cli.UsageError
	if errors.As(err, &usage) || ctx.Err() != nil {
		return err
	}
	report.failed = report.failed || err != nil
	if err != nil {
		s.Complain("bearer: " + scan.Redact(err.Error()))
	}
	return report.end(search.Stats)
}

// search searches all that the arguments name.
func (f *scanFlags) search(ctx context.Context, s *cli.Streams, search *scan.Search, paths []string) error {
	if f.staged {
		if len(paths) > 0 || f.history.value {
			return cli.Usagef("scan: -staged is about the repository of the working directory, and goes with no PATH")
		}
		r, err := scan.OpenRepository(ctx, ".", true)
		if err != nil {
			return err
		}
		return search.Staged(ctx, r)
	}
	if len(paths) == 0 {
		return cli.Usagef("scan: name a PATH: . for this directory, - for standard input; or -staged")
	}
	seen := map[string]bool{}
	for _, path := range paths {
		if path == "-" {
			if err := search.Read(ctx, s.In, scan.InInput, ""); err != nil {
				return err
			}
			continue
		}
		if err := f.path(ctx, s, search, path, seen); err != nil {
			return err
		}
	}
	return nil
}

// path searches what is at a path, and then the histories. One that cannot be
// searched does not stop the others.
func (f *scanFlags) path(
	ctx context.Context, s *cli.Streams, search *scan.Search, path string, seen map[string]bool,
) error {
	if err := search.Files(ctx, path); err != nil {
		return err
	}
	repositories := search.Repositories
	search.Repositories = nil
	switch {
	case f.history.value:
		repositories = append([]string{path}, repositories...)
	case f.history.isSet:
		return nil
	}
	for _, name := range repositories {
		err := history(ctx, s, search, name, seen)
		switch {
		case ctx.Err() != nil:
			return err
		case err != nil:
			search.Failed(name, fmt.Errorf("the history of %s: %w", name, err))
		}
	}
	return nil
}

// history searches the history of the repository that a path is in, once.
func history(ctx context.Context, s *cli.Streams, search *scan.Search, path string, seen map[string]bool) error {
	r, err := scan.OpenRepository(ctx, path, false)
	if err != nil || seen[r.Path()] {
		return err
	}
	seen[r.Path()] = true
	lacks, err := r.Lacks(ctx)
	if err != nil {
		return err
	}
	if lacks != "" {
		s.Complain("bearer: the clone at " + cli.Plain(scan.Redact(path)) + " does not have all of its history: " + lacks)
	}
	return search.History(ctx, r)
}
