package page_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/require"
)

// A site is an application with the page, as a browser without JavaScript sees
// it.
type site struct {
	t       *testing.T
	iss     *issuer.Issuer
	store   *issuer.MemoryStore
	handler http.Handler

	mu     sync.Mutex
	caller issuer.Caller
	refuse error // what Config.Caller returns, if it is set
	events []issuer.Event
}

var catalogue = []bearer.Scope{"tokens:read", "tokens:write", "wallets:read", "wallets:write"}

// admin may do everything.
var admin = issuer.Caller{ID: "us_admin", Owner: "acme", Scopes: bearer.FullAccess}

// newSite returns a site whose issuer has the config, but for its store, its
// caller and its events.
func newSite(t *testing.T, config issuer.Config, look page.Config) *site {
	t.Helper()
	s := &site{t: t, store: issuer.NewMemoryStore(), caller: admin}
	config.Store = s.store
	config.Caller = func(*http.Request) (issuer.Caller, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.caller, s.refuse
	}
	config.Events = func(_ context.Context, e issuer.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
	var err error
	s.iss, err = issuer.New(config)
	require.NoError(t, err)
	s.handler = page.Handler(s.iss, look)
	return s
}

// defaultSite returns a site with a catalogue.
func defaultSite(t *testing.T) *site {
	t.Helper()
	return newSite(t, issuer.Config{Catalogue: catalogue, Tokens: tokens()}, page.Config{Name: "Acme", Login: "/login"})
}

func tokens() *issuer.Tokens {
	return &issuer.Tokens{
		Issuer: "https://acme.example", Audience: "https://acme.example",
		SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
	}
}

// An answer is what came back.
type answer struct {
	*http.Response

	body string
}

// get gets the page with a query.
func (s *site) get(query string) answer {
	s.t.Helper()
	return s.do(httptest.NewRequest(http.MethodGet, "/settings/keys"+query, nil))
}

// post sends a form as a browser does.
func (s *site) post(query string, form url.Values) answer {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/settings/keys"+query, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.do(r)
}

func (s *site) do(r *http.Request) answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(s.t, err)
	return answer{w.Result(), string(body)}
}

// newForm returns the form for a new key as the page has it, with a name.
func (s *site) newForm(name string) url.Values {
	s.t.Helper()
	id := s.get("?new").find(s.t, `name="id" value="([^"]+)"`)
	return url.Values{
		"do": {"create"}, "id": {id}, "name": {name}, "type": {"secret"}, "environment": {"test"},
		"access": {"chosen"}, "scope": {"tokens:read"}, "expiry": {"30d"},
	}
}

// create makes a key by the form and returns its ID and its text.
func (s *site) create(name string) (id, text string) {
	s.t.Helper()
	form := s.newForm(name)
	made := s.post("?new", form)
	require.Equal(s.t, http.StatusCreated, made.StatusCode, made.body)
	return form.Get("id"), made.keyText(s.t)
}

// editForm returns the form of a key as the page has it.
func (s *site) editForm(id string) url.Values {
	s.t.Helper()
	version := s.get("?key="+id).find(s.t, `name="version" value="([^"]+)"`)
	return url.Values{
		"do": {"update"}, "version": {version}, "name": {"Edited"}, "access": {"chosen"},
		"scope": {"tokens:read"}, "expiry": {"keep"},
	}
}

// rotateForm returns the form that rotates a key, as the page has it.
func (s *site) rotateForm(id, grace string) url.Values {
	s.t.Helper()
	newest := s.get("?key="+id).find(s.t, `value="rotate"><input type="hidden" name="secret" value="([^"]+)"`)
	return url.Values{"do": {"rotate"}, "secret": {newest}, "grace": {grace}}
}

// keyText returns the text of the key that the answer shows.
func (a answer) keyText(t *testing.T) string {
	t.Helper()
	return a.find(t, `data-secret>([^<]+)</code>`)
}

// find returns what a pattern's first group finds in the body.
func (a answer) find(t *testing.T, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(a.body)
	require.NotNil(t, match, "%s in %s", pattern, a.body)
	return match[1]
}

// accepts reports whether a guard of the issuer accepts the text of a key.
func (s *site) accepts(text string) bool {
	s.t.Helper()
	guard, err := bearer.New(s.iss.KeyConfig())
	require.NoError(s.t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	_, err = guard.Check(r)
	return err == nil
}

// key returns the record of a key.
func (s *site) key(id string) issuer.APIKey {
	s.t.Helper()
	key, err := s.iss.GetKey(s.t.Context(), admin, id)
	require.NoError(s.t, err)
	return key
}
