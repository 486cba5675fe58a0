package leak_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/leak"
)

// A world is an issuer with both endpoints, and a GitHub of its own.
type world struct {
	*issuer.Issuer
	t       *testing.T
	github  *github
	scanner http.Handler
	reports http.Handler
	check   func(text string) int // of a guard

	mu     sync.Mutex
	events []issuer.Event
}

// A setup is what a world is made of, and may be changed before.
type setup struct {
	issuer  issuer.Config
	github  leak.GitHubConfig
	reports leak.ReportsConfig
}

func newWorld(t *testing.T, change ...func(*setup)) *world {
	t.Helper()
	w := &world{t: t, github: newGitHub(t)}
	s := setup{github: leak.GitHubConfig{Client: w.github.client()}}
	s.issuer.Events = func(_ context.Context, e issuer.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}
	for _, f := range change {
		f(&s)
	}
	var err error
	w.Issuer, err = issuer.New(s.issuer)
	require.NoError(t, err)
	w.scanner, err = leak.GitHub(w.Issuer, s.github)
	require.NoError(t, err)
	w.reports, err = leak.Reports(w.Issuer, s.reports)
	require.NoError(t, err)
	guard, err := bearer.New(w.KeyConfig())
	require.NoError(t, err)
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.check = func(text string) int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Code
	}
	return w
}

// create makes a live key, which a guard knows.
func (w *world) create(kind bearer.Kind) (text string, key issuer.APIKey) {
	w.t.Helper()
	text, key, err := w.CreateKey(context.Background(), issuer.Operator("acme"), issuer.APIKey{Name: "k", Kind: kind})
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, w.check(text))
	w.told()
	return text, key
}

// told returns the events so far, and forgets them.
func (w *world) told() []issuer.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.events
	w.events = nil
	return told
}

// message returns a message of GitHub's, signed by its first key.
func (w *world) message(body string) *http.Request {
	return messageOf(body, w.github.first, w.github.sign(w.github.first, body))
}

func messageOf(body, identifier, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/leaks/github", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Github-Public-Key-Identifier", identifier)
	r.Header.Set("Github-Public-Key-Signature", signature)
	return r
}

// send serves a message, and returns the answer.
func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.scanner.ServeHTTP(rec, r)
	return rec
}

// report sends a report from an address.
func (w *world) report(addr, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/leaks", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = addr
	rec := httptest.NewRecorder()
	w.reports.ServeHTTP(rec, r)
	return rec
}

// refusal returns the code, the reason and the param of an answer.
func refusal(t *testing.T, rec *httptest.ResponseRecorder) (code, reason, param string) {
	t.Helper()
	var body struct {
		Error struct{ Code, Reason, Param string } `json:"error"`
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &body), rec.Body)
	return body.Error.Code, body.Error.Reason, body.Error.Param
}

// matches returns a message with the tokens.
func matches(tokens ...string) string {
	list := make([]map[string]string, len(tokens))
	for i, token := range tokens {
		list[i] = map[string]string{
			"token": token, "type": "acme_key", "url": "https://github.com/octocat/hello/blob/0a/b.txt", "source": "Content",
		}
	}
	body, _ := json.Marshal(list)
	return string(body)
}

// A github publishes keys and signs messages.
type github struct {
	t       testing.TB
	first   string // the identifier of a key
	fetches atomic.Int32

	mu     sync.Mutex
	keys   map[string]*ecdsa.PrivateKey
	answer func(*http.Request) (*http.Response, error) // in place of the keys; nil: none
	asked  []*http.Request
}

func newGitHub(tb testing.TB) *github {
	tb.Helper()
	g := &github{t: tb, keys: map[string]*ecdsa.PrivateKey{}}
	g.first = g.add(elliptic.P256())
	return g
}

// add publishes a new key, and returns its identifier.
func (g *github) add(curve elliptic.Curve) string {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(g.t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(g.t, err)
	sum := sha256.Sum256(der)
	id := base64.RawURLEncoding.EncodeToString(sum[:])
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys[id] = key
	return id
}

// remove publishes a key no more, and returns it.
func (g *github) remove(id string) *ecdsa.PrivateKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := g.keys[id]
	delete(g.keys, id)
	return key
}

// fails makes each fetch be answered otherwise; nil: as before.
func (g *github) fails(answer func(*http.Request) (*http.Response, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = answer
}

// sign returns the signature of a body by a key.
func (g *github) sign(id, body string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return signed(g.t, g.keys[id], body)
}

func signed(tb testing.TB, key *ecdsa.PrivateKey, body string) string {
	tb.Helper()
	digest := sha256.Sum256([]byte(body))
	der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(tb, err)
	return base64.StdEncoding.EncodeToString(der)
}

// publicPEM returns a public key as GitHub publishes it.
func publicPEM(tb testing.TB, public any) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(tb, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// set returns the set of keys as GitHub publishes it.
func (g *github) set() string {
	type key struct {
		Identifier string `json:"key_identifier"`
		Key        string `json:"key"`
		IsCurrent  bool   `json:"is_current"`
	}
	var set struct {
		Keys []key `json:"public_keys"`
	}
	for id, k := range g.keys {
		set.Keys = append(set.Keys, key{id, publicPEM(g.t, k.Public()), len(set.Keys) > 0})
	}
	text, _ := json.Marshal(set)
	return string(text)
}

// response returns an answer to a fetch.
func response(status int, body string) *http.Response {
	rec := httptest.NewRecorder()
	rec.WriteHeader(status)
	_, _ = rec.WriteString(body)
	return rec.Result()
}

// RoundTrip implements [http.RoundTripper].
func (g *github) RoundTrip(r *http.Request) (*http.Response, error) {
	g.fetches.Add(1)
	g.mu.Lock()
	g.asked = append(g.asked, r)
	answer, set := g.answer, ""
	if answer == nil {
		set = g.set()
	}
	g.mu.Unlock()
	if answer != nil {
		return answer(r)
	}
	return response(http.StatusOK, set), nil
}

func (g *github) client() *http.Client { return &http.Client{Transport: g} }

// labels returns the labels of an answer, by the hexadecimal digest of a token.
func labels(t *testing.T, rec *httptest.ResponseRecorder) []string {
	t.Helper()
	require.Equal(t, http.StatusOK, rec.Code, rec.Body)
	assert.Equal(t, "application/json", rec.Header().Get("Content-Type"))
	assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	var verdicts []struct{ Label string }
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &verdicts))
	list := make([]string, len(verdicts))
	for i, v := range verdicts {
		list[i] = v.Label
	}
	return list
}
