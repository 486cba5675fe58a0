package command_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/command"
)

func TestUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"nothing", nil, 2, "", "a command is missing"},
		{"help", []string{"help"}, 0, "usage: bearer COMMAND", ""},
		{"-h", []string{"-h"}, 0, "usage: bearer COMMAND", ""},
		{"help of a group", []string{"help", "keys"}, 0, "usage: bearer keys COMMAND", ""},
		{"-h of a group", []string{"keys", "-h"}, 0, "usage: bearer keys COMMAND", ""},
		{"help of a command", []string{"help", "key", "new"}, 0, "usage: bearer key new [flags]", ""},
		{"-h of a command", []string{"scan", "-h"}, 0, "usage: bearer scan [flags] [PATH…]", ""},
		{"--help of a command", []string{"keys", "list", "--help"}, 0, "usage: bearer keys list", ""},
		{"help of two commands", []string{"help", "scan", "man"}, 2, "", "help is about one command"},
		{"help of none", []string{"help", "nothing"}, 2, "", `there is no command "nothing"`},
		{"a misspelling", []string{"scna"}, 2, "", `is it "scan"?`},
		{"a misspelling in a group", []string{"keys", "lst"}, 2, "", `is it "keys list"?`},
		{"a group alone", []string{"keys"}, 2, "", "has the commands list, create, rotate, revoke, import and migrate"},
		{"a long name", []string{strings.Repeat("x", 200)}, 2, "", "there is no command"},
		{"an unknown flag", []string{"scan", "-nope"}, 2, "", "flag provided but not defined"},
		{"a flag without its value", []string{"scan", ".", "-namespace"}, 2, "", "flag needs an argument"},
		{"an argument where none is", []string{"key", "new", "x"}, 2, "", "secrets are read from standard input"},
		{"a version", []string{"version"}, 0, "bearer ", ""},
		{"-version", []string{"-version"}, 0, "bearer ", ""},
		{"help in JSON", []string{"help", "-json"}, 0, `{"commands":[{"command":"key new","does":"make keys"`, ""},
		{"help of a command in JSON", []string{"help", "key", "new", "-json"}, 0, `{"command":"key new","does":"make keys"`, ""},
		{"an error in JSON", []string{"nothing", "-json"}, 2, "", `{"error":{"exit":2,"message":"there is no command`},
		{"control characters", []string{"\x1b[2J"}, 2, "", `there is no command "\x1b[2J"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := run(t, "", tt.args...)
			assert.Equal(t, tt.code, r.code)
			assert.Contains(t, r.out, tt.out)
			assert.Contains(t, r.err, tt.err)
			assert.Equal(t, tt.out == "", r.out == "")
			assert.Equal(t, tt.err == "", r.err == "")
		})
	}
}

// A secret among the arguments is refused wherever it stands, and not repeated.
func TestSecretsAreNoArguments(t *testing.T) {
	key, token := newKey("acme"), "eyJhbGciOiJub25lIn0.e30.x"
	for _, args := range [][]string{
		{key}, {"key", "check", key}, {"key", "check", "-file=" + key}, {"help", key}, {"keys", "revoke", key, "-json"},
		{"token", "inspect", token}, {token}, {"key", "check", key[:len(key)-1] + "!"}, {"scan", "--", key},
	} {
		r := run(t, "", args...)
		assert.Equal(t, 2, r.code, "%d arguments", len(args))
		assert.Contains(t, r.err, "looks like a secret")
		assert.NotContains(t, r.err+r.out, key[15:30])
		assert.NotContains(t, r.err+r.out, token)
	}
}

// Each command says what it does in a few lines of up to 100 columns, has -json
// and a usage for each flag.
func TestCommandsAreDescribed(t *testing.T) {
	for _, c := range command.New().Commands {
		t.Run(c.Name, func(t *testing.T) {
			r := run(t, "", append([]string{"help"}, strings.Fields(c.Name)...)...)
			require.Zero(t, r.code)
			assert.Contains(t, r.out, "-json")
			assert.NotContains(t, r.out, "\n        \n")
			for line := range strings.Lines(c.Long) {
				assert.LessOrEqual(t, len([]rune(line)), 130, line)
			}
			assert.NotContains(t, c.Short, ".")
		})
	}
}

// docs/command.md ends with the reference that the program prints.
func TestDocumentHasReference(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../../docs/command.md"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the module stands alone") // as users fetch it
	}
	require.NoError(t, err)
	r := run(t, "", "man", "-markdown")
	require.Zero(t, r.code)
	found := bytes.HasSuffix(page, []byte("\n## Commands\n\n"+r.out)) // assert.Contains would print the page
	assert.True(t, found, "let docs/command.md end with what bearer man -markdown prints")
}

func TestManual(t *testing.T) {
	r := run(t, "", "man")
	require.Zero(t, r.code)
	for _, want := range []string{".TH BEARER 1", ".SH NAME", `.SS "bearer keys import [flags] FILE"`, `.SH "EXIT CODES"`} {
		assert.Contains(t, r.out, want)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff")
	}
	c := exec.Command(groff, "-man", "-ww", "-z", "-Tutf8")
	c.Stdin = strings.NewReader(r.out)
	out, err := c.CombinedOutput()
	require.NoError(t, err)
	assert.Empty(t, string(out))
}

func TestCompletion(t *testing.T) {
	for _, shell := range cli.Shells() {
		r := run(t, "", "completion", shell)
		assert.Zero(t, r.code)
		assert.Contains(t, r.out, "pepper-encoding")
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		out, err := exec.Command(path, "-n", file(t, r.out)).CombinedOutput() // reads it, and executes nothing
		assert.NoError(t, err, "%s: %s", shell, out)
	}
	assert.Equal(t, 2, run(t, "", "completion").code)
	assert.Equal(t, 2, run(t, "", "completion", "csh").code)
}

func TestCompletionOfBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	script := file(t, run(t, "", "completion", "bash").out)
	tests := []struct {
		words string // the last is completed
		want  []string
		not   []string
	}{
		{"bearer ''", []string{"key", "keys", "scan", "help"}, []string{"new"}},
		{"bearer sc", []string{"scan"}, []string{"key"}},
		{"bearer keys r", []string{"rotate", "revoke"}, []string{"list"}},
		{"bearer keys list -ow", []string{"-owner"}, []string{"-name"}},
		{"bearer scan . -his", []string{"-history"}, nil},
		{"bearer patterns git", []string{"gitleaks", "github"}, []string{"regexp"}},
		{"bearer key new -kind ''", []string{"secret", "publishable"}, []string{"-n", "-kind"}},
		{"bearer key new -environment l", []string{"live"}, []string{"test"}},
		{"bearer key new -namespace ''", nil, []string{"-n", "-kind"}},
		{"bearer completion ''", []string{"bash", "zsh", "fish"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			out, err := exec.Command(bash, "-c", `source "$1"; COMP_WORDS=(`+tt.words+`)
				COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _bearer; printf '%s\n' "${COMPREPLY[@]}"`, "bash", script).Output()
			require.NoError(t, err)
			got := strings.Fields(string(out))
			for _, want := range tt.want {
				assert.Contains(t, got, want)
			}
			for _, not := range tt.not {
				assert.NotContains(t, got, not)
			}
		})
	}
}

// The commands of docs/command.md are there, with the flags that they have.
func TestDocumentHasCommands(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../../docs/command.md"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the module stands alone") // as users fetch it
	}
	require.NoError(t, err)
	behind := regexp.MustCompile(`( [<>|&#]| <\().*`) // a redirection, a comment
	count := 0
	for line := range strings.Lines(string(page)) {
		line, found := strings.CutPrefix(strings.TrimSpace(line), "bearer ")
		if !found {
			continue
		}
		count++
		args := append(strings.Fields(behind.ReplaceAllString(line, "")), "-h")
		r := run(t, "", args...)
		assert.Zero(t, r.code, "%s: %s", line, r.err)
	}
	assert.Greater(t, count, 30)
}

// A reader that has had enough ends the program, which prints nothing then.
func TestBrokenPipe(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	p := program(t)
	c := exec.Command(bash, "-c", `"$1" key new -n 50000 | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"`, "bash", p.Path)
	c.Env = p.Env
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	require.NoError(t, err)
	assert.Equal(t, "141\n", string(out), "as of a program that SIGPIPE ends")
	assert.Empty(t, complaints.String())
}

// An interrupt ends long work, and says so by the exit code.
func TestInterrupt(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { assert.NoError(t, errors.Join(reader.Close(), writer.Close())) }()
	c := program(t, "scan", "-")
	c.Stdin = reader
	var complaints strings.Builder
	c.Stderr = &complaints
	require.NoError(t, c.Start())
	_, err = writer.WriteString(strings.Repeat("x", 60_000))
	require.NoError(t, err)
	time.Sleep(200 * time.Millisecond) // until it reads
	require.NoError(t, c.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, c.Wait(), &exit)
	assert.Equal(t, 130, exit.ExitCode())
	assert.Equal(t, "bearer: interrupted\n", complaints.String())
}
