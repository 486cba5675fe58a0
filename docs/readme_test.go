package docs_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

func TestReadmeTableOfCodes(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d{3}) \\| ([^|]+) \\|").
		FindAllStringSubmatch(readText(t, "README.md"), -1)
	listed := make(map[string]bool)
	for _, row := range rows {
		for quoted := range strings.SplitSeq(row[3], ", ") {
			reason := strings.Trim(quoted, "`")
			t.Run(row[1]+" "+reason, func(t *testing.T) {
				w := httptest.NewRecorder()
				e := &bearer.Error{Code: bearer.Code(row[1]), Reason: reason}
				bearer.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), e)
				assert.Equal(t, row[2], strconv.Itoa(w.Code))
				assert.True(t, isReason(reason), "a reason without a message")
				assert.True(t, w.Code != 401 || w.Header().Get("WWW-Authenticate") != "", "a 401 without a challenge")
				assert.Equal(t, w.Code == 429 || w.Code == 503, w.Header().Get("Retry-After") != "")
			})
			listed[reason] = true
		}
	}
	for _, m := range regexp.MustCompile(`"([a-z]+(?:_[a-z]+)+)"`).FindAllStringSubmatch(textOf(t, "*.go"), -1) {
		assert.True(t, listed[m[1]] || !isReason(m[1]), "the README does not list %s", m[1])
	}
	assert.Len(t, listed, 22)
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
