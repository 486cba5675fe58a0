package scan_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/cmd/bearer/internal/scan"
)

func scanOpen(dir string) (*scan.Repository, error) {
	return scan.OpenRepository(context.Background(), dir, false)
}

func TestFilesPassesOver(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside.txt")
	require.NoError(t, os.WriteFile(outside, []byte(newKey("")), 0o600))
	for _, name := range []string{".git/config", "a/.git", "min.js/a", "b/x.min.js", "kept/file"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(newKey("")), 0o600))
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "loop")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))

	s := newSearch()
	s.Exclude = []string{"*.min.js", "min.js"}
	require.NoError(t, s.Files(context.Background(), dir))
	require.Len(t, s.found, 1)
	assert.Equal(t, filepath.Join(dir, "kept", "file"), s.found[0].Path)
	assert.Empty(t, s.failed)

	s = newSearch() // the root itself is followed
	require.NoError(t, s.Files(context.Background(), filepath.Join(dir, "loop")))
	assert.Len(t, s.found, 3)
	require.NoError(t, s.Files(context.Background(), filepath.Join(dir, "link")))
	assert.Len(t, s.found, 4)
}

func TestFilesGoesOnAfterFailure(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), []byte(newKey("")), 0o600))
	s := newSearch()
	require.NoError(t, s.Files(context.Background(), filepath.Join(dir, "missing")))
	require.NoError(t, s.Files(context.Background(), dir))
	assert.Equal(t, []string{filepath.Join(dir, "missing")}, s.failed)
	assert.Len(t, s.found, 1)
}

func TestFilesHidesKeyInName(t *testing.T) {
	dir, key := t.TempDir(), newKey("acme")
	require.NoError(t, os.WriteFile(filepath.Join(dir, key+".txt"), []byte(key), 0o600))
	s := newSearch()
	require.NoError(t, s.Files(context.Background(), dir))
	require.Len(t, s.found, 2)
	for _, f := range s.found {
		assert.NotContains(t, f.Path, key)
		assert.Contains(t, f.Path, f.Hint)
	}
	assert.Equal(t, []string{scan.InFileName, scan.InFile}, []string{s.found[0].In, s.found[1].In})
}

func TestFilesEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := newSearch()
	assert.ErrorIs(t, s.Files(ctx, t.TempDir()), context.Canceled)
	assert.ErrorIs(t, s.Read(ctx, strings.NewReader("x"), scan.InInput, ""), context.Canceled)
}

func TestStaged(t *testing.T) {
	r := newRepository(t)
	search := func() []scan.Finding {
		s := newSearch()
		s.Exclude = []string{"excluded"}
		opened, err := scanOpen(r.dir)
		require.NoError(t, err)
		require.NoError(t, s.Staged(context.Background(), opened))
		return s.found
	}
	first, second := newKey("acme"), newKey("")
	r.write("one", first)
	assert.Empty(t, search(), "nothing is staged")
	r.git("add", "one")
	found := search()
	require.Len(t, found, 1, "before the first commit")
	assert.Equal(t, fingerprintOf(t, first), found[0].Fingerprint)
	assert.Equal(t, "one:1:1", found[0].Place())
	r.commit("Add")
	assert.Empty(t, search(), "all is committed")
	r.write("two\n", second)
	r.write("excluded", second)
	r.git("add", "-A")
	r.write("two\n", "changed after it was staged")
	found = search()
	require.Len(t, found, 1)
	assert.Equal(t, fingerprintOf(t, second), found[0].Fingerprint)
	r.git("rm", "-q", "-f", "--cached", "two\n", "one", "excluded")
	assert.Empty(t, search(), "what is removed is not looked at")
}

func TestOpenRepositoryRefuses(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	_, err := scanOpen(t.TempDir())
	assert.ErrorContains(t, err, "not a git repository")
	_, err = scanOpen(filepath.Join(t.TempDir(), "missing"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}
