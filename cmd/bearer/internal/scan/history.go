package scan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// History searches all objects of a repository: the files of every commit, the
// messages of commits and tags, and the names of files; on whatever branch, in
// stashes, and what was given up and is not yet pruned. The names of branches and
// tags are searched too. Each object is read once. A key is reported once for each
// path, with the oldest commit that has it there.
func (s *Search) History(ctx context.Context, r *Repository) error {
	h := history{
		search: s, found: map[string][]Match{}, kinds: map[string]string{},
		placed: map[place]Finding{}, known: map[string]bool{},
	}
	if err := s.refs(ctx, r); err != nil {
		return err
	}
	broken := 0
	err := r.objects(ctx, nil, func(o object) error {
		if o.kind == missing { // though git has it
			broken++
			return nil
		}
		s.Stats.Objects++
		return s.text(ctx, o.content, func(m Match) {
			h.found[o.id] = append(h.found[o.id], m)
			h.kinds[o.id] = o.kind
		})
	})
	if broken > 0 {
		err = errors.Join(err, fmt.Errorf("git cat-file: %d objects are broken: see git fsck", broken))
	}
	if len(h.found) > 0 {
		err = errors.Join(err, h.locate(ctx, r), h.date(ctx, r))
	}
	for _, f := range h.findings() {
		s.Found(f)
	}
	return err
}

// refs searches the names of branches and tags.
func (s *Search) refs(ctx context.Context, r *Repository) error {
	names, err := r.output(ctx, "for-each-ref", "--format=%(refname)")
	for name := range strings.Lines(names) {
		name = strings.TrimSuffix(name, "\n")
		s.inName(name, func(m Match) { s.Found(findingOf(m, InRef, name)) })
	}
	return err
}

// A history is what a search of one has found.
type history struct {
	search *Search
	found  map[string][]Match // by the ID of the object
	kinds  map[string]string  // of these objects
	placed map[place]Finding
	known  map[string]bool // IDs of objects that are a file of a commit, and keys in names of files
}

// A place is where a key is reported once.
type place struct{ fingerprint, in, path string }

// put notes a finding: the one that is put last is that of the oldest commit.
func (h *history) put(f Finding) { h.placed[place{f.Fingerprint, f.In, f.Path}] = f }

// locate finds the commits and paths of the objects in which keys were found. The
// commits come in the order from children to parents.
func (h *history) locate(ctx context.Context, r *Repository) error {
	commits, writer := io.Pipe()
	listed := make(chan error, 1)
	go func() {
		err := r.stream(ctx, nil, func(out io.Reader) error {
			_, err := io.Copy(writer, out)
			return err
		}, "rev-list", "--all", "--reflog", "--topo-order")
		listed <- err
		_ = writer.CloseWithError(io.EOF) // diff-tree ends with what it has
	}()
	err := r.stream(ctx, commits, func(out io.Reader) error { return eachChange(out, h.change) },
		"diff-tree", "--stdin", "-r", "-m", "--root", "-z", "--raw", "--no-abbrev", "--no-renames",
		"--no-ext-diff", "--no-textconv")
	_ = commits.Close() // lets the other git end too
	return errors.Join(err, <-listed)
}

// change notes the keys in a file that a commit changed, and in its name.
func (h *history) change(commit string, fields []string, path string) {
	if len(fields) < 5 {
		return
	}
	excluded := h.search.excluded(path)
	note := func(m Match, in string) {
		if !excluded {
			f := findingOf(m, in, path)
			f.Commit = commit
			h.put(f)
		}
	}
	matches := h.found[fields[3]]
	h.known[fields[3]] = len(matches) > 0
	for _, m := range slices.Backward(matches) { // of a key that stands in a file twice, the first
		note(m, InHistory)
	}
	if h.holds("tree") {
		h.search.inName(path, func(m Match) {
			h.known[m.Fingerprint] = true
			note(m, InFileName)
		})
	}
}

// holds reports whether keys were found in objects of a kind.
func (h *history) holds(kind string) bool {
	for _, k := range h.kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// date finds when the commits were made, and notes the keys that are in no file
// of a commit.
func (h *history) date(ctx context.Context, r *Repository) error {
	h.elsewhere()
	var ids bytes.Buffer
	for _, f := range h.placed {
		if f.Commit != "" {
			ids.WriteString(f.Commit + "\n")
		}
	}
	dates := map[string]time.Time{}
	err := r.objects(ctx, &ids, func(o object) error {
		head, err := io.ReadAll(io.LimitReader(o.content, 64<<10))
		dates[o.id] = authorDate(head)
		return err
	})
	for p, f := range h.placed {
		f.Date = dates[f.Commit]
		h.placed[p] = f
	}
	return err
}

// elsewhere notes the keys in objects that are no files of a commit.
func (h *history) elsewhere() {
	inFiles := map[string]bool{}
	for p := range h.placed {
		inFiles[p.fingerprint] = true
	}
	for _, id := range slices.Sorted(maps.Keys(h.found)) {
		for _, m := range h.found[id] {
			f := findingOf(m, InObject, "")
			f.Object = id
			switch h.kinds[id] {
			case "commit":
				f.In, f.Commit = InMessage, id
			case "tag":
				f.In = InTag
			default: // of a state of a file that was never committed, the key is enough
				if h.known[id] || h.known[m.Fingerprint] || inFiles[m.Fingerprint] {
					continue
				}
			}
			h.put(f)
		}
	}
}

// authorDate returns when the author of a commit made it.
func authorDate(commit []byte) time.Time {
	for line := range bytes.Lines(commit) {
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			break
		}
		if string(fields[0]) != "author" || len(fields) < 3 {
			continue
		}
		seconds, err := strconv.ParseInt(string(fields[len(fields)-2]), 10, 64)
		if err == nil && seconds > 0 && seconds < 1<<37 { // within the years that JSON has
			return time.Unix(seconds, 0).UTC()
		}
	}
	return time.Time{}
}

// findings returns what was found, by commit date, path and line.
func (h *history) findings() []Finding {
	return slices.SortedFunc(maps.Values(h.placed), func(a, b Finding) int {
		return cmp.Or(a.Date.Compare(b.Date), strings.Compare(a.Path, b.Path), int(a.Line-b.Line),
			strings.Compare(a.Fingerprint, b.Fingerprint), strings.Compare(a.Object, b.Object))
	})
}
