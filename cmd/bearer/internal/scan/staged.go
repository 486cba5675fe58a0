package scan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Staged searches the files that would be committed, whole and as they are staged.
func (s *Search) Staged(ctx context.Context, r *Repository) error {
	base, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil { // there is no commit yet
		if base, err = r.output(ctx, "hash-object", "-t", "tree", "--stdin"); err != nil {
			return err
		}
	}
	var ids bytes.Buffer
	var paths []string
	err = r.stream(ctx, nil, func(out io.Reader) error {
		return eachChange(out, func(_ string, fields []string, path string) {
			if isFile := fields[1] != "160000"; isFile && !s.excluded(path) {
				ids.WriteString(fields[3] + "\n")
				paths = append(paths, path)
			}
		})
	}, "diff-index", "--cached", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv",
		"--diff-filter=ACMT", strings.TrimSpace(base), "--")
	if err != nil || len(paths) == 0 {
		return err
	}
	next := 0
	return r.objects(ctx, &ids, func(o object) error {
		path := paths[next]
		next++
		if o.kind == missing {
			return fmt.Errorf("%s: what is staged is not there", Redact(path))
		}
		s.Stats.Files++
		s.inName(path, func(m Match) { s.Found(findingOf(m, InFileName, path)) })
		return s.Read(ctx, o.content, InStaged, path)
	})
}

// eachChange reads what diff-tree and diff-index write: the ID of a commit, if
// there is one, and what it changed.
func eachChange(out io.Reader, each func(commit string, fields []string, path string)) error {
	in := bufio.NewReader(out)
	commit := ""
	for {
		token, err := in.ReadString(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		token = strings.TrimSuffix(token, "\x00")
		if !strings.HasPrefix(token, ":") {
			commit = token
			continue
		}
		path, err := in.ReadString(0)
		fields := strings.Fields(token)
		if err != nil || len(fields) < 5 {
			return fmt.Errorf("git: %.80q is not a change", token)
		}
		each(commit, fields, strings.TrimSuffix(path, "\x00"))
	}
}
