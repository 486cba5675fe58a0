package issuer_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A clientWorld is an issuer whose clients are tested.
type clientWorld struct {
	*issuer.Issuer
	t      *testing.T
	routes http.Handler
	by     issuer.Caller

	mu     sync.Mutex
	events []issuer.Event
}

// newClientWorld returns an issuer of JWTs that change may configure further.
func newClientWorld(t *testing.T, change ...func(*issuer.Config)) *clientWorld {
	t.Helper()
	w := &clientWorld{t: t, by: issuer.Operator("acme")}
	c := issuer.Config{
		Tokens: &issuer.Tokens{
			Issuer:      "https://id.example",
			Audience:    "api",
			SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		},
		Events: func(_ context.Context, e issuer.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
	for _, f := range change {
		f(&c)
	}
	iss, err := issuer.New(c)
	require.NoError(t, err)
	w.Issuer, w.routes = iss, iss.Handler()
	return w
}

// told returns the types of the events so far, and forgets them.
func (w *clientWorld) told() (types []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		types = append(types, e.Type)
	}
	w.events = nil
	return types
}

// client makes a client of the world's caller.
func (w *clientWorld) client(c issuer.Client) (secret string, client issuer.Client) {
	w.t.Helper()
	secret, client, err := w.CreateClient(w.t.Context(), w.by, c)
	require.NoError(w.t, err)
	return secret, client
}

// storeCredential stores a credential whose secret has a hash that costs little.
func (w *clientWorld) storeCredential(store issuer.ClientStore) (secret, id string) {
	w.t.Helper()
	secret, id = rand.Text()+rand.Text(), "9e107d9d-372b-4b68-8d1f-1b0b0c9e3f77"
	hash, err := argon2id.CreateHash(secret, &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(w.t, err)
	require.NoError(w.t, store.CreateClient(w.t.Context(), issuer.Client{
		ID: id, Owner: w.by.Owner, Credential: true, Environment: bearer.Test, Scopes: "read",
		SecretHash: hash, CreatedAt: time.Now(), CreatedBy: w.by.ID, Version: 1,
	}))
	return secret, id
}

// send sends a request with header fields, which are "Name: value".
func (w *clientWorld) send(method, path, body string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.routes.ServeHTTP(rec, r)
	return rec
}

const isForm = "Content-Type: application/x-www-form-urlencoded"

// post sends a form.
func (w *clientWorld) post(path, body string, fields ...string) *httptest.ResponseRecorder {
	return w.send(http.MethodPost, path, body, append(fields, isForm)...)
}

// oauthToken returns a token of an OAuth client.
func (w *clientWorld) oauthToken(id, secret string) string {
	w.t.Helper()
	rec := w.post("/oauth/token", "grant_type=client_credentials&client_id="+id+"&client_secret="+secret)
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
	token, _ := decoded(w.t, rec)["access_token"].(string)
	require.NotEmpty(w.t, token)
	return token
}

// pairToken returns a token of a credential.
func (w *clientWorld) pairToken(key, secret string) string {
	w.t.Helper()
	rec := w.exchange(key, secret)
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
	token, _ := decoded(w.t, rec)["token"].(string)
	require.NotEmpty(w.t, token)
	return token
}

const isJSON = "Content-Type: application/json"

// exchange asks for a token of a credential.
func (w *clientWorld) exchange(key, secret string) *httptest.ResponseRecorder {
	body, err := json.Marshal(map[string]string{"apiKey": key, "apiSecret": secret})
	require.NoError(w.t, err)
	return w.send(http.MethodPost, "/auth/token", string(body), isJSON)
}

// status returns how a guard with a cache answers a token.
func (w *clientWorld) status(guard *bearer.Guard, token string) int {
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(rec, r)
	return rec.Code
}

// guard returns a guard for the tokens of the issuer.
func (w *clientWorld) guard() *bearer.Guard {
	w.t.Helper()
	guard, err := bearer.New(w.TokenConfig())
	require.NoError(w.t, err)
	return guard
}

// decoded returns the members of an answer.
func decoded(t *testing.T, rec *httptest.ResponseRecorder) (members map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &members), rec.Body)
	return members
}

// assertSecretAnswer asserts that no cache stores an answer.
func assertSecretAnswer(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	assert.Equal(t, "no-cache", rec.Header().Get("Pragma"))
}

// key makes an API key of the world's caller.
func (w *clientWorld) key(name string) string {
	w.t.Helper()
	text, _, err := w.CreateKey(w.t.Context(), w.by, issuer.APIKey{Name: name, Kind: bearer.SecretKey})
	require.NoError(w.t, err)
	return text
}
