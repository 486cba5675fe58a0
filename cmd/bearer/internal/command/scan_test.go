package command_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
)

// git runs git in a directory. The test is skipped without git.
func git(tb testing.TB, dir string, env []string, args ...string) (string, error) {
	tb.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		tb.Skip("there is no git")
	}
	c := exec.Command(path, append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func mustGit(tb testing.TB, dir string, args ...string) {
	tb.Helper()
	out, err := git(tb, dir, nil, args...)
	require.NoError(tb, err, out)
}

func TestScan(t *testing.T) {
	key := newKey("acme")
	published, _ := bearer.KeyFormat{}.Generate(bearer.PublishableKey, bearer.Test)
	path := file(t, "a\n  "+key+"\n"+published+"\n")
	tests := []struct {
		name, in string
		args     []string
		code     int
		out      string
	}{
		{"a file", "", []string{path}, 1, path + ":2:3: " + hintOf(key) + " (secret, live)\n" +
			path + ":3:1: " + hintOf(published) + " (publishable, test)\n"},
		{"a namespace", "", []string{path, "-namespace", "acme"}, 1, path + ":2:3: " + hintOf(key) + " (secret, live)\n"},
		{"without a namespace", "", []string{"-namespace=", path}, 1, path + ":3:1: " + hintOf(published) + " (publishable, test)\n"},
		{"a kind", "", []string{path, "-kind", "publishable"}, 1, path + ":3:1: " + hintOf(published) + " (publishable, test)\n"},
		{"an environment", "", []string{path, "-environment", "live"}, 1, path + ":2:3: " + hintOf(key) + " (secret, live)\n"},
		{"another namespace", "", []string{path, "-namespace", "other"}, 0, ""},
		{"excluded", "", []string{filepath.Dir(path), "-exclude", "*.txt"}, 0, ""},
		{"standard input", "x " + key, []string{"-"}, 1, "1:3 (standard input): " + hintOf(key) + " (secret, live)\n"},
		{"nothing", "", []string{file(t, "sk_live_")}, 0, ""},
		{"what is missing", "", []string{"/does/not/exist"}, 3, ""},
		{"a key, and what is missing", "", []string{"/does/not/exist", path, "-kind", "secret"}, 1, path + ":2:3: " + hintOf(key) + " (secret, live)\n"},
		{"no path", "", nil, 2, ""},
		{"a malformed pattern", "", []string{".", "-exclude", "["}, 2, ""},
		{"a malformed namespace", "", []string{".", "-namespace", "A"}, 2, ""},
		{"a malformed kind", "", []string{".", "-kind", "A"}, 2, ""},
		{"a malformed baseline", "", []string{".", "-baseline", path}, 2, ""},
		{"a missing baseline", "", []string{".", "-baseline", "/does/not/exist"}, 3, ""},
		{"staged and a path", "", []string{".", "-staged"}, 2, ""},
		{"two forms", "", []string{".", "-sarif", "-", "-json"}, 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, tt.in, append([]string{"scan"}, tt.args...)...)
			assert.Equal(t, tt.code, r.code, r.err)
			assert.Equal(t, tt.out, r.out)
			assert.NotContains(t, r.out+r.err, key[15:])
		})
	}
}

func TestScanInJSON(t *testing.T) {
	key := newKey("acme")
	path := file(t, key+key)
	r := run(t, "", "scan", "-json", path)
	assert.Equal(t, 1, r.code)
	lines := r.lines(t)
	require.Len(t, lines, 2)
	mark, _ := lines[0]["fingerprint"].(string)
	assert.Equal(t, map[string]any{
		"in": "file", "path": path, "line": 1.0, "column": 1.0, "hint": hintOf(key), "namespace": "acme",
		"kind": "secret", "environment": "live", "fingerprint": mark,
	}, lines[0])
	assert.NotContains(t, bearer.KeyFormat{}.Hash(key).String(), mark, "it is not that of a store")
	var summary struct {
		Summary struct {
			Keys, Places, Files int
			Complete            bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.err), &summary))
	assert.Equal(t, 1, summary.Summary.Keys)
	assert.Equal(t, 2, summary.Summary.Places)
	assert.True(t, summary.Summary.Complete)
}

func TestScanWithBaseline(t *testing.T) {
	known, leaked := newKey("acme"), newKey("acme")
	path := file(t, known)
	r := run(t, "", "scan", "-fingerprints", path)
	require.Zero(t, r.code)
	assert.Regexp(t, `^[0-9a-f]{32}  `+hintOf(known)+`  `+regexp.QuoteMeta(path)+":1:1\n$", r.out)
	baseline := file(t, "# known\n"+r.out)
	assert.Zero(t, run(t, "", "scan", "-baseline", baseline, path).code)
	r = run(t, known+" "+leaked, "scan", "-baseline", baseline, "-")
	assert.Equal(t, 1, r.code)
	assert.NotContains(t, r.out, hintOf(known))
	assert.Contains(t, r.out, hintOf(leaked))
}

// A report has what code scanning of GitHub asks for: a relative URI, a line, and
// a fingerprint that stays.
func TestScanWritesSARIF(t *testing.T) {
	dir, key := t.TempDir(), newKey("acme")
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("a b.txt", []byte("\n"+key), 0o600))
	r := run(t, "", "scan", "-sarif", "report.sarif", ".")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.out, "a b.txt:2:1")
	report, err := os.ReadFile("report.sarif")
	require.NoError(t, err)
	var written struct {
		Version string
		Runs    []struct {
			Results []struct {
				RuleID, Level       string
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(report, &written))
	assert.Equal(t, "2.1.0", written.Version)
	require.Len(t, written.Runs, 1)
	require.Len(t, written.Runs[0].Results, 1)
	result := written.Runs[0].Results[0]
	assert.Equal(t, "secret-key", result.RuleID)
	assert.Equal(t, "error", result.Level)
	assert.Len(t, result.PartialFingerprints["bearerKey/v1"], 32)
	assert.Equal(t, "a%20b.txt", result.Locations[0].PhysicalLocation.ArtifactLocation.URI)
	assert.Equal(t, 2, result.Locations[0].PhysicalLocation.Region.StartLine)
	assert.NotContains(t, string(report), key[15:])

	require.NoError(t, os.Remove("a b.txt"))
	require.NoError(t, os.Remove("report.sarif"))
	r = run(t, "", "scan", "-sarif", "-", ".")
	assert.Zero(t, r.code)
	assert.Contains(t, r.out, `"results": []`, "code scanning refuses null")
}

func TestScanHistory(t *testing.T) {
	dir, key := t.TempDir(), newKey("acme")
	mustGit(t, dir, "init", "-q")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte(key), 0o600))
	mustGit(t, dir, "add", "a")
	mustGit(t, dir, "commit", "-q", "-m", "Add", "--date", "2020-02-03T04:05:06Z")
	mustGit(t, dir, "rm", "-q", "a")
	mustGit(t, dir, "commit", "-q", "-m", "Remove")
	below := filepath.Join(dir, "below")
	require.NoError(t, os.Mkdir(below, 0o700))
	const once = `^a:1:1 2020-02-03 \(history, commit [0-9a-f]{12}\): acme_sk_live_\w{8} \(secret, live\)\n$`
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a repository", []string{dir}, once},
		{"a repository, twice", []string{dir, "-history", below, dir}, once},
		{"its .git", []string{filepath.Join(dir, ".git")}, once},
		{"what has it below", []string{filepath.Dir(dir)}, once},
		{"no history", []string{dir, "-history=false"}, "^$"},
		{"a part of it", []string{below}, "^$"},
		{"a part, and the history", []string{"-history", below}, once},
		{"excluded", []string{filepath.Dir(dir), "-exclude", filepath.Base(dir)}, "^$"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, "", append([]string{"scan"}, tt.args...)...)
			assert.Regexp(t, tt.want, r.out, r.err)
			assert.Equal(t, r.out != "", r.code == cli.No)
		})
	}
	r := run(t, "", "scan", "-history=x", dir)
	assert.Equal(t, cli.BadUsage, r.code)
	r = run(t, "", "scan", "-sarif", "-", dir)
	assert.Contains(t, r.out, `"commit": "`)

	shallow := filepath.Join(t.TempDir(), "clone")
	mustGit(t, dir, "clone", "-q", "--depth", "1", "file://"+dir, shallow)
	r = run(t, "", "scan", shallow)
	assert.Zero(t, r.code)
	assert.Contains(t, r.err, "does not have all of its history: it is shallow")

	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r = run(t, "", "scan", "-history", t.TempDir())
	assert.Equal(t, 3, r.code)
	assert.Contains(t, r.err, "the history of ")
	assert.Contains(t, r.err, ": git rev-parse")
}

// Code scanning of GitHub refuses a whole report if one result has no location
// with a line: that of a message of a commit, say.
func TestScanLocatesAllInSARIF(t *testing.T) {
	dir := t.TempDir()
	mustGit(t, dir, "init", "-q")
	require.NoError(t, os.WriteFile(filepath.Join(dir, newKey("acme")), nil, 0o600))
	mustGit(t, dir, "add", ".")
	mustGit(t, dir, "commit", "-q", "-m", "Add "+newKey("acme"))
	mustGit(t, dir, "tag", "-a", "v1", "-m", newKey("acme"))
	mustGit(t, dir, "branch", "fix-"+newKey("acme"))
	r := run(t, newKey("acme"), "scan", "-sarif", "-", "-", dir)
	require.Equal(t, cli.No, r.code, r.err)
	assert.NotContains(t, r.out, `"uri": ""`)
	assert.NotContains(t, r.out, `"startLine": 0`)
	results := strings.Count(r.out, `"ruleId"`)
	assert.Equal(t, 6, results, "the file once more in the history, and each other key once: %s", r.out)
	assert.Equal(t, results, strings.Count(r.out, `"uri"`))
	assert.Equal(t, results, strings.Count(r.out, `"startLine"`))
}

// What is broken in a repository hides nothing else, and is told.
func TestScanBrokenHistory(t *testing.T) {
	dir, key := t.TempDir(), newKey("acme")
	mustGit(t, dir, "init", "-q")
	for _, name := range []string{"broken", "good"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name+" "+key), 0o600))
		mustGit(t, dir, "add", name)
		mustGit(t, dir, "commit", "-q", "-m", "Add "+name)
	}
	id, err := git(t, dir, nil, "rev-parse", "HEAD~1:broken")
	require.NoError(t, err)
	object := filepath.Join(dir, ".git", "objects", id[:2], strings.TrimSpace(id[2:]))
	require.NoError(t, os.Chmod(object, 0o600))
	require.NoError(t, os.WriteFile(object, []byte("garbage"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "broken")))
	require.NoError(t, os.Remove(filepath.Join(dir, "good")))
	r := run(t, "", "scan", "-json", dir)
	assert.NotEqual(t, 0, r.code)
	assert.Contains(t, r.err, "git cat-file")
	assert.Contains(t, r.err, `"complete":false`)
}

// A terminal shows no name as control characters, and long work shows that it
// goes on.
func TestScanOnTerminal(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/\x1b[2J\u202e", []byte(newKey("")), 0o600))
	r := runWith(context.Background(), t, &cli.Streams{OutTerminal: true, ErrTerminal: true}, "scan", dir)
	assert.Equal(t, 1, r.code)
	assert.NotContains(t, r.out, "\x1b")
	assert.NotContains(t, r.out, "\u202e")
	assert.Contains(t, r.out, `\x1b[2J\u202e:1:1"`)
	assert.Contains(t, r.err, "1 key in 1 place; searched 1 file, 0 objects of git")
}

// The hook of .pre-commit-hooks.yaml, as git calls it, stops a commit with a key.
func TestScanStagedAsHook(t *testing.T) {
	dir := t.TempDir()
	mustGit(t, dir, "init", "-q")
	p := program(t)
	hook := "#!/bin/sh\nexec '" + p.Path + "' scan -staged\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".git", "hooks", "pre-commit"), []byte(hook), 0o700))
	env := []string{asProgram + "=1"}
	path := filepath.Join(dir, "with space")
	require.NoError(t, os.WriteFile(path, []byte("key: "+newKey("acme")), 0o600))
	mustGit(t, dir, "add", ".")

	out, err := git(t, dir, env, "commit", "-q", "-m", "Add")
	require.Error(t, err)
	assert.Contains(t, out, "with space:1:6: acme_sk_live_")
	require.NoError(t, os.WriteFile(path, []byte("key: none"), 0o600))
	out, err = git(t, dir, env, "commit", "-q", "-m", "Add")
	assert.Error(t, err, "what is staged counts: %s", out)
	out, err = git(t, dir, env, "commit", "-q", "-a", "-m", "Add")
	assert.NoError(t, err, "git commit -a has an index of its own: %s", out)
}

func TestPatterns(t *testing.T) {
	key := newKey("acme")
	r := run(t, "", "patterns", "gitleaks", "-namespace", "acme")
	require.Zero(t, r.code)
	rules := regexp.MustCompile(`(?m)^regex = '''(.+)'''$`).FindAllStringSubmatch(r.out, -1)
	require.Len(t, rules, 2)
	match := regexp.MustCompile(rules[0][1]).FindStringSubmatch(`key="` + key + `"`)
	require.NotNil(t, match)
	assert.Equal(t, key, match[1])
	assert.Contains(t, r.out, `keywords = ["acme_sk_live_", "acme_sk_test_"]`)
	assert.Nil(t, regexp.MustCompile(rules[0][1]).FindStringSubmatch(key+"x"))
	assert.Nil(t, regexp.MustCompile(rules[1][1]).FindStringSubmatch(key))

	r = run(t, "", "patterns", "regexp")
	assert.Regexp(t, "^"+strings.TrimSpace(r.out)+"$", newKey(""))
	r = run(t, "", "patterns", "github", "-namespace", "acme")
	assert.Contains(t, r.out, "acme_sk_live_…")
	assert.NotContains(t, r.out, "pk")
	r = run(t, "", "patterns", "-json", "gitleaks")
	assert.Contains(t, r.lines(t)[0], "toml")
	for _, args := range [][]string{{"patterns"}, {"patterns", "trufflehog"}, {"patterns", "regexp", "-namespace", "A"}} {
		assert.Equal(t, 2, run(t, "", args...).code)
	}
}
