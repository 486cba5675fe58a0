package docs_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// design.md says how many functions a request with a known key enters. They are
// counted by the coverage of a benchmark: those that ran once for each request.
func TestFunctionsOfARequest(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the core once more, with coverage")
	}
	const requests = 2000
	profile := filepath.Join(t.TempDir(), "cover.out")
	count := exec.Command("go", "test", "-run=^$", "-bench=^BenchmarkKey$/^keys=1$/^serial$",
		fmt.Sprintf("-benchtime=%dx", requests), "-covermode=count", "-coverpkg=./...", "-coverprofile="+profile, ".")
	count.Dir = ".."
	output, err := count.CombinedOutput()
	require.NoError(t, err, "%s", output)

	functions, files := 0, 0
	for file, lines := range linesThatRan(t, profile, requests) {
		names := functionsAt(t, filepath.Join("..", file), lines)
		t.Logf("%s: %s", file, strings.Join(names, " "))
		functions += len(names)
		files++
	}
	assert.LessOrEqual(t, functions, 36)
	said := regexp.MustCompile(`enters \d+ functions in \d+ files`).FindString(readText(t, "docs/design.md"))
	assert.Equal(t, fmt.Sprintf("enters %d functions in %d files", functions, files), said)
}

// linesThatRan returns the first line of each block that ran so often, by file.
func linesThatRan(t *testing.T, profile string, often int) map[string][]int {
	t.Helper()
	f, err := os.Open(profile)
	require.NoError(t, err)
	defer f.Close()
	lines := make(map[string][]int)
	for s := bufio.NewScanner(f); s.Scan(); {
		file, block, ok := strings.Cut(strings.TrimPrefix(s.Text(), "github.com/blockauth/bearer/"), ":")
		var line, column, endLine, endColumn, statements, ran int
		_, err := fmt.Sscanf(block, "%d.%d,%d.%d %d %d", &line, &column, &endLine, &endColumn, &statements, &ran)
		if ok && err == nil && ran >= often {
			lines[file] = append(lines[file], line)
		}
	}
	return lines
}

// functionsAt returns the functions of a file that have one of the lines.
func functionsAt(t *testing.T, path string, lines []int) (names []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	require.NoError(t, err)
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := set.Position(f.Pos()).Line, set.Position(f.End()).Line
		for _, line := range lines {
			if first <= line && line <= last {
				names = append(names, f.Name.Name)
				break
			}
		}
	}
	return names
}
