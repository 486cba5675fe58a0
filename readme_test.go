package bearer_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
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

// The README shows this setting.
var _ = bearer.Config{
	Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
		if e != nil {
			log.Print(p, ": ", e)
		}
	},
}

// compiledCode returns what documents may show.
func compiledCode(t *testing.T) string {
	t.Helper()
	var sources strings.Builder
	for _, pattern := range []string{"*_test.go", "bearertest/*_test.go", "examples/*/*.go", "adapters/*/*_test.go"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			sources.WriteString(readText(t, name))
		}
	}
	return sources.String()
}

// The README shows this line.
var _ = func(mux *http.ServeMux, guard *bearer.Guard, list func(http.ResponseWriter, *http.Request)) {
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(http.HandlerFunc(list)))
}

// And this one.
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
			found := strings.Contains(code, "\t"+row[1]+"\n") // and do not print all of it if not
			assert.True(t, found, row[1])
		}
	}
	assert.Equal(t, 5, lines)
}

// Everything in Go that a document shows is compiled somewhere.
func TestDocumentsShowCompiledCode(t *testing.T) {
	code := compiledCode(t)
	for _, name := range documents {
		for i, block := range blocksOf(readText(t, name), "go") {
			if name == "README.md" && i == 0 {
				continue // TestReadmeProgramIsTheExample
			}
			found := strings.Contains(code, block) // and do not print all sources if not
			assert.True(t, found, "%s, block %d:\n%s", name, i, block)
		}
	}
}

var documents = []string{
	"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
	"docs/benchmarks.md", "docs/deployment.md", "docs/design.md", "docs/keystore.md", "docs/requirements.md",
	"docs/security.md", "docs/testing.md",
}

func TestDocumentsLinkToFiles(t *testing.T) {
	for _, name := range documents {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(readText(t, name), -1) {
			link, err := url.Parse(m[1])
			require.NoError(t, err)
			if link.IsAbs() {
				continue
			}
			target := name
			if link.Path != "" {
				target = filepath.Join(filepath.Dir(name), link.Path)
			}
			_, err = os.Stat(target)
			assert.NoError(t, err, "%s: %s", name, m[1])
			if link.Fragment != "" {
				assert.Contains(t, anchors(readText(t, target)), link.Fragment, "%s: %s", name, m[1])
			}
		}
	}
}

// A test that a document names is there.
func TestDocumentsNameTests(t *testing.T) {
	names, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var sources strings.Builder
	for _, name := range names {
		sources.WriteString(readText(t, name))
	}
	for _, name := range documents {
		for _, m := range regexp.MustCompile("`(Test[A-Z]\\w+)`").FindAllStringSubmatch(readText(t, name), -1) {
			if m[1] == "TestKeyStore" || m[1] == "TestLimiter" || m[1] == "TestMiddleware" { // of bearertest
				continue
			}
			found := strings.Contains(sources.String(), "func "+m[1]+"(")
			assert.True(t, found, "%s: %s", name, m[1])
		}
	}
}

// Each requirement has a test that names it, and each number that a test names
// is a requirement.
func TestRequirementsHaveTests(t *testing.T) {
	number := regexp.MustCompile(`\bS[0-4]\.\d+\b`)
	names, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	proved := make(map[string]bool)
	for _, name := range names {
		for _, n := range number.FindAllString(readText(t, name), -1) {
			proved[n] = true
		}
	}
	owed := make(map[string]bool)
	for _, row := range regexp.MustCompile(`(?m)^\| (S[0-4]\.\d+) \|`).
		FindAllStringSubmatch(readText(t, "docs/requirements.md"), -1) {
		owed[row[1]] = true
	}
	assert.Equal(t, slices.Sorted(maps.Keys(owed)), slices.Sorted(maps.Keys(proved)))
}

// anchors returns the fragments by which the headings of a document are reached.
func anchors(document string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(document, -1) {
		name := strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")
		names = append(names, regexp.MustCompile(`[^\w-]`).ReplaceAllString(name, ""))
	}
	return names
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
				unknown := &bearer.Error{Code: "unknown", Reason: reason}
				assert.NotEqual(t, "Internal Server Error.", unknown.Message(), "a reason without a text")
				assert.True(t, w.Code != 401 || w.Header().Get("WWW-Authenticate") != "", "a 401 without a challenge")
				assert.Equal(t, w.Code == 429 || w.Code == 503, w.Header().Get("Retry-After") != "")
			})
			listed[reason] = true
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\t"(\w+)": +"`).FindAllStringSubmatch(readText(t, "errors.go"), -1) {
		assert.True(t, listed[m[1]], "the README does not list %s", m[1])
	}
	assert.Len(t, listed, 19)
}

// The store that the README shows.

type keyDB struct{ db *sql.DB }

func (s keyDB) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var k bearer.Key
	var expires, revoked sql.NullTime
	err := s.db.QueryRowContext(ctx, `SELECT id, hash, kind, environment, owner, scopes, expires_at, revoked_at
		FROM api_keys WHERE hash = $1`, hash).
		Scan(&k.ID, &k.Hash, &k.Kind, &k.Environment, &k.Owner, &k.Scopes, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bearer.ErrKeyNotFound
	}
	k.ExpiresAt, k.RevokedAt = expires.Time, revoked.Time
	return &k, err
}

func TestReadmeStore(t *testing.T) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	_, other := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	past := time.Now().Add(-time.Hour)
	table := func(found bearer.KeyHash, expires, revoked driver.Value) *fakeDB {
		return &fakeDB{rows: map[string][]driver.Value{string(hash[:]): {
			"key_1", found[:], int64(bearer.SecretKey), int64(bearer.Live), "user_1", "*", expires, revoked,
		}}}
	}
	for _, test := range []struct {
		name   string
		db     *fakeDB
		status int
		reason string
	}{
		{"a good key", table(hash, nil, nil), 204, ""},
		{"no row", &fakeDB{}, 401, "invalid_api_key"},
		{"the row of another key", table(other, nil, nil), 401, "invalid_api_key"},
		{"revoked", table(hash, nil, past), 401, "key_revoked"},
		{"expired", table(hash, past, nil), 403, "key_expired"},
		{"out of order", &fakeDB{err: errDatabase}, 503, "store_unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := sql.OpenDB(test.db)
			defer db.Close()
			w := get(newGuard(t, bearer.Config{Keys: keyDB{db}}).Handler(emptyAnswer), text)
			assert.Equal(t, test.status, w.Code)
			assert.Contains(t, w.Body.String(), test.reason)
		})
	}
}

// What the README says about tests of handlers.
func TestReadmeTesting(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r = r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{ID: "key_1", Scopes: "tokens:read"}))

	assert.Equal(t, "key_1", bearer.FromContext(r.Context()).ID)
	w := serve(newGuard(t, bearer.Config{Keys: new(bearer.MemoryStore)}).Require("tokens:read")(emptyAnswer), r)
	assert.Equal(t, http.StatusUnauthorized, w.Code, "no guard trusts it")
}
