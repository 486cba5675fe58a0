package main_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A browser is a client that keeps cookies.
type browser struct {
	*http.Client

	t   *testing.T
	url string
}

func (p platformAPI) browser(t *testing.T) browser {
	t.Helper()
	server := httptest.NewServer(p.handler)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return browser{&http.Client{Jar: jar}, t, server.URL}
}

// get returns the status and the body of a page, once redirections end.
func (b browser) get(path string) (int, string) {
	b.t.Helper()
	return b.read(b.Get(b.url + path))
}

// post sends a form.
func (b browser) post(path string, form url.Values) (int, string) {
	b.t.Helper()
	return b.read(b.PostForm(b.url+path, form))
}

func (b browser) read(r *http.Response, err error) (int, string) {
	b.t.Helper()
	require.NoError(b.t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(b.t, err)
	return r.StatusCode, string(body)
}

// S1.1: a user logs in, makes a key on the page, uses it, and revokes it.
func TestSettingsPage(t *testing.T) {
	p := newPlatform(t)
	b := p.browser(t)
	status, body := b.get("/settings/keys")
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, body, `href="login"`)

	login := url.Values{"email": {p.Email}, "password": {"wrong"}}
	status, body = b.post("/settings/login", login)
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, body, "The email or the password is wrong.")
	login.Set("password", p.Password)
	status, body = b.post("/settings/login", login)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "Seed")

	find := func(pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(body)
		require.NotNil(t, match, "%s in %s", pattern, body)
		return match[1]
	}
	_, body = b.get("/settings/keys?new")
	id := find(`name="id" value="([^"]+)"`)
	status, body = b.post("/settings/keys?new", url.Values{
		"do": {"create"}, "id": {id}, "name": {"Mine"}, "type": {"secret"}, "environment": {"test"},
		"access": {"read"}, "expiry": {"30d"},
	})
	require.Equal(t, http.StatusCreated, status, body)
	key := find(`data-secret>([^<]+)<`)
	assert.Equal(t, http.StatusOK, p.statusWith(t, key))
	status, _ = b.post("/settings/keys?key="+id, url.Values{"do": {"revoke"}})
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, http.StatusUnauthorized, p.statusWith(t, key))

	_, body = b.get("/settings/keys?sessions")
	assert.Contains(t, body, "You")
	status, body = b.post("/settings/logout", nil)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "Log in")
	status, _ = b.get("/settings/keys")
	assert.Equal(t, http.StatusUnauthorized, status)
}

// statusWith returns the status of a request with the key.
func (p platformAPI) statusWith(t *testing.T, key string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Code
}

// The form of the login has the limits of POST /auth/login, and takes no login
// from another site.
func TestSettingsLogin(t *testing.T) {
	p := newPlatform(t)
	b := p.browser(t)
	login := url.Values{"email": {p.MemberEmail}, "password": {"wrong"}}
	for range 10 {
		status, _ := b.post("/settings/login", login)
		require.Equal(t, http.StatusUnauthorized, status)
	}
	status, body := b.post("/settings/login", login)
	assert.Equal(t, http.StatusTooManyRequests, status)
	assert.Contains(t, body, "Too many attempts.")

	r := httptest.NewRequest(http.MethodPost, "/settings/login", http.NoBody)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	assert.Equal(t, http.StatusForbidden, w.Code)
}
