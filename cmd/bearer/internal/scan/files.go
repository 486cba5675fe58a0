package scan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Files searches a file, or all files below a directory. What is not a regular
// file is passed over, but for root itself: links are not followed, and a pipe
// would have no end. So is .git, which holds the history: Repositories gets the
// directory that it is in.
func (s *Search) Files(ctx context.Context, root string) error {
	info, err := os.Stat(root)
	if err != nil {
		s.Failed(root, err)
		return nil
	}
	if !info.IsDir() {
		return s.file(ctx, root)
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil && root != resolved {
		slash := string(filepath.Separator)
		root = strings.TrimSuffix(root, slash) + slash // WalkDir does not follow root
	}
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.Failed(name, err)
			return nil
		case name == root:
			return nil
		case s.excludes(root, name):
			return skip(entry)
		case entry.Name() == ".git":
			s.Repositories = append(s.Repositories, filepath.Dir(name))
			return skip(entry)
		case entry.Name() == "HEAD" && isBare(filepath.Dir(name)):
			s.Repositories = append(s.Repositories, filepath.Dir(name))
		}
		s.inName(entry.Name(), func(m Match) { s.Found(findingOf(m, InFileName, name)) })
		if !entry.Type().IsRegular() {
			return nil
		}
		return s.file(ctx, name)
	})
}

// skip passes over a file, or a directory with all that is below it.
func skip(entry fs.DirEntry) error {
	if entry.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// isBare reports whether a directory with a HEAD looks like a repository without a
// work tree.
func isBare(dir string) bool {
	objects, err := os.Stat(filepath.Join(dir, "objects"))
	refs, other := os.Stat(filepath.Join(dir, "refs"))
	return err == nil && other == nil && objects.IsDir() && refs.IsDir()
}

// inName calls found with the keys in the name of a file.
func (s *Search) inName(name string, found func(Match)) {
	_, _ = s.Scanner.Scan(strings.NewReader(name), func(m Match) {
		m.Line, m.Column = 0, 0
		found(m)
	})
}

// file searches one file. Only the end of the context is its error.
func (s *Search) file(ctx context.Context, name string) error {
	f, err := os.Open(name) //nolint:gosec // the names are what is asked for
	if err != nil {
		s.Failed(name, err)
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	s.Stats.Files++
	if err := s.Read(ctx, f, InFile, name); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.Failed(name, err)
	}
	return nil
}

// excludes reports whether a pattern matches a name, or its path below root.
func (s *Search) excludes(root, name string) bool {
	relative, err := filepath.Rel(root, name)
	if err != nil {
		return false
	}
	return s.excluded(filepath.ToSlash(relative))
}

func (s *Search) excluded(relative string) bool {
	for _, pattern := range s.Exclude {
		byPath, _ := path.Match(pattern, relative) // CheckPatterns has seen the error
		byName, _ := path.Match(pattern, path.Base(relative))
		if byPath || byName {
			return true
		}
	}
	return false
}

// CheckPatterns returns an error if a pattern for Search.Exclude is malformed.
func CheckPatterns(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return errors.New(pattern + ": " + err.Error())
		}
	}
	return nil
}
