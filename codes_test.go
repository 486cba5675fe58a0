package bearer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An endpointCase is a refusal of an endpoint that issues credentials.
type endpointCase struct {
	name        string // also of the file with the answers
	err         bearer.Error
	status      int
	family      string // error.type of WriteError
	message     string
	challenge   string
	oauth       string // error of WriteOAuthError
	oauthStatus int    // zero: status
}

// endpointCases has each code that no guard answers, and each field that none sets.
func endpointCases() []endpointCase {
	const (
		bare    = `Bearer realm="api"`
		invalid = "invalid_request_error"
		request = "The request is not valid."
		name    = "name must have 1 to 255 bytes"
		scope   = bare + `, error="insufficient_scope", scope="a b"`
	)
	refusal := func(code bearer.Code, change ...func(*bearer.Error)) bearer.Error {
		e := bearer.Error{Code: code, Reason: string(code)}
		for _, c := range change {
			c(&e)
		}
		return e
	}
	param := func(e *bearer.Error) { e.Param = "name" }
	detail := func(e *bearer.Error) { e.Detail = name }
	because := func(reason string) func(*bearer.Error) { return func(e *bearer.Error) { e.Reason = reason } }
	return []endpointCase{
		{"invalid_request", refusal("invalid_request"), 400, invalid, request, "", "invalid_request", 0},
		{"invalid_request_alone", refusal("invalid_request", because("")), 400, invalid, request, "", "invalid_request", 0},
		{"invalid_param", refusal("invalid_request", param), 400, invalid, request, "", "invalid_request", 0},
		{"invalid_param_with_detail", refusal("invalid_request", param, detail), 400, invalid, name, "", "invalid_request", 0},
		{"reason_of_others_with_param", refusal("invalid_request", param, because("weak")), 400, invalid, request, "", "invalid_request", 0},
		{"reason_of_others", refusal("invalid_request", because("weak")), 400, invalid, request, bare + `, error="invalid_request"`, "invalid_request", 0},
		{"invalid_refresh_token", refusal("invalid_refresh_token"), 401, "authentication_error", "The refresh token is not valid.", bare, "invalid_grant", 400},
		{"credentials_with_param", refusal("invalid_credentials", param), 401, "authentication_error", "The credentials are not valid.", bare, "invalid_client", 0},
		{"forbidden_with_param", refusal("forbidden", param, detail, because("environment_mismatch")), 403, "permission_error", name, "", "access_denied", 0},
		{"scope_with_param", refusal("forbidden", param, because("scope_insufficient"), func(e *bearer.Error) { e.Scopes = "a b" }), 403, "permission_error", "The credential lacks a required scope.", scope, "insufficient_scope", 0},
		{"not_found", refusal("not_found"), 404, invalid, "There is no such resource.", "", "invalid_request", 0},
		{"method_not_allowed", refusal("method_not_allowed"), 405, invalid, "The resource does not have this method.", "", "invalid_request", 0},
		{"conflict", refusal("conflict"), 409, invalid, "The state of the resource does not allow this.", "", "invalid_request", 0},
		{"conflict_with_detail", refusal("conflict", detail), 409, invalid, name, "", "invalid_request", 0},
		{"payload_too_large", refusal("payload_too_large"), 413, invalid, "The body of the request is too large.", "", "invalid_request", 0},
		{"unsupported_media_type", refusal("unsupported_media_type"), 415, invalid, "The body of the request is of a type that is not supported.", "", "invalid_request", 0},
		{"too_many_with_detail", refusal("rate_limit_exceeded", detail), 429, "rate_limit_error", name, "", "temporarily_unavailable", 0},
	}
}

// S4.9, S4.12: what endpoints answer, through every writer. Whole answers are in
// testdata/errors.
func TestErrorTableOfEndpoints(t *testing.T) {
	for _, row := range endpointCases() {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.status, row.err.StatusCode())
			assert.Equal(t, row.message, row.err.Message())
			row.err = *row.err.WithCause(errDatabase)
			var all string
			for _, writer := range writers {
				w := httptest.NewRecorder()
				writer.write(w, httptest.NewRequest(http.MethodPost, "/v1/api_keys", nil), &row.err)
				status, challenge := row.status, row.challenge
				if writer.name == "WriteOAuthError" && row.oauthStatus != 0 {
					status, challenge = row.oauthStatus, ""
				}
				assert.Equal(t, status, w.Code)
				assert.Equal(t, challenge, w.Header().Get("WWW-Authenticate"))
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
				assert.Equal(t, row.want(writer.name), membersOf(t, w))
				answer := dump(w)
				assert.NotContains(t, answer, "10.0.0.7", "no cause")
				all += "--- " + writer.name + "\n" + answer
			}
			golden(t, row.name, all)
		})
	}
}

// want returns the members of the body that a writer sends.
func (c endpointCase) want(writer string) map[string]any {
	reason := c.err.Reason
	if reason == "" {
		reason = string(c.err.Code)
	}
	named := map[string]any{"code": string(c.err.Code), "reason": reason, "status": float64(c.status)}
	if c.err.Param != "" {
		named["param"] = c.err.Param
	}
	switch writer {
	case "WriteError":
		named["type"], named["message"] = c.family, c.message
		return map[string]any{"error": named}
	case "WriteStatusMessage":
		return map[string]any{"status": false, "message": c.message}
	case "WriteOAuthError":
		return map[string]any{"error": c.oauth, "error_description": c.message}
	}
	named["type"], named["title"], named["detail"] = "about:blank", http.StatusText(c.status), c.message
	if c.status == http.StatusTooManyRequests {
		named["type"] = "https://iana.org/assignments/http-problem-types#quota-exceeded"
		named["violated-policies"] = []any{"default"}
	}
	return named
}

// membersOf returns the members of an answer's body.
func membersOf(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &members), "%s", w.Body)
	return members
}

// RFC 6749 section 5.2: no writer of this form sends other characters, whatever an
// application says.
func TestOAuthDescriptionIsPlain(t *testing.T) {
	const fixed = "The request is not valid."
	for _, row := range []struct {
		name   string
		detail string
		want   string
	}{
		{"none", "", fixed},
		{"plain", "scope must not be empty", "scope must not be empty"},
		{"every character of the section", " !#[]~", " !#[]~"},
		{"a quote", `scope "a" is not allowed`, fixed},
		{"a backslash", `a\b`, fixed},
		{"a control character", "a\nb", fixed},
		{"NUL", "a\x00b", fixed},
		{"DEL", "a\x7fb", fixed},
		{"beyond ASCII", "é", fixed},
		{"no UTF-8", "a\xff", fixed},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := &bearer.Error{Code: bearer.CodeInvalidRequest, Reason: "invalid_request", Param: "\"\\\né", Detail: row.detail}
			w := httptest.NewRecorder()
			bearer.WriteOAuthError(w, httptest.NewRequest(http.MethodPost, "/oauth/token", nil), e)
			assert.Equal(t, map[string]any{"error": "invalid_request", "error_description": row.want}, membersOf(t, w))
			if row.detail != "" {
				assert.Equal(t, row.detail, e.Message(), "the other forms can quote it")
			}
		})
	}
}

// Param and Detail are quoted: a member's name may be what a client sent.
func TestParamIsQuoted(t *testing.T) {
	const odd = "a\"b\\c\n<é\xff\x00"
	for _, writer := range writers {
		t.Run(writer.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			e := &bearer.Error{Code: bearer.CodeInvalidRequest, Param: odd, Detail: odd}
			writer.write(w, httptest.NewRequest(http.MethodPost, "/", nil), e)
			members := membersOf(t, w)
			if inner, ok := members["error"].(map[string]any); ok {
				members = inner
			}
			const decoded = "a\"b\\c\n<é\ufffd\x00"
			if param, ok := members["param"]; ok {
				assert.Equal(t, decoded, param)
			}
			assert.Equal(t, writer.name == "WriteError" || writer.name == "WriteProblem", members["param"] != nil)
			assert.NotContains(t, fmt.Sprint(w.Header()), "a\"b")
			assert.NotContains(t, e.Error(), "\"b\\c\n<é\xff\x00: ", "a log line is not broken by a name")
		})
	}
}

func TestWithCause(t *testing.T) {
	plain := &bearer.Error{Code: bearer.CodeNotFound, Reason: "not_found"}
	caused := plain.WithCause(errDatabase)
	assert.Equal(t, "bearer: not_found", plain.Error(), "it is a copy")
	require.NoError(t, plain.Unwrap())
	assert.Equal(t, "bearer: not_found: "+errDatabase.Error(), caused.Error())
	require.ErrorIs(t, caused, errDatabase)
	assert.Equal(t, bearer.CodeNotFound, bearer.CodeOf(fmt.Errorf("wrapped: %w", caused)))
	assert.Equal(t, "bearer: not_found: gone", plain.WithCause(errors.New("bearer: gone")).Error())
	assert.Equal(t, "bearer: not_found", caused.WithCause(nil).Error())
	assert.NotContains(t, caused.Message(), "10.0.0.7")
	text, err := json.Marshal(caused)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "10.0.0.7")
}

func TestErrorTextOfEndpoints(t *testing.T) {
	for _, row := range []struct {
		name string
		err  bearer.Error
		want string
	}{
		{"param", bearer.Error{Code: "invalid_request", Param: "name"}, `bearer: invalid_request: "name"`},
		{"detail", bearer.Error{Code: "conflict", Detail: "two secrets live"}, "bearer: conflict: two secrets live"},
		{"both", bearer.Error{Code: "invalid_request", Param: "a", Detail: "a is long"}, `bearer: invalid_request: "a": a is long`},
		{"a line break", bearer.Error{Code: "invalid_request", Param: "a\nb"}, `bearer: invalid_request: "a\nb"`},
		{"reason", bearer.Error{Code: "forbidden", Reason: "environment_mismatch", Param: "environment"}, `bearer: forbidden: environment_mismatch: "environment"`},
	} {
		assert.Equal(t, row.want, row.err.Error(), row.name)
		assert.Equal(t, row.want+": "+errDatabase.Error(), row.err.WithCause(errDatabase).Error(), row.name)
	}
}

// SetHeader sets what the writers set, and leaves the rest to the endpoint.
func TestSetHeader(t *testing.T) {
	cases := endpointCases()
	for _, e := range []bearer.Error{
		{Code: bearer.CodeUnauthorized, Reason: "invalid_token"},
		{Code: bearer.CodeServiceUnavailable, Reason: "store_unavailable", RetryAfter: 1001 * time.Millisecond},
		{Code: bearer.CodeRateLimitExceeded, RetryAfter: -1},
	} {
		cases = append(cases, endpointCase{name: string(e.Code), err: e})
	}
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			bearer.WriteError(w, nil, &row.err)
			want := w.Header()
			want.Set("Content-Type", "text/plain")
			want.Set("Allow", "GET, HEAD")
			h := http.Header{"Content-Type": {"text/plain"}, "Allow": {"GET, HEAD"}, "Cache-Control": {"public"}}
			row.err.SetHeader(h)
			assert.Equal(t, want, h)
		})
	}
	h := make(http.Header)
	(*bearer.Error)(nil).SetHeader(h)
	assert.Equal(t, []string{"Cache-Control", "X-Content-Type-Options"}, slices.Sorted(maps.Keys(h)))
}

// RFC 9110 section 15.5.6: the endpoint sets Allow, and every writer keeps it.
func TestWritersKeepAllow(t *testing.T) {
	for _, writer := range writers {
		w := httptest.NewRecorder()
		w.Header().Set("Allow", "GET, HEAD")
		writer.write(w, nil, &bearer.Error{Code: bearer.CodeMethodNotAllowed})
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"), writer.name)
	}
}

// What a guard refuses costs no more allocations than the fields and the body
// need, and neither does a refusal of an endpoint.
func TestAllocationsOfRefusals(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	_, key := newKey(bearer.SecretKey, bearer.Live)
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
	refused := func(credential string) func(http.ResponseWriter) {
		r := request(http.MethodGet, "/v1/tokens", credential)
		return func(w http.ResponseWriter) { h.ServeHTTP(w, r) }
	}
	written := func(e bearer.Error) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { bearer.WriteError(w, nil, &e) }
	}
	long := strings.Repeat("x", 100)
	for _, row := range []struct {
		name string
		call func(http.ResponseWriter)
		most float64
	}{
		{"no credential", refused(""), 4},
		{"unknown key", refused(unknown), 4},
		{"not found", written(bearer.Error{Code: "not_found"}), 2},
		{"a param", written(bearer.Error{Code: "invalid_request", Reason: "invalid_request", Param: "allowed_origins", Detail: long}), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &discard{make(http.Header)}
			assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { row.call(w) }), row.most)
		})
	}
}
