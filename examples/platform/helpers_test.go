package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	program "github.com/blockauth/bearer/examples/platform"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A platformAPI is the platform as its users see it, from one address.
type platformAPI struct {
	*program.Seeds
	issuer  *issuer.Issuer
	store   issuer.Store
	handler http.Handler
	from    string // what X-Forwarded-For says
}

// newPlatform returns a new platform.
func newPlatform(t *testing.T) platformAPI {
	t.Helper()
	return newPlatformWith(t, "HS256")
}

// newPlatformWith returns a new platform whose tokens are signed by the algorithm.
func newPlatformWith(t *testing.T, algorithm string) platformAPI {
	t.Helper()
	p, end := openPlatform(t, algorithm)
	t.Cleanup(func() { assert.NoError(t, end()) })
	return p
}

// openPlatform returns a new platform, and what ends it.
func openPlatform(t *testing.T, algorithm string) (p platformAPI, end func() error) {
	t.Helper()
	database := "" // in memory
	if isOverSQLite() {
		database = filepath.Join(scratch, fmt.Sprintf("%d.db", lastDatabase.Add(1)))
	}
	made := program.New(t, algorithm, database, slog.New(slog.NewTextHandler(&logged, nil)))
	logged.hides(
		made.Password, made.MemberPassword, made.APISecret, made.ClientSecret, made.IntrospectClientSecret,
		made.SecretKey, made.PublishableKey,
	)
	return platformAPI{made.Seeds, made.Issuer, made.Store, made.Handler, "192.0.2.1"}, made.Close
}

var (
	sharedOnce sync.Once
	shared     platformAPI
	lastClient atomic.Uint32

	lastDatabase atomic.Uint32
)

// sharedPlatform returns the platform of all tests that break nothing of its
// seeds, seen from an address of the test's own.
func sharedPlatform(t *testing.T) platformAPI {
	t.Helper()
	sharedOnce.Do(func() { shared, _ = openPlatform(t, "HS256") }) // ends with all tests
	require.NotNil(t, shared.handler)
	p, n := shared, lastClient.Add(1)
	p.from = fmt.Sprintf("198.18.%d.%d", n/250, n%250+1)
	return p
}

// at returns the platform as it is seen from another address.
func (p platformAPI) at(address string) platformAPI {
	p.from = address
	return p
}

// A request is one that a test makes.
type request struct {
	method, path string
	token        string // of the Authorization field
	header       map[string]string
	json         any        // the body
	form         url.Values // the body
	body         string     // the body as it is
}

// An answer is what came back, with its body.
type answer struct {
	*http.Response
	text []byte
}

// do makes a request, and asserts that its answer is as the document says.
func (p platformAPI) do(t *testing.T, q request) answer {
	t.Helper()
	a := p.doOnly(t, q)
	r, sent := p.request(t, q)
	assertDescribed(t, r, sent, a.Response, a.text)
	return a
}

// doOnly makes a request.
func (p platformAPI) doOnly(t *testing.T, q request) answer {
	t.Helper()
	r, _ := p.request(t, q)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	logged.hidesAll(w.Body.String())
	return answer{w.Result(), w.Body.Bytes()}
}

func (p platformAPI) request(t *testing.T, q request) (*http.Request, []byte) {
	t.Helper()
	sent, mediaType := []byte(q.body), ""
	switch {
	case q.json != nil:
		text, err := json.Marshal(q.json)
		require.NoError(t, err)
		sent, mediaType = text, "application/json"
	case q.form != nil:
		sent, mediaType = []byte(q.form.Encode()), "application/x-www-form-urlencoded"
	}
	r := httptest.NewRequest(q.method, q.path, bytes.NewReader(sent))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("X-Forwarded-For", p.from)
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r, sent
}

func (p platformAPI) get(t *testing.T, path, token string) answer {
	t.Helper()
	return p.do(t, request{method: http.MethodGet, path: path, token: token})
}

func (p platformAPI) post(t *testing.T, path, token string, body any) answer {
	t.Helper()
	return p.do(t, request{method: http.MethodPost, path: path, token: token, json: body})
}

func (p platformAPI) put(t *testing.T, path, token string, body any) answer {
	t.Helper()
	return p.do(t, request{method: http.MethodPut, path: path, token: token, json: body})
}

func (p platformAPI) patch(t *testing.T, path, token string, body any) answer {
	t.Helper()
	return p.do(t, request{method: http.MethodPatch, path: path, token: token, json: body})
}

func (p platformAPI) delete(t *testing.T, path, token string) answer {
	t.Helper()
	return p.do(t, request{method: http.MethodDelete, path: path, token: token})
}

// object is a JSON object.
type object = map[string]any

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(text, &v), "%s", text)
	return v
}

// is asserts the status, and returns the answer.
func (a answer) is(t *testing.T, wantStatus int) answer {
	t.Helper()
	require.Equal(t, wantStatus, a.StatusCode, "%s", a.text)
	return a
}

// refuses asserts the status and the code of a refusal.
func (a answer) refuses(t *testing.T, wantStatus int, wantCode string) answer {
	t.Helper()
	a.is(t, wantStatus)
	assert.Equal(t, wantCode, a.member(t, "error", "code"), "%s", a.text)
	return a
}

// object returns the body.
func (a answer) object(t *testing.T) object {
	t.Helper()
	o, ok := decode(t, a.text).(object)
	require.True(t, ok, "%s", a.text)
	return o
}

// member returns a member of the body, or of an object in it.
func (a answer) member(t *testing.T, path ...string) any {
	t.Helper()
	var v any = a.object(t)
	for _, name := range path {
		o, ok := v.(object)
		require.True(t, ok, "%s", a.text)
		require.Contains(t, o, name)
		v = o[name]
	}
	return v
}

// str returns a member of the body that is a string.
func (a answer) str(t *testing.T, name string) string {
	t.Helper()
	text, ok := a.member(t, name).(string)
	require.True(t, ok, "%s: %s", name, a.text)
	return text
}

// num returns a member of the body that is a number.
func (a answer) num(t *testing.T, name string) int64 {
	t.Helper()
	n, ok := a.member(t, name).(float64)
	require.True(t, ok, "%s: %s", name, a.text)
	return int64(n)
}

// list returns the member data of the body.
func (a answer) list(t *testing.T) []object {
	t.Helper()
	var body struct {
		Data []object `json:"data"`
	}
	require.NoError(t, json.Unmarshal(a.text, &body))
	return body.Data
}

// claims returns the claims of a JWT.
func claims(t *testing.T, token string) object {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	o, ok := decode(t, text).(object)
	require.True(t, ok)
	return o
}

// login returns the access token and the refresh token of a user.
func (p platformAPI) login(t *testing.T, email, password string) (access, refresh string) {
	t.Helper()
	a := p.post(t, "/auth/login", "", object{"email": email, "password": password}).is(t, http.StatusOK)
	return a.str(t, "access_token"), a.str(t, "refresh_token")
}

// admin returns the access token of the user who may do everything.
func (p platformAPI) admin(t *testing.T) string {
	t.Helper()
	token, _ := p.login(t, p.Email, p.Password)
	return token
}

// register returns the access token of a new user, who may do everything with
// what is the user's own.
func (p platformAPI) register(t *testing.T) (email, access, refresh string) {
	t.Helper()
	email = fmt.Sprintf("user%d@example.com", lastClient.Add(1))
	a := p.post(t, "/auth/register", "", object{"email": email, "password": "correct horse"}).is(t, http.StatusCreated)
	return email, a.str(t, "access_token"), a.str(t, "refresh_token")
}

// session logs an API key in.
func (p platformAPI) session(t *testing.T, key, sessionID string) answer {
	t.Helper()
	body := object{"api_key": key}
	if sessionID != "" {
		body["session_id"] = sessionID
	}
	return p.post(t, "/auth/login", "", body)
}

// newKey makes an API key, with members in place of those that it has else.
func (p platformAPI) newKey(t *testing.T, token string, members object) answer {
	t.Helper()
	body := object{"name": "a key", "type": "secret"}
	maps.Copy(body, members)
	return p.post(t, "/v1/api_keys", token, body)
}

// key makes an API key and returns its text and its ID.
func (p platformAPI) key(t *testing.T, token string, members object) (text, id string) {
	t.Helper()
	a := p.newKey(t, token, members).is(t, http.StatusCreated)
	return a.str(t, "key"), a.str(t, "id")
}

// works asserts whether a credential is good, at the handler that takes all.
func (p platformAPI) works(t *testing.T, credential string, want bool) {
	t.Helper()
	a := p.get(t, "/api/v1/users/me", credential)
	if want {
		a.is(t, http.StatusOK)
	} else {
		a.is(t, http.StatusUnauthorized)
	}
}
