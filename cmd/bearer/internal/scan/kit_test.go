package scan_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

// newKey returns the text of a new key of a namespace.
func newKey(namespace string) string {
	text, _ := bearer.KeyFormat{Namespace: namespace}.Generate(bearer.SecretKey, bearer.Live)
	return text
}

// fingerprintOf returns the fingerprint of a key's text.
func fingerprintOf(tb testing.TB, text string) string {
	tb.Helper()
	key, err := scan.Parse(text)
	require.NoError(tb, err)
	return key.Fingerprint
}

// matches returns the keys that a scanner finds in a text.
func matches(tb testing.TB, s *scan.Scanner, r io.Reader) []scan.Match {
	tb.Helper()
	var found []scan.Match
	_, err := s.Scan(r, func(m scan.Match) { found = append(found, m) })
	require.NoError(tb, err)
	return found
}

func matchesIn(tb testing.TB, text string) []scan.Match {
	tb.Helper()
	return matches(tb, &scan.Scanner{}, bytes.NewReader([]byte(text)))
}

// inUTF16 returns a text in UTF-16, little-endian or big-endian.
func inUTF16(text string, big bool) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		if big {
			out = append(out, byte(unit>>8), byte(unit))
		} else {
			out = append(out, byte(unit), byte(unit>>8))
		}
	}
	return string(out)
}

// A search is a scan.Search that keeps what it is told.
type search struct {
	scan.Search

	found  []scan.Finding
	failed []string
}

func newSearch() *search {
	s := &search{}
	s.Found = func(f scan.Finding) { s.found = append(s.found, f) }
	s.Failed = func(path string, _ error) { s.failed = append(s.failed, path) }
	s.Progress = func(scan.Stats) {}
	return s
}

// fingerprints returns those of the keys that were found, each with where it was
// found first.
func (s *search) fingerprints() map[string]string {
	set := map[string]string{}
	for _, f := range s.found {
		if _, has := set[f.Fingerprint]; !has {
			set[f.Fingerprint] = f.Place()
		}
	}
	return set
}

// A repository is one of git in a directory of a test.
type repository struct {
	tb  testing.TB
	dir string
}

// newRepository returns an empty one. The test is skipped without git.
func newRepository(tb testing.TB) *repository {
	tb.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("BEARER_REQUIRE_SERVICES") == "1" {
			tb.Fatal("there is no git")
		}
		tb.Skip("there is no git")
	}
	r := &repository{tb: tb, dir: tb.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.git("config", "user.name", "test")
	r.git("config", "user.email", "test@example.com")
	r.git("config", "gc.auto", "0")
	return r
}

// git runs git in the repository, and returns what it writes.
func (r *repository) git(args ...string) string {
	r.tb.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := c.CombinedOutput()
	require.NoError(r.tb, err, "git %q: %s", args, out)
	return string(bytes.TrimSpace(out))
}

// write writes a file.
func (r *repository) write(name, text string) {
	r.tb.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	require.NoError(r.tb, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.tb, os.WriteFile(path, []byte(text), 0o644))
}

// commit commits all that there is.
func (r *repository) commit(message string) string {
	r.tb.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// history searches the history.
func (r *repository) history() *search {
	r.tb.Helper()
	s := newSearch()
	opened, err := scan.OpenRepository(context.Background(), r.dir, false)
	require.NoError(r.tb, err)
	require.NoError(r.tb, s.History(context.Background(), opened))
	return s
}
