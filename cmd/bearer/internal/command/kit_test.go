package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/cmd/bearer/internal/cli"
	"github.com/blockauth/bearer/cmd/bearer/internal/command"
)

// The test binary is the program, too: a test that needs a process of its own
// starts it with this variable.
const asProgram = "BEARER_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		os.Exit(command.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program returns a command that runs the program in a process of its own.
func program(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	require.NoError(tb, err)
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// A result is what the program did.
type result struct {
	code     int
	out, err string
}

// lines returns the JSON objects in the output.
func (r result) lines(tb testing.TB) []map[string]any {
	tb.Helper()
	var list []map[string]any
	for line := range strings.Lines(r.out) {
		var object map[string]any
		require.NoError(tb, json.Unmarshal([]byte(line), &object), line)
		list = append(list, object)
	}
	return list
}

// run runs the program with an input, in this process.
func run(tb testing.TB, in string, args ...string) result {
	tb.Helper()
	return runWith(context.Background(), tb, &cli.Streams{In: strings.NewReader(in)}, args...)
}

func runWith(ctx context.Context, tb testing.TB, s *cli.Streams, args ...string) result {
	tb.Helper()
	var out, errors bytes.Buffer
	s.Out, s.Err = &out, &errors
	if s.Getenv == nil {
		s.Getenv = func(string) string { return "" }
	}
	code := command.New().Main(ctx, s, args)
	return result{code, out.String(), errors.String()}
}

// newKey returns the text of a new secret key for live data.
func newKey(namespace string) string {
	text, _ := bearer.KeyFormat{Namespace: namespace}.Generate(bearer.SecretKey, bearer.Live)
	return text
}

func hintOf(text string) string { return text[:len(text)-31] }

// file writes a file in a directory of the test, and returns its path.
func file(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "file.txt")
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
	return path
}
