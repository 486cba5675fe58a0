package issuer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// A loginWorld is an issuer whose sessions are tested.
type loginWorld struct {
	*issuer.Issuer
	t      *testing.T
	config issuer.Config
	store  *issuertest.Faults
	users  *issuertest.Users
	routes http.Handler
	guard  *bearer.Guard // of tokens, with a cache
	log    *loginLog
}

// A loginLog holds the events of all replicas, and the secrets that they must not
// have.
type loginLog struct {
	mu      sync.Mutex
	events  []issuer.Event
	all     string
	secrets []string
}

const (
	alicePassword = "a long enough password"
	aliceLogin    = `{"email":"alice@example.com","password":"` + alicePassword + `"}`
)

// newLoginWorld returns an issuer of JWTs, that change may configure further, with
// a user who is called alice.
func newLoginWorld(t *testing.T, change ...func(*issuer.Config)) *loginWorld {
	t.Helper()
	w := &loginWorld{
		t: t, log: &loginLog{}, users: &issuertest.Users{},
		store: &issuertest.Faults{Store: issuer.NewMemoryStore()},
	}
	w.setAlice(func(*issuer.User) {})
	w.config = issuer.Config{
		Store: w.store,
		Users: w.users,
		Tokens: &issuer.Tokens{
			Issuer:      "https://id.example",
			Audience:    "api",
			SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		},
		Events: w.log.add,
	}
	for _, f := range change {
		f(&w.config)
	}
	t.Cleanup(func() { w.log.assertClean(t) })
	return w.replica()
}

// replica returns another issuer over the same store.
func (w *loginWorld) replica() *loginWorld {
	w.t.Helper()
	other := *w
	var err error
	other.Issuer, err = issuer.New(w.config)
	require.NoError(w.t, err)
	other.routes = other.Handler()
	c := other.TokenConfig()
	c.Limit = bearer.Unlimited
	other.guard, err = bearer.New(c)
	require.NoError(w.t, err)
	return &other
}

// setAlice makes alice a user whom change may change.
func (w *loginWorld) setAlice(change func(*issuer.User)) {
	u := issuer.User{ID: "alice", Owner: "acme", Email: "alice@example.com", Version: "1", Scopes: "read write"}
	change(&u)
	w.users.Add(u, alicePassword)
}

func (l *loginLog) add(_ context.Context, e issuer.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	l.all += fmt.Sprintf("%+v\n", e)
}

// keep notes secrets.
func (l *loginLog) keep(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, secrets...)
}

// assertClean checks that no event had a secret.
func (l *loginLog) assertClean(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range append(l.secrets, alicePassword) {
		assert.NotContains(t, l.all, secret)
	}
}

// told returns the events so far, and forgets them.
func (w *loginWorld) told() (events []issuer.Event) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	events, w.log.events = w.log.events, nil
	return events
}

// typesOf returns the types of events.
func typesOf(events []issuer.Event) []string {
	types := []string{}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// A reply is an answer.
type reply struct {
	code    int
	text    string
	members map[string]any
	header  http.Header
}

// member returns a member of the body that is a text, or of its error.
func (r reply) member(name string) string {
	if text, isText := r.members[name].(string); isText {
		return text
	}
	e, _ := r.members["error"].(map[string]any)
	text, _ := e[name].(string)
	return text
}

// expiresIn returns the member expires_in.
func (r reply) expiresIn() int {
	n, _ := r.members["expires_in"].(float64)
	return int(n)
}

// do sends a request with header fields, which are "Name: value". "From" is the
// client's address.
func (w *loginWorld) do(method, path, body string, fields ...string) reply {
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "From" {
			r.RemoteAddr = value + ":1234"
			continue
		}
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.routes.ServeHTTP(rec, r)
	answer := reply{code: rec.Code, text: rec.Body.String(), header: rec.Header()}
	if answer.text != "" {
		assert.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &answer.members), answer.text)
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		if secret := answer.member(name); secret != "" {
			w.log.keep(secret)
		}
	}
	return answer
}

// login sends the body of a login.
func (w *loginWorld) login(body string, fields ...string) reply {
	return w.do(http.MethodPost, "/auth/login", body, fields...)
}

// loginOf returns the body of a login by an API key. Each session is a session_id.
func loginOf(key string, session ...string) string {
	members := map[string]string{"api_key": key}
	for _, s := range session {
		members["session_id"] = s
	}
	body, _ := json.Marshal(members)
	return string(body)
}

// token returns the access token of a login that must succeed.
func (w *loginWorld) token(body string) string {
	w.t.Helper()
	r := w.login(body)
	require.Equal(w.t, http.StatusOK, r.code, r.text)
	return r.member("access_token")
}

// alice logs alice in.
func (w *loginWorld) alice() reply {
	w.t.Helper()
	r := w.login(aliceLogin)
	require.Equal(w.t, http.StatusOK, r.code, r.text)
	return r
}

// refresh sends a refresh token.
func (w *loginWorld) refresh(token string) reply {
	body, err := json.Marshal(map[string]string{"refresh_token": token})
	require.NoError(w.t, err)
	return w.do(http.MethodPost, "/auth/refresh", string(body))
}

// key makes a key, that change may change.
func (w *loginWorld) key(change ...func(*issuer.APIKey)) (text string, key issuer.APIKey) {
	w.t.Helper()
	k := issuer.APIKey{Name: "k", Kind: bearer.SecretKey, Scopes: "read write"}
	for _, f := range change {
		f(&k)
	}
	text, key, err := w.CreateKey(w.t.Context(), issuer.Operator("acme"), k)
	require.NoError(w.t, err)
	w.log.keep(text)
	return text, key
}

// verdict returns "ok" if the guard lets a token through, or the reason why not.
func (w *loginWorld) verdict(token string) string {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	_, err := w.guard.Check(r)
	return reasonOf(err)
}

// payload returns the claims of a token, unverified.
func payload(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &claims))
	return claims
}

// sidOf returns the ID of the session of a token.
func sidOf(t *testing.T, token string) string {
	t.Helper()
	sid, _ := payload(t, token)["sid"].(string)
	return sid
}
