// Package sides compares what two programs answer with the tables of
// docs/migrating.md.
package sides

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Row is one line of a table: what is asked, and the requests that ask it.
type Row struct {
	Name          string
	Before, After *http.Request // After is nil if both programs are asked the same
}

// Compare sends each row's requests to the two programs, in order, and requires
// that the first table under the heading has exactly these rows and the answers.
func Compare(t *testing.T, heading string, before, after http.Handler, rows []Row) {
	t.Helper()
	got := make([]string, 0, len(rows))
	for _, row := range rows {
		first, second := row.Before, row.After
		if second == nil {
			second = again(t, first)
		}
		got = append(got, "| "+row.Name+" | "+answer(before, first)+" | "+answer(after, second)+" |")
	}
	assert.Equal(t, table(t, heading), got)
}

// Get returns a request with a credential in the Authorization field, if any.
func Get(target, credential string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return r
}

// With returns the request with one more header field.
func With(r *http.Request, name, value string) *http.Request {
	r.Header.Add(name, value)
	return r
}

// Post returns a request with a body of JSON.
func Post(target, body string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// Serve returns the answer of a handler.
func Serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// again returns a copy of a request, whose body it buffers.
func again(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	second := r.Clone(r.Context())
	second.Body = io.NopCloser(strings.NewReader(string(body)))
	return second
}

// answer returns the cell of a table: the status and, of a refusal, what names
// the reason in the body.
func answer(h http.Handler, r *http.Request) string {
	w := Serve(h, r)
	if w.Code < http.StatusBadRequest {
		return strconv.Itoa(w.Code)
	}
	return strconv.Itoa(w.Code) + " `" + reason(strings.TrimSpace(w.Body.String())) + "`"
}

// reason finds what names the reason in bearer's body, in those of the other
// libraries, or takes the text as it is.
func reason(body string) string {
	var of struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal([]byte(body), &of) != nil {
		return body
	}
	var code string
	var ours struct {
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(of.Error, &code)
	_ = json.Unmarshal(of.Error, &ours)
	return cmp.Or(ours.Reason, of.Message, code, body)
}

// table returns the rows of the first table of three columns that begins with
// "request", under a heading of docs/migrating.md.
func table(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "migrating.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	_, rows, found := strings.Cut(section, "\n| request | before | after |\n|---|---|---|\n")
	require.True(t, found, "no table of requests")
	rows, _, _ = strings.Cut(rows, "\n\n")
	return strings.Split(strings.TrimSpace(rows), "\n")
}
