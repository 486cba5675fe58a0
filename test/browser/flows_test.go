package browser_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// both are with JavaScript and without.
var both = map[string]bool{"with JavaScript": true, "without": false}

const (
	newKey = "[data-secret]"
	done   = "[role=status].done"
)

// create makes a key by the form and returns its text.
func (b tab) create(name string) string {
	b.t.Helper()
	b.visit("?new")
	b.fill("#name", name)
	b.submit("form.key button.primary", newKey, "")
	return b.text(newKey)
}

// S1.1: a key is made, seen, edited, rotated, disabled and revoked.
func TestKeyFlow(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			b.visit("")
			assert.Contains(t, b.text("main"), "No keys yet")
			b.submit(".head a.primary", "#name", "")
			b.fill("#name", "Billing worker")
			b.click("[name=access][value=chosen]")
			if withJS {
				assert.True(t, b.has("[name=scope][value='payments:read']:checked"), "those that read are chosen first")
			} else {
				b.click("[name=scope][value='payments:read']")
			}
			b.click("[name=scope][value='payments:write']")
			b.submit("form.key button.primary", newKey, "")
			text := b.text(newKey)
			assert.True(t, s.accepts(t, text))
			key := s.keys(t)[0]
			assert.True(t, key.Scopes.Contain("payments:read", "payments:write"))

			b.visit("")
			assert.Contains(t, b.text("tbody"), "Billing worker")
			assert.NotContains(t, b.html(), text)
			b.submit("tbody a", "dl", "")

			b.open("Edit")
			b.fill("#name", "Billing")
			b.submit("form.key button.primary", done, "was changed")
			assert.Equal(t, "Billing", b.text("h1"))

			b.open("Rotate")
			b.submit("#grace ~ * button, form:has(#grace) button", newKey, "")
			next := b.text(newKey)
			assert.NotEqual(t, text, next)
			assert.True(t, s.accepts(t, text) && s.accepts(t, next))
			assert.Contains(t, b.text(".secrets"), "Nothing has used it since the rotation.")
			b.submit("form:has([value=end-secret]) button", done, "value was ended")
			assert.False(t, s.accepts(t, text))
			assert.NotContains(t, b.html(), next)

			b.open("Disable")
			b.submit("form:has([value=disable]) button", done, "was disabled")
			assert.False(t, s.accepts(t, next))
			b.open("Enable")
			b.submit("form:has([value=enable]) button", done, "was enabled")
			assert.True(t, s.accepts(t, next))

			b.open("Revoke")
			b.fill("#reason", "no longer used")
			b.submit("form:has([value=revoke]) button", done, "was revoked")
			assert.False(t, s.accepts(t, next))
			assert.Contains(t, b.text("dl"), "no longer used")
			assert.False(t, b.has("form"))
		})
	}
}

// open opens what a summary hides.
func (b tab) open(summary string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(`//summary[normalize-space()="` + summary + `"]`)))
}

func TestSessionFlow(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			_, err := s.iss.StartSession(t.Context(), issuer.User{ID: admin.ID, Owner: admin.Owner, Scopes: "*"}, "Laptop")
			require.NoError(t, err)
			b := s.open(t, withJS)
			b.visit("")
			b.submit("header nav a:last-child", "tbody", "")
			assert.Contains(t, b.text("tbody"), "Laptop")
			b.submit("tbody button", done, "was ended")
			assert.Contains(t, b.text("main"), "No sessions.")
		})
	}
}

// The text of a key is in no URL and in nothing that the history shows, and to go
// back and forth makes no other key.
func TestHistory(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			b.visit("")
			text := b.create("Once")
			b.visit("?sessions")
			entries := ask(b, chromedp.NavigationEntries()).Entries
			for _, entry := range append(reversed(entries), entries...) {
				assert.NotContains(t, entry.URL+entry.Title, text)
				assert.NotContains(t, b.revisit(entry.ID), text)
			}
			assert.Len(t, s.keys(t), 1)
		})
	}
}

// reversed returns a list from its end.
func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// To load the page with a key again does not make another.
func TestReload(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			text := b.create("Once")
			b.do(chromedp.Reload())
			b.wait("h1")
			assert.NotContains(t, b.html(), text)
			assert.Len(t, s.keys(t), 1)
			assert.Contains(t, b.text("main"), "Once")
		})
	}
}

// A double click makes one key, and shows its text.
func TestDoubleClick(t *testing.T) {
	s := newSite(t)
	b := s.open(t, true)
	b.visit("?new")
	b.fill("#name", "Once")
	b.do(chromedp.DoubleClick(chromedp.CSS("form.key button.primary")))
	b.wait(newKey)
	assert.True(t, s.accepts(t, b.text(newKey)))
	assert.Len(t, s.keys(t), 1)
}

// What one tab changed, another does not undo, and it says so.
func TestTwoTabs(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			one := s.open(t, withJS)
			text := one.create("Shared")
			query := "?key=" + s.keys(t)[0].ID
			one.visit(query)
			two := one.another(withJS)
			two.visit(query)

			two.open("Edit")
			two.fill("#name", "Two")
			two.submit("form.key button.primary", done, "was changed")
			one.open("Edit")
			one.fill("#name", "One")
			one.submit("form.key button.primary", ".problem", "")
			assert.Contains(t, one.text(".problem"), "changed meanwhile")
			assert.Equal(t, "Two", s.keys(t)[0].Name)

			one.visit(query)
			two.visit(query)
			two.open("Rotate")
			two.submit("form:has(#grace) button", newKey, "")
			next := two.text(newKey)
			one.open("Rotate")
			one.submit("form:has(#grace) button", ".problem", "")
			assert.Contains(t, one.text(".problem"), "rotated meanwhile")
			assert.True(t, s.accepts(t, text) && s.accepts(t, next))
		})
	}
}

// What others chose as names and values runs nothing.
func TestInjection(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			const evil = `</textarea></title>"><img src=x onerror="alert(1)"><script>alert(2)</script>${alert(3)}{{.}}`
			_, key, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
				Name: evil, Kind: bearer.SecretKey, Metadata: map[string]string{"</textarea><script>": evil},
			})
			require.NoError(t, err)
			_, err = s.iss.StartSession(t.Context(), issuer.User{ID: admin.ID, Owner: admin.Owner}, evil)
			require.NoError(t, err)
			b := s.open(t, withJS)
			for _, query := range []string{"", "?key=" + key.ID, "?sessions", "?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "?key=%3Cimg%3E"} {
				b.visit(query)
				assert.False(t, b.has("main img, main script"), query)
			}
			b.visit("?new")
			b.fill("#name", evil)
			b.fill("#addresses", "</textarea><script>alert(1)</script>")
			b.submit("form.key button.primary", ".problem", "")
			assert.False(t, b.has("main img, main script"))
			assert.Equal(t, evil, ask(b, chromedp.Value(chromedp.CSS("#name"))))
		})
	}
}

// If the login has ended, nothing is made, and the page leads to the login. With
// JavaScript, what was typed stays.
func TestLoginEnded(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			b.visit("?new")
			b.fill("#name", "Typed")
			s.setRefusal(issuer.ErrNoCaller)
			b.submit("form.key button.primary", ".problem a", "")
			assert.Contains(t, b.text(".problem"), "You are not logged in")
			assert.Equal(t, withJS, b.has("#name"))
			assert.Empty(t, s.keys(t))
			if withJS {
				s.setRefusal(nil)
				b.submit("form.key button.primary", newKey, "")
				assert.Equal(t, "Typed", s.keys(t)[0].Name)
			}
		})
	}
}

func TestTooMany(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			s.setRefusal(&bearer.Error{Code: bearer.CodeRateLimitExceeded, RetryAfter: 3 * time.Second})
			b.visit("?sessions")
			assert.Contains(t, b.text(".problem"), "Try again in 3 seconds.")
			s.setRefusal(nil)
			b.submit(".problem a", "h1", "")
			assert.Equal(t, "Sessions", b.text("h1"))
		})
	}
}

// A whole key that is searched for is found, and is in no URL.
func TestSearchForKey(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.open(t, withJS)
			text := b.create("Pasted")
			b.visit("")
			b.fill("[name=q]", " "+text)
			b.submit(".filter button", ".filter a", "Show all")
			entries := ask(b, chromedp.NavigationEntries()).Entries
			for _, entry := range entries {
				assert.NotContains(t, entry.URL, text)
			}
			assert.Contains(t, entries[len(entries)-1].URL, "q="+text[:len("sk_test_")+8])
			asked := ask(b, chromedp.Evaluate[bool](`performance.getEntriesByType("navigation")[0].redirectCount > 0`))
			assert.Equal(t, !withJS, asked, "a script cuts it before it is sent")
		})
	}
}

func TestCopy(t *testing.T) {
	s := newSite(t)
	b := s.open(t, true)
	b.create("Copied")
	text := b.text(newKey)
	b.do(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async text => { window.copied = text }`))
	b.click("[data-copy]")
	assert.Equal(t, text, ask(b, chromedp.Poll[string](`window.copied`)))
	assert.Equal(t, "Copied", b.text("[data-copy]"))

	plain := s.open(t, false)
	plain.create("By hand")
	assert.True(t, plain.has("[data-copy][hidden]"), "a button that does nothing is not shown")
}

// A key is made with the keyboard alone, and the first stop leads to the content.
func TestKeyboard(t *testing.T) {
	s := newSite(t)
	b := s.open(t, true)
	b.visit("")
	b.press(kb.Tab)
	assert.Equal(t, "Skip to content", b.text(":focus"))
	b.press(kb.Enter + kb.Tab)
	assert.Equal(t, "Create a key", b.text(":focus"))
	b.press(kb.Enter)
	b.wait("#name")
	b.do(chromedp.Focus(chromedp.CSS("#name")))
	b.press("By keyboard" + kb.Enter)
	b.wait(newKey)
	assert.True(t, b.has("[data-url]:focus"), "the new key has the focus")
	assert.Equal(t, "By keyboard", s.keys(t)[0].Name)
}

// The fields that do not apply are hidden by JavaScript, and there without.
func TestHiddenFields(t *testing.T) {
	for name, withJS := range both {
		t.Run(name, func(t *testing.T) {
			b := newSite(t).open(t, withJS)
			b.visit("?new")
			for _, row := range []struct{ choice, field string }{
				{"[name=access][value=chosen]", "[data-chosen]"},
				{"[name=type][value=publishable]", "[data-publishable]"},
			} {
				assert.Equal(t, withJS, b.has(row.field+"[hidden]"), row.field)
				b.click(row.choice)
				assert.False(t, b.has(row.field+"[hidden]"), row.field)
			}
		})
	}
}

// The page keeps what it says in its header fields, as the browser sees them.
func TestHeader(t *testing.T) {
	s := newSite(t)
	response, err := http.Get(s.url)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	assert.NotContains(t, response.Header.Get("Content-Security-Policy"), "unsafe")
}
