package browser_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// behind puts the site behind a server that does to POSTs what fault says.
func (s *site) behind(t *testing.T, fault func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	t.Helper()
	inner, err := url.Parse(s.url)
	require.NoError(t, err)
	next := s.handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + inner.Path
}

// If the answer to a form is lost, or is not the page's, the page says so, sends
// nothing again, and keeps what was typed.
func TestNoAnswer(t *testing.T) {
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request, next http.Handler){
		"the answer is lost": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.Header().Set("Content-Length", "1000") // without a beginning, Chromium itself would send again
			_, _ = w.Write([]byte("<!DOCTYPE html>"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"a proxy's error": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "bad gateway", http.StatusBadGateway)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			var posts atomic.Int32
			s.behind(t, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if posts.Add(1) > 1 {
					next.ServeHTTP(w, r)
					return
				}
				fault(w, r, next)
			})
			b := s.open(t, true)
			b.visit("?new")
			b.fill("#name", "Typed")
			b.submit("form.key button.primary", ".problem", "look whether it was done")
			assert.Equal(t, int32(1), posts.Load(), "nothing is sent again by itself")
			assert.Equal(t, "Typed", ask(b, chromedp.Value(chromedp.CSS("#name"))))
			b.submit("form.key button.primary", "h1", "Typed")
			assert.Len(t, s.keys(t), 1)
		})
	}
}

// A login to which a proxy leads is not shown within the page, where its style and
// its script would be missing.
func TestLedToLogin(t *testing.T) {
	s := newSite(t)
	s.behind(t, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	b := s.open(t, true)
	b.visit("?new")
	b.fill("#name", "Typed")
	b.click("form.key button.primary")
	b.wait("#in")
	assert.Equal(t, "Login", ask(b, chromedp.Title()))
}

// A date that is wrong and no longer asked for is not in the way.
func TestHiddenDate(t *testing.T) {
	s := newSite(t)
	b := s.open(t, true)
	b.visit("?new")
	b.fill("#name", "Dated")
	b.choose("#expiry", "date")
	b.fill("[name=date]", "2020-01-01")
	b.choose("#expiry", "30d")
	b.submit("form.key button.primary", newKey, "")
	assert.Len(t, s.keys(t), 1)
}

// choose chooses an option as a person does.
func (b tab) choose(selector, value string) {
	b.t.Helper()
	b.fill(selector, value)
	b.do(chromedp.Evaluate[chromedp.Void](
		`document.querySelector("` + selector + `").dispatchEvent(new Event("change", { bubbles: true }))`))
}
