package docs_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bodyOf returns the text of a function's body, without its checked output.
func bodyOf(t *testing.T, source, name string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "source.go", source, parser.ParseComments)
	require.NoError(t, err)
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
			body := source[f.Body.Lbrace : f.Body.Rbrace-1] // positions count from 1
			body, _, _ = strings.Cut(body, "\t// Output:")
			return body
		}
	}
	require.Fail(t, "no function is called "+name)
	return ""
}

func TestReadmeProgramIsTheExample(t *testing.T) {
	readme := readText(t, "README.md")
	program := blocksOf(readme, "go")[0]
	example := readText(t, "example_test.go")
	assert.Equal(t, bodyOf(t, example, "Example"), bodyOf(t, program, "main"))

	name := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(name, []byte(program), 0o600))
	command := exec.Command("go", "run", name)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	require.NoError(t, err, problems.String())
	assert.Equal(t, blocksOf(readme, "text")[0], string(out))
}

// docs/deployment.md shows this setting.
var _ = bearer.Config{
	Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		if e != nil {
			log.Print(p, ": ", e)
		}
	},
}

// The README shows this line.
var _ = func(mux *http.ServeMux, guard *bearer.Guard, list func(http.ResponseWriter, *http.Request)) {
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(http.HandlerFunc(list)))
}

// docs/answers.md shows this one.
var _ = func(store bearer.KeyStore) (*bearer.Guard, error) {
	guard, err := bearer.New(bearer.Config{Keys: store, ErrorHandler: bearer.WriteProblem})
	return guard, err
}

// And this one, for endpoints.
var _ = func(w http.ResponseWriter, r *http.Request) {
	bearer.WriteError(w, r, &bearer.Error{
		Code: bearer.CodeInvalidRequest, Reason: "invalid_request",
		Param: "expires_at", Detail: "expires_at must be in the future",
	})
}

func TestReadmeTableOfRouters(t *testing.T) {
	code := compiledCode(t)
	rows := regexp.MustCompile("(?m)^\\| [^|]+ \\| `(.+)` \\|$").FindAllStringSubmatch(readText(t, "README.md"), -1)
	lines := 0
	for _, row := range rows {
		if strings.Contains(row[1], "guard") && strings.Contains(row[1], "/v1/tokens") {
			lines++
			found := strings.Contains(code, "\t"+row[1]+"\n") // assert.Contains would print all of the code
			assert.True(t, found, row[1])
		}
	}
	assert.Equal(t, 5, lines)
}

// The README has what guards answer, docs/answers.md what only endpoints do, and
// both together have each reason of the package with its code.
func TestReadmeTableOfCodes(t *testing.T) {
	codeOf, guards := reasonsOfCode(t)
	listed := make(map[string]string) // reasons, by the document that has them
	for _, name := range []string{"README.md", "docs/answers.md"} {
		for _, row := range codeRows(t, name) {
			t.Run(name+" "+row.code+" "+row.reason, func(t *testing.T) {
				w := httptest.NewRecorder()
				e := &bearer.Error{Code: bearer.Code(row.code), Reason: row.reason}
				bearer.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), e)
				assert.Equal(t, row.status, strconv.Itoa(w.Code))
				assert.Equal(t, codeOf[row.reason], row.code)
				assert.Equal(t, guards[row.reason], name == "README.md", "it belongs into the other table")
				assert.True(t, isReason(row.reason), "a reason without a message")
				challenged := w.Header().Get("WWW-Authenticate") != ""
				assert.True(t, w.Code != 401 || challenged, "a 401 without a challenge")
				assert.Equal(t, w.Code == 400 && name == "README.md", w.Code == 400 && challenged)
				assert.Equal(t, w.Code == 429 || w.Code == 503, w.Header().Get("Retry-After") != "")
			})
			if other, ok := listed[row.reason]; ok {
				assert.Equal(t, other, name, "%s is in both tables", row.reason)
			}
			listed[row.reason] = name
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(codeOf)), slices.Sorted(maps.Keys(listed)))
	assert.Len(t, listed, 29)
}

// A codeRow is a reason in a table of codes.
type codeRow struct{ code, status, reason string }

// codeRows returns the rows of a document's table of codes, one for each reason.
func codeRows(t *testing.T, name string) []codeRow {
	t.Helper()
	var rows []codeRow
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d{3}) \\| ([^|]+) \\|").
		FindAllStringSubmatch(readText(t, name), -1) {
		for quoted := range strings.SplitSeq(m[3], ", ") {
			rows = append(rows, codeRow{m[1], m[2], strings.Trim(quoted, "`")})
		}
	}
	return rows
}

// reasonsOfCode returns the reasons of the table in codes.go with their codes, and
// which of them guards answer: those that the other files use.
func reasonsOfCode(t *testing.T) (codes map[string]string, guards map[string]bool) {
	t.Helper()
	source, others := readText(t, "codes.go"), ""
	for _, name := range filesOf(t, "*.go") {
		if !slices.Contains([]string{"codes.go", "errors.go", "writers.go"}, name) {
			others += readText(t, name)
		}
	}
	texts := make(map[string]string) // of the codes
	for _, m := range regexp.MustCompile(`(?m)^\t(Code\w+)\s+Code = "(\w+)"$`).FindAllStringSubmatch(source, -1) {
		texts[m[1]] = m[2]
	}
	codes, guards = make(map[string]string), make(map[string]bool)
	for _, m := range regexp.MustCompile(`(reason\w+):\s+\{\s*"(\w+)", (Code\w+),`).FindAllStringSubmatch(source, -1) {
		require.Contains(t, texts, m[3])
		codes[m[2]] = texts[m[3]]
		guards[m[2]] = regexp.MustCompile(m[1] + `\b`).MatchString(others)
	}
	return codes, guards
}

// isReason reports whether the package has a message for a reason.
func isReason(reason string) bool {
	none := bearer.Error{Code: "none"}
	e := bearer.Error{Code: "none", Reason: reason}
	return e.Message() != none.Message()
}

// A principal that a test puts into the context is for handlers: no guard
// trusts it.
func TestReadmeTesting(t *testing.T) {
	guard, err := bearer.New(bearer.Config{Keys: new(bearer.MemoryStore)})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r = r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{ID: "key_1", Scopes: "tokens:read"}))
	assert.Equal(t, "key_1", bearer.FromContext(r.Context()).ID)
	w := httptest.NewRecorder()
	guard.Require("tokens:read")(http.NotFoundHandler()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}
