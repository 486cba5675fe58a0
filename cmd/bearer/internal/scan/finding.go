package scan

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// The kinds of places in which keys are found.
const (
	InFile     = "file"
	InFileName = "file name"
	InStaged   = "staged"
	InHistory  = "history"
	InMessage  = "commit message"
	InRef      = "name of a branch or tag"
	InTag      = "tag"
	InObject   = "object" // of git, that no branch, tag or reflog leads to
	InInput    = "standard input"
)

// A Finding is a key and where it stands. It does not have the text of the key.
type Finding struct {
	In       string    `json:"in"`
	Path     string    `json:"path,omitempty"` // of the file; a key in it is cut to its hint
	Line     int64     `json:"line,omitempty"`
	Column   int64     `json:"column,omitempty"` // in bytes
	Commit   string    `json:"commit,omitempty"` // the oldest one that has it there
	Date     time.Time `json:"date,omitzero"`    // of the author
	Object   string    `json:"object,omitempty"` // its ID in git
	Encoding string    `json:"encoding,omitempty"`

	Hint        string `json:"hint"`
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Environment string `json:"environment"`
	Fingerprint string `json:"fingerprint"`
}

func findingOf(m Match, in, path string) Finding {
	return Finding{
		In: in, Path: Redact(path), Line: m.Line, Column: m.Column, Encoding: m.Encoding,
		Hint: m.Hint, Namespace: m.Namespace, Kind: m.Kind.String(), Environment: m.Environment.String(),
		Fingerprint: m.Fingerprint,
	}
}

// Place returns where a key stands, for people.
func (f Finding) Place() string {
	where := f.Path
	if f.Line > 0 && where != "" {
		where = fmt.Sprintf("%s:%d:%d", where, f.Line, f.Column)
	}
	switch {
	case f.In == InFile || f.In == InStaged:
		return where
	case f.Commit != "":
		return strings.TrimSpace(fmt.Sprintf("%s %s (%s, commit %.12s)", where, f.Date.Format(time.DateOnly), f.In, f.Commit))
	case f.Object != "":
		return strings.TrimSpace(fmt.Sprintf("%s (%s %.12s)", where, f.In, f.Object))
	case f.In == InInput:
		return fmt.Sprintf("%d:%d (%s)", f.Line, f.Column, f.In)
	}
	return fmt.Sprintf("%s (%s)", where, f.In)
}

// Stats count what was read.
type Stats struct {
	Files   int64 `json:"files"`
	Objects int64 `json:"objects"` // of git
	Bytes   int64 `json:"bytes"`
}

// A Search is what several sources of texts have in common.
type Search struct {
	Scanner  Scanner
	Exclude  []string                     // patterns of path.Match, of names and of paths below a root
	Found    func(Finding)                // each key; a source does not go on meanwhile
	Failed   func(path string, err error) // each file that could not be read; others are
	Progress func(Stats)                  // now and then
	Stats    Stats

	Repositories []string // directories with a repository of git, as Files has found them
}

// Read searches a text that is in a place.
func (s *Search) Read(ctx context.Context, r io.Reader, in, path string) error {
	return s.text(ctx, r, func(m Match) { s.Found(findingOf(m, in, path)) })
}

func (s *Search) text(ctx context.Context, r io.Reader, found func(Match)) error {
	before := s.Stats.Bytes
	n, err := s.Scanner.Scan(&reader{ctx.Err, r, s}, found)
	s.Stats.Bytes = before + n
	return err
}

// A reader ends with its context, and counts.
type reader struct {
	err func() error // of the context
	r   io.Reader
	s   *Search
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.s.Stats.Bytes += int64(n)
	r.s.Progress(r.s.Stats)
	return n, err
}

// A Baseline holds the fingerprints of keys that are known, and not reported.
type Baseline map[string]bool

var fingerprintForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ReadBaseline reads a baseline: a fingerprint in each line, which white space and
// any text may follow. Empty lines, and those that begin with #, are skipped.
func ReadBaseline(r io.Reader) (Baseline, error) {
	b := Baseline{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if !fingerprintForm.MatchString(fields[0]) {
			return nil, fmt.Errorf("line %d does not begin with a fingerprint", n)
		}
		b[fields[0]] = true
	}
	return b, lines.Err()
}
