package docs_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readText returns the text of a file. Like all names of files in these tests,
// its name is relative to the root of the repository.
func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	require.NoError(t, err)
	return string(text)
}

// filesOf returns the names of the files that match one of the patterns.
func filesOf(t *testing.T, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join("..", pattern))
		require.NoError(t, err)
		for _, name := range names {
			files = append(files, strings.TrimPrefix(filepath.ToSlash(name), "../"))
		}
	}
	require.NotEmpty(t, files)
	return files
}

// textOf returns the texts of the files that match one of the patterns, one
// after the other.
func textOf(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range filesOf(t, patterns...) {
		all.WriteString(readText(t, name))
	}
	return all.String()
}

// documents returns the names of all documents.
func documents(t *testing.T) []string {
	t.Helper()
	return filesOf(t, "*.md", "docs/*.md")
}

// compiledCode returns the code that a document may show.
func compiledCode(t *testing.T) string {
	t.Helper()
	return textOf(t, "*_test.go", "docs/*_test.go", "bearertest/*_test.go", "examples/*/*.go", "adapters/*/*_test.go",
		"jwks/*_test.go", "issuer/*_test.go", "issuer/*/*_test.go", "stores/*/*_test.go", "otel/*_test.go",
		"test/migrating/*/*.go", "test/otel/*.go")
}

// blocksOf returns the fenced blocks of one language in a document.
func blocksOf(document, language string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)$\n(.*?)\n```$").FindAllStringSubmatch(document, -1) {
		if m[1] == language {
			blocks = append(blocks, m[2]+"\n")
		}
	}
	return blocks
}

func TestDocumentsShowCompiledCode(t *testing.T) {
	code := compiledCode(t)
	for _, name := range documents(t) {
		for i, block := range blocksOf(readText(t, name), "go") {
			if name == "README.md" && i == 0 {
				continue // TestReadmeProgramIsTheExample
			}
			found := strings.Contains(code, block) // assert.Contains would print all of the code
			assert.True(t, found, "%s, block %d:\n%s", name, i, block)
		}
	}
}

// A test runs each recipe: it names what the recipe exports.
func TestRecipesAreRun(t *testing.T) {
	code, tests := textOf(t, "examples/recipes/*.go"), textOf(t, "examples/recipes/*_test.go")
	declared := regexp.MustCompile(`(?m)^(?:func|type) ([A-Z]\w*)`)
	for i, block := range blocksOf(readText(t, "docs/recipes.md"), "go") {
		found := strings.Contains(code, block) // assert.Contains would print all of the code
		assert.True(t, found, "block %d is no code of examples/recipes:\n%s", i, block)
		names := declared.FindAllStringSubmatch(block, -1)
		run := slices.ContainsFunc(names, func(m []string) bool { return strings.Contains(tests, "recipes."+m[1]) })
		assert.True(t, run || len(names) == 0, "no test runs block %d:\n%s", i, block)
	}
}

// A test compares the answers in the table of each guide.
func TestGuidesAreCompared(t *testing.T) {
	tests := textOf(t, "test/migrating/*/*_test.go")
	guides := regexp.MustCompile(`(?m)^## (From .+)$`).FindAllStringSubmatch(readText(t, "docs/migrating.md"), -1)
	assert.Len(t, guides, 7)
	for _, m := range guides {
		found := strings.Contains(tests, `sides.Compare(t, "`+m[1]+`"`) // assert.Contains would print all of the code
		assert.True(t, found, m[1])
	}
}

// anchors returns the fragments of the links to the headings of a document.
func anchors(document string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(document, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		names = append(names, regexp.MustCompile(`[^\w-]`).ReplaceAllString(name, ""))
	}
	return names
}

func TestDocumentsLinkToFiles(t *testing.T) {
	code := regexp.MustCompile("(?ms)^```.*?\n```$|`[^`\n]*`") // in which brackets are no links
	for _, name := range documents(t) {
		text := code.ReplaceAllString(readText(t, name), "")
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			link, err := url.Parse(m[1])
			require.NoError(t, err)
			if link.IsAbs() {
				continue
			}
			target := name
			if link.Path != "" {
				target = filepath.Join(filepath.Dir(name), link.Path)
			}
			_, err = os.Stat(filepath.Join("..", target))
			assert.NoError(t, err, "%s: %s", name, m[1])
			if link.Fragment != "" {
				assert.Contains(t, anchors(readText(t, target)), link.Fragment, "%s: %s", name, m[1])
			}
		}
	}
}

// docs/jwks.md has the issuers and URLs that the settings are tested with.
func TestDocumentHasProviders(t *testing.T) {
	page := readText(t, "docs/jwks.md")
	for _, m := range regexp.MustCompile(`\b(?:Issuer|URL): +"([^"]+)"`).
		FindAllStringSubmatch(readText(t, "jwks/providers_test.go"), -1) {
		found := strings.Contains(page, "`"+m[1]+"`") // assert.Contains would print the page
		assert.True(t, found, m[1])
	}
}

// A test that a document names exists.
func TestDocumentsNameTests(t *testing.T) {
	code := textOf(t, "*_test.go", "docs/*_test.go", "internal/*/*_test.go", "bearertest/*.go",
		"issuer/*_test.go", "issuer/*/*_test.go", "stores/*/*_test.go", "examples/platform/*_test.go",
		"cmd/*/internal/*/*_test.go")
	for _, name := range documents(t) {
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllStringSubmatch(readText(t, name), -1) {
			found := strings.Contains(code, "func "+m[1]+"(") // assert.Contains would print all of the code
			assert.True(t, found, "%s: %s", name, m[1])
		}
	}
}

// Each requirement has the test over HTTP that its row names, and each number that
// a test names is a requirement.
func TestRequirementsHaveTests(t *testing.T) {
	proved := make(map[string]bool)
	for _, number := range regexp.MustCompile(`\bS[0-4]\.\d+\b`).
		FindAllString(textOf(t, "*_test.go", "issuer/*_test.go", "examples/platform/*_test.go"), -1) {
		proved[number] = true
	}
	owed := make(map[string]bool)
	for _, row := range regexp.MustCompile(`(?m)^\| (S([0-4])\.(\d+)) \| .* \| (.*) \|$`).
		FindAllStringSubmatch(readText(t, "docs/requirements.md"), -1) {
		owed[row[1]] = true
		assert.Contains(t, row[4], "`TestS"+row[2]+"_"+row[3]+"`", row[1])
	}
	assert.Equal(t, slices.Sorted(maps.Keys(owed)), slices.Sorted(maps.Keys(proved)))
}
