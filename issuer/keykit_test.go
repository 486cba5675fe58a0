package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A keyWorld is an issuer whose keys are tested. Its Caller is by.
type keyWorld struct {
	*issuer.Issuer
	t      *testing.T
	routes http.Handler
	store  issuer.Store
	by     issuer.Caller

	mu     sync.Mutex
	events []issuer.Event
}

// newKeyWorld returns an issuer of keys alone that change may configure further.
func newKeyWorld(t *testing.T, change ...func(*issuer.Config)) *keyWorld {
	t.Helper()
	w := &keyWorld{t: t, by: issuer.Operator("acme")}
	c := issuer.Config{
		Store:  issuer.NewMemoryStore(),
		Caller: func(*http.Request) (issuer.Caller, error) { return w.by, nil },
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
	w.Issuer, w.routes, w.store = iss, iss.Handler(), c.Store
	return w
}

// told returns the events so far, and forgets them.
func (w *keyWorld) told() []issuer.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.events
	w.events = nil
	return told
}

// A keyAnswer is the answer to a call.
type keyAnswer struct {
	Status int
	Header http.Header
	Text   string
	JSON   map[string]any
}

// code returns the code of a refusal, and param what it names.
func (a keyAnswer) code() string  { return a.refusal("code") }
func (a keyAnswer) param() string { return a.refusal("param") }

func (a keyAnswer) refusal(name string) string {
	e, _ := a.JSON["error"].(map[string]any)
	text, _ := e[name].(string)
	return text
}

// text returns a member of the answer that is a string.
func (a keyAnswer) text(name string) string {
	text, _ := a.JSON[name].(string)
	return text
}

// call makes a call of the wire contract.
func (w *keyWorld) call(method, path, body string) keyAnswer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return w.serve(r)
}

func (w *keyWorld) serve(r *http.Request) keyAnswer {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	w.routes.ServeHTTP(recorder, r)
	a := keyAnswer{Status: recorder.Code, Header: recorder.Header(), Text: recorder.Body.String()}
	if a.Text != "" {
		require.NoError(w.t, json.Unmarshal(recorder.Body.Bytes(), &a.JSON), a.Text)
		assert.Equal(w.t, "no-store", a.Header.Get("Cache-Control"))
		assert.Equal(w.t, "no-cache", a.Header.Get("Pragma"))
	}
	return a
}

// create makes a key by the operator of an owner.
func (w *keyWorld) create(owner string, change ...func(*issuer.APIKey)) (text string, key issuer.APIKey) {
	w.t.Helper()
	wanted := issuer.APIKey{Name: "a key", Kind: bearer.SecretKey}
	for _, f := range change {
		f(&wanted)
	}
	text, key, err := w.CreateKey(w.t.Context(), issuer.Operator(owner), wanted)
	require.NoError(w.t, err)
	w.told()
	return text, key
}

// stored returns the key as the store has it.
func (w *keyWorld) stored(key issuer.APIKey) issuer.APIKey {
	w.t.Helper()
	key, err := w.store.GetKey(w.t.Context(), key.Owner, key.ID)
	require.NoError(w.t, err)
	return key
}

// guard returns what a guard of the keys says to a text: "" or the reason of a
// refusal.
func (w *keyWorld) guard() func(text string) string {
	w.t.Helper()
	guard, err := bearer.New(w.KeyConfig())
	require.NoError(w.t, err)
	return func(text string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		_, err := guard.Check(r)
		return keyReason(err)
	}
}

// keyReason returns the reason of a refusal.
func keyReason(err error) string {
	if err == nil {
		return ""
	}
	var e *bearer.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return err.Error()
}
