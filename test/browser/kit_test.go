package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/chromedp/cdproto/emulation"
	cdlog "github.com/chromedp/cdproto/log"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A site is an application with the page, and its customer.
type site struct {
	iss   *issuer.Issuer
	store *issuer.MemoryStore
	url   string // of the page

	handler http.Handler

	mu     sync.Mutex
	refuse error // what Config.Caller returns, if it is set
}

var admin = issuer.Caller{ID: "us_admin", Owner: "acme", Scopes: bearer.FullAccess}

// newSite starts a site.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{store: issuer.NewMemoryStore()}
	var err error
	s.iss, err = issuer.New(issuer.Config{
		Store: s.store,
		Catalogue: []bearer.Scope{
			"payments:read", "payments:write", "customers:read", "customers:write", "reports:read", "webhooks:read",
			"webhooks:write",
		},
		Tokens: &issuer.Tokens{
			Issuer: "https://acme.example", Audience: "https://acme.example",
			SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		},
		Caller: s.callerOf,
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/deep/settings/keys", page.Handler(s.iss, page.Config{Name: "Acme", Login: "/login", Home: "/deep/home"}))
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "good", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Login</title><main id=main><p id=in>in</p></main>"))
	})
	s.handler = mux
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL + "/deep/settings/keys"
	return s
}

// callerOf is the application's own login: a cookie.
func (s *site) callerOf(r *http.Request) (issuer.Caller, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return issuer.Caller{}, s.refuse
	}
	if cookie, err := r.Cookie("session"); err != nil || cookie.Value != "good" {
		return issuer.Caller{}, issuer.ErrNoCaller
	}
	return admin, nil
}

// setRefusal makes the site refuse all callers, or none if err is nil.
func (s *site) setRefusal(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// keys returns all keys that are not revoked, the newest first.
func (s *site) keys(t *testing.T) []issuer.APIKey {
	t.Helper()
	keys, _, err := s.iss.ListKeys(t.Context(), admin, issuer.KeyQuery{})
	require.NoError(t, err)
	return keys
}

// accepts reports whether a guard accepts the text of a key.
func (s *site) accepts(t *testing.T, text string) bool {
	t.Helper()
	guard, err := bearer.New(s.iss.KeyConfig())
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	_, err = guard.Check(r)
	return err == nil
}

// browser is the one of all tests. TestMain ends it.
var browser context.Context

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path := chromium()
	if path == "" {
		return m.Run() // the tests say what is missing
	}
	// The sandbox and shared memory are missing in many a container, and all that is
	// shown here comes from these tests.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-GB"),
		chromedp.Env("TZ=UTC", "LANG=en_GB.UTF-8"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	browser, cancel = chromedp.NewContext(ctx) //nolint:fatcontext // no context is nested: it is set once
	defer cancel()
	if err := chromedp.Do(browser); err != nil {
		panic(err)
	}
	return m.Run()
}

// chromium returns the path of a browser, or "".
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// missing skips the test, or fails if BEARER_REQUIRE_SERVICES is set.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("BEARER_REQUIRE_SERVICES") != "" {
		t.Fatal("required: " + what)
	}
	t.Skip("skipped: there is no " + what)
}

// A tab is one tab of a browser in which the customer is logged in.
type tab struct {
	context.Context

	t *testing.T
	s *site
}

// open opens a tab, in a window of its own that shares nothing with others, and
// logs in. Nothing on the page may fail, or break its policy.
func (s *site) open(t *testing.T, withJS bool) tab {
	t.Helper()
	if browser == nil {
		missing(t, "chromium")
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return newTab(ctx, t, s, withJS)
}

// another opens a second tab of the same window.
func (b tab) another(withJS bool) tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.Context)
	b.t.Cleanup(cancel)
	return newTab(ctx, b.t, b.s, withJS)
}

func newTab(ctx context.Context, t *testing.T, s *site, withJS bool) tab {
	t.Helper()
	b := tab{ctx, t, s}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			assert.Fail(t, "an exception", "%v", e.ExceptionDetails)
		case *cdpage.EventJavascriptDialogOpening:
			assert.Fail(t, "a dialog", e.Message)
		case *cdlog.EventEntryAdded:
			if e.Entry.Source == cdlog.EntrySourceSecurity {
				assert.Fail(t, "the policy was broken", e.Entry.Text)
			}
		}
	}))
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: !withJS})
	require.NoError(t, err)
	b.do(chromedp.EmulateViewport(1200, 900))
	b.do(chromedp.Navigate(strings.Replace(s.url, "/deep/settings/keys", "/login", 1)))
	return b
}

// patience is how long one step may take.
const patience = 10 * time.Second

// do takes steps.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// ask runs an action and returns its result.
func ask[T any](b tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	require.NoError(b.t, err)
	return result
}

// visit goes to the page with a query.
func (b tab) visit(query string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.s.url+query), chromedp.WaitReady(chromedp.CSS("main")))
}

// click clicks what a selector finds.
func (b tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// wait waits until what a selector finds is shown.
func (b tab) wait(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// submit clicks a button and waits until the answer shows a text there.
func (b tab) submit(button, where, text string) {
	b.t.Helper()
	b.click(button)
	if text == "" {
		b.wait(where)
		return
	}
	assert.Eventually(b.t, func() bool {
		ctx, cancel := context.WithTimeout(b.Context, time.Second)
		defer cancel()
		shown, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(where)))
		return err == nil && strings.Contains(shown, text)
	}, patience, 20*time.Millisecond, text)
}

// revisit goes to an entry of the history and returns what it shows. A page that
// cannot be shown without being sent again is not: then Chromium asks.
func (b tab) revisit(entry int64) string {
	b.t.Helper()
	_, err := chromedp.Call(b.Context, cdpage.NavigateToHistoryEntry, cdpage.NavigateToHistoryEntryParams{EntryID: entry})
	require.NoError(b.t, err)
	time.Sleep(200 * time.Millisecond) // there need not be an event of loading
	shown, err := chromedp.Call(b.Context, runtime.Evaluate, runtime.EvaluateParams{
		Expression: "document.documentElement.outerHTML",
	})
	require.NoError(b.t, err)
	assert.NotEmpty(b.t, shown.Result.Value)
	return string(shown.Result.Value)
}

// press presses keys.
func (b tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// fill replaces what stands in a field.
func (b tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), text))
}

// text returns the text of an element.
func (b tab) text(selector string) string {
	b.t.Helper()
	return ask(b, chromedp.Text(chromedp.CSS(selector)))
}

// has reports whether an element is there.
func (b tab) has(selector string) bool {
	b.t.Helper()
	return len(ask(b, chromedp.Nodes(chromedp.CSSAll(selector), chromedp.AtLeast(0)))) > 0
}

// html returns all that the page holds.
func (b tab) html() string {
	b.t.Helper()
	return ask(b, chromedp.OuterHTML(chromedp.CSS("html")))
}
