package page_test

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// S1.1: a key is created, and its text is shown once.
func TestCreate(t *testing.T) {
	s := defaultSite(t)
	assert.Contains(t, s.get("").body, "No keys yet")

	form := s.newForm("Billing <worker>")
	form.Set("environment", "live")
	form["scope"] = []string{"tokens:read", "wallets:write"}
	form.Set("addresses", "192.0.2.1\n 2001:db8::/32 \n\n")
	form.Set("metadata", "team = billing\nnote=a=b\nodd=\"a\\nb\"")
	made := s.post("?new", form)
	require.Equal(t, http.StatusCreated, made.StatusCode, made.body)
	text := made.keyText(t)
	assert.Equal(t, 1, strings.Count(made.body, text))
	assert.Equal(t, "no-store", made.Header.Get("Cache-Control"))
	assert.True(t, s.accepts(text))

	key := s.key(form.Get("id"))
	assert.Equal(t, "Billing <worker>", key.Name)
	assert.Equal(t, bearer.Live, key.Environment)
	assert.Equal(t, bearer.Scopes("tokens:read wallets:write"), key.Scopes)
	assert.Equal(t, "[192.0.2.1/32 2001:db8::/32]", fmt.Sprint(key.AllowedIPs))
	assert.Equal(t, map[string]string{"team": "billing", "note": "a=b", "odd": "a\nb"}, key.Metadata)
	assert.WithinDuration(t, time.Now().AddDate(0, 0, 30), key.ExpiresAt, time.Hour)
	assert.Equal(t, "192.0.2.1", s.events[0].IP.String())

	for _, query := range []string{"", "?key=" + key.ID, "?new"} {
		assert.NotContains(t, s.get(query).body, text, query)
	}
	assert.Contains(t, s.get("").body, "Billing &lt;worker&gt;")
}

// A form that is sent twice, by a reload or by the forward button, makes one key.
func TestCreateTwice(t *testing.T) {
	s := defaultSite(t)
	form := s.newForm("Once")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	again := s.post("?new", form)
	assert.Equal(t, http.StatusSeeOther, again.StatusCode)
	assert.Equal(t, "?key="+form.Get("id")+"&done=exists", again.Header.Get("Location"))
	assert.Contains(t, s.get(again.Header.Get("Location")).body, "created already")
	keys, _, err := s.iss.ListKeys(t.Context(), admin, issuer.KeyQuery{})
	require.NoError(t, err)
	assert.Len(t, keys, 1)

	s.caller = issuer.Caller{ID: "us_2", Owner: "other", Scopes: bearer.FullAccess}
	taken := s.post("?new", form)
	assert.Equal(t, http.StatusConflict, taken.StatusCode, "the ID is another owner's")
	assert.NotContains(t, taken.body, "data-secret>")
}

func TestCreateRefused(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  map[string]string
		problem string
		param   string
	}{
		{"no name", map[string]string{"name": " "}, "name must not be empty", "name-about"},
		{"a long name", map[string]string{"name": strings.Repeat("x", 256)}, "name must not be longer", "name-about"},
		{"no scope", map[string]string{"scope": ""}, "Choose at least one scope", "scopes-about"},
		{"an unknown scope", map[string]string{"scope": "admin"}, "There is no such scope", "scopes-about"},
		{"an unknown preset", map[string]string{"access": "everything"}, "Choose at least one scope", "scopes-about"},
		{"no type", map[string]string{"type": ""}, "type must be", ""},
		{"no environment", map[string]string{"environment": "prod"}, "environment must be", ""},
		{"a date in the past", map[string]string{"expiry": "date", "date": "2020-01-01"}, "must be in the future", "expiry-about"},
		{"no date", map[string]string{"expiry": "date"}, "Choose a day", "expiry-about"},
		{"no expiry", map[string]string{"expiry": ""}, "Choose when the key expires", "expiry-about"},
		{"a bad address", map[string]string{"addresses": "example.com"}, "allowed_ips must be addresses", "addresses-about"},
		{"bits beyond a prefix", map[string]string{"addresses": "10.0.0.7/8"}, "bits beyond", "addresses-about"},
		{"a secret key with origins", map[string]string{"origins": "https://a.example"}, "for publishable keys alone", "origins-about"},
		{"a bad origin", map[string]string{"type": "publishable", "origins": "a.example"}, "of the form", "origins-about"},
		{"a publishable key that writes", map[string]string{"type": "publishable", "scope": "tokens:write"}, "only reads", "scopes-about"},
		{"bad metadata", map[string]string{"metadata": "novalue"}, "name=value", "metadata-about"},
		{"metadata twice", map[string]string{"metadata": "a=1\na=2"}, "each name once", "metadata-about"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			form := s.newForm("Kept <name>")
			for name, value := range row.change {
				form.Set(name, value)
			}
			a := s.post("?new", form)
			assert.Equal(t, http.StatusBadRequest, a.StatusCode)
			assert.Contains(t, a.body, row.problem)
			assert.Contains(t, a.body, `role="alert"`)
			if row.param != "" {
				assert.Regexp(t, `id="`+row.param+`" class="about"><strong>`, a.body)
			}
			if form.Get("name") == "Kept <name>" {
				assert.Contains(t, a.body, `value="Kept &lt;name&gt;"`, "what was typed is lost")
			}
			assert.Contains(t, a.body, form.Get("id"), "another key would be made")
		})
	}
}

// S1.1, S4.8: the presets give what they say, and no more than the caller holds.
func TestPresets(t *testing.T) {
	for _, row := range []struct {
		name   string
		scopes bearer.Scopes // of the caller
		access string
		want   bearer.Scopes
		status int
	}{
		{"read only", bearer.FullAccess, "read", "tokens:read wallets:read", http.StatusCreated},
		{"full access", bearer.FullAccess, "full", bearer.FullAccess, http.StatusCreated},
		{"read only of a caller with less", "tokens:*", "read", "tokens:read", http.StatusCreated},
		{"full access of a caller with less", "tokens:*", "full", "", http.StatusForbidden},
		{"read only of a caller who reads nothing", "tokens:write", "read", "", http.StatusBadRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			s.caller.Scopes = row.scopes
			form := s.newForm("Preset")
			form.Set("access", row.access)
			a := s.post("?new", form)
			require.Equal(t, row.status, a.StatusCode, a.body)
			if row.status == http.StatusCreated {
				assert.Equal(t, row.want, s.key(form.Get("id")).Scopes)
			}
			page := s.get("?new").body
			for _, scope := range catalogue {
				assert.Equal(t, row.scopes.Contain(scope), strings.Contains(page, `value="`+string(scope)+`"`), scope)
			}
			assert.Equal(t, row.scopes == "*", strings.Contains(page, `value="full"`))
		})
	}
}

func TestEdit(t *testing.T) {
	s := defaultSite(t)
	id, _ := s.create("Before")
	form := s.editForm(id)
	form.Set("metadata", "a=1")
	assert.Equal(t, "?key="+id+"&done=updated", s.post("?key="+id, form).Header.Get("Location"))
	key := s.key(id)
	assert.Equal(t, "Edited", key.Name)
	assert.Equal(t, map[string]string{"a": "1"}, key.Metadata)

	late := s.post("?key="+id, form)
	assert.Equal(t, http.StatusConflict, late.StatusCode, "another tab has changed it")
	assert.Contains(t, late.body, "changed meanwhile")

	form = s.editForm(id)
	form.Set("name", "")
	bad := s.post("?key="+id, form)
	assert.Equal(t, http.StatusBadRequest, bad.StatusCode)
	assert.Contains(t, bad.body, "<details open><summary>Edit")
}

// What a form shows of a key comes back as it was.
func TestEditKeepsAll(t *testing.T) {
	s := defaultSite(t)
	pairs := map[string]string{
		"plain": "v", "a=b": "c=d", `"q"`: `"quoted"`, " sp ": " edge ", "lines": "1\n2\r\n\t3", "empty": "", "ü": "日本\u202e",
	}
	_, key, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
		Name: "All", Kind: bearer.PublishableKey, Scopes: "tokens:*", Metadata: pairs,
		AllowedOrigins: []string{"https://a.example", "http://localhost:3000"},
	})
	require.NoError(t, err)
	shown := s.get("?key=" + key.ID).body
	area := func(name string) string {
		return html.UnescapeString(regexp.MustCompile(`(?s)name="` + name + `"[^>]*>([^<]*)</textarea>`).FindStringSubmatch(shown)[1])
	}
	form := s.editForm(key.ID)
	form.Set("name", key.Name)
	form.Set("scope", "tokens:*")
	for _, name := range []string{"addresses", "origins", "metadata"} {
		form.Set(name, strings.ReplaceAll(area(name), "\n", "\r\n")) // as browsers do
	}
	require.Equal(t, http.StatusSeeOther, s.post("?key="+key.ID, form).StatusCode)
	after := s.key(key.ID)
	assert.Equal(t, key.Metadata, after.Metadata)
	assert.Equal(t, key.AllowedOrigins, after.AllowedOrigins)
	assert.Equal(t, key.Scopes, after.Scopes)
	assert.Contains(t, shown, `value="tokens:*" checked`)
	assert.Equal(t, int64(1), after.Version, "nothing has changed")
}

// S4.11: the old text works for the grace period, and the page tells whether
// anything uses it.
func TestRotate(t *testing.T) {
	s := defaultSite(t)
	id, old := s.create("Rotating")
	form := s.rotateForm(id, "3600")
	a := s.post("?key="+id, form)
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	text := a.keyText(t)
	assert.NotEqual(t, old, text)
	assert.True(t, s.accepts(old))
	assert.True(t, s.accepts(text))
	assert.Contains(t, a.body, "Nothing has used it since the rotation.")
	assert.Contains(t, s.get("").body, "Old value still works")

	again := s.post("?key="+id, form)
	assert.Equal(t, http.StatusConflict, again.StatusCode)
	assert.NotContains(t, again.body, "data-secret>")

	key := s.key(id)
	require.NoError(t, s.store.TouchKeys(t.Context(), map[bearer.KeyHash]time.Time{
		key.Secrets[0].Hash: time.Now().Add(time.Second),
	}))
	assert.Contains(t, s.get("?key="+id).body, "Something still uses it.")

	end := url.Values{"do": {"end-secret"}, "secret": {key.Secrets[0].ID}}
	assert.Equal(t, "?key="+id+"&done=secret-ended", s.post("?key="+id, end).Header.Get("Location"))
	assert.False(t, s.accepts(old))
	assert.True(t, s.accepts(text))

	form = s.rotateForm(id, "0")
	require.Equal(t, http.StatusOK, s.post("?key="+id, form).StatusCode)
	assert.False(t, s.accepts(text))
	assert.Equal(t, http.StatusConflict, s.post("?key="+id, form).StatusCode, "it was rotated, and once only")
}

func TestDisableAndRevoke(t *testing.T) {
	s := defaultSite(t)
	id, text := s.create("Ending")
	for _, step := range []struct {
		do, done string
		accepted bool
	}{{"disable", "disabled", false}, {"enable", "enabled", true}, {"revoke", "revoked", false}} {
		a := s.post("?key="+id, url.Values{"do": {step.do}, "reason": {"tired of it"}})
		assert.Equal(t, "?key="+id+"&done="+step.done, a.Header.Get("Location"))
		assert.Equal(t, step.accepted, s.accepts(text), step.do)
	}
	assert.NotContains(t, s.get("").body, "Ending")
	revoked := s.get("?key=" + id).body
	assert.Contains(t, revoked, "tired of it")
	assert.NotContains(t, revoked, "<form")
	assert.Equal(t, http.StatusConflict, s.post("?key="+id, url.Values{"do": {"enable"}}).StatusCode)
}

func TestSessions(t *testing.T) {
	s := defaultSite(t)
	assert.Contains(t, s.get("?sessions").body, "No sessions.")
	grant, err := s.iss.StartSession(t.Context(), issuer.User{ID: "us_admin", Owner: "acme", Scopes: "*"}, "Laptop <1>")
	require.NoError(t, err)
	shown := s.get("?sessions").body
	assert.Contains(t, shown, "Laptop &lt;1&gt;")
	assert.NotContains(t, shown, grant.AccessToken)
	a := s.post("?sessions", url.Values{"do": {"end-session"}, "session": {grant.SessionID}})
	assert.Equal(t, "?sessions&done=session-ended", a.Header.Get("Location"))
	assert.Contains(t, s.get("?sessions&done=session-ended").body, "The session was ended.")
	assert.Contains(t, s.get("?sessions").body, "No sessions.")

	without := newSite(t, issuer.Config{}, page.Config{})
	assert.Equal(t, http.StatusNotFound, without.get("?sessions").StatusCode)
	assert.NotContains(t, without.get("").body, "?sessions")
}

// What the page shows and does is bounded as the endpoints are.
func TestBounds(t *testing.T) {
	s := defaultSite(t)
	id, _ := s.create("Theirs")
	for _, row := range []struct {
		name   string
		caller issuer.Caller
		status int // of the page of the key, and of each change
		isSeen bool
	}{
		{"another owner", issuer.Caller{ID: "us_admin", Owner: "other", Scopes: "*"}, http.StatusNotFound, false},
		{"only its own", issuer.Caller{ID: "us_2", Owner: "acme", OwnOnly: true, Scopes: "*"}, http.StatusNotFound, false},
		{"read only", issuer.Caller{ID: "us_2", Owner: "acme", ReadOnly: true, Scopes: "*"}, http.StatusForbidden, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.caller = row.caller
			defer func() { s.caller = admin }()
			secret := s.key(id).Secrets[0].ID
			for _, form := range []url.Values{
				{"do": {"update"}, "version": {"1"}, "name": {"Mine"}, "access": {"full"}, "expiry": {"never"}},
				{"do": {"rotate"}, "secret": {secret}, "grace": {"0"}},
				{"do": {"end-secret"}, "secret": {secret}},
				{"do": {"disable"}},
				{"do": {"revoke"}},
			} {
				assert.Equal(t, row.status, s.post("?key="+id, form).StatusCode, form.Get("do"))
			}
			assert.Equal(t, row.isSeen, strings.Contains(s.get("").body, "Theirs"))
			assert.Equal(t, row.isSeen, s.get("?key="+id).StatusCode == http.StatusOK)
			if row.caller.ReadOnly {
				assert.NotContains(t, s.get("").body+s.get("?key="+id).body, `method="post"`)
				assert.Equal(t, http.StatusForbidden, s.get("?new").StatusCode)
			}
		})
	}
	assert.Equal(t, int64(1), s.key(id).Version)
}

// The states of an error, each with the status of the endpoints.
func TestProblems(t *testing.T) {
	tooMany := &bearer.Error{Code: bearer.CodeRateLimitExceeded, RetryAfter: 1500 * time.Millisecond}
	for _, row := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"no one is logged in", issuer.ErrNoCaller, http.StatusUnauthorized, `href="/login"`},
		{"too many requests", tooMany, http.StatusTooManyRequests, "Try again in 2 seconds."},
		{"an outage", errors.New("secret database text"), http.StatusServiceUnavailable, "Try again in a moment."},
		{"forbidden", &bearer.Error{Code: bearer.CodeForbidden}, http.StatusForbidden, "You may not do this"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := defaultSite(t)
			form := s.newForm("Lost")
			s.refuse = row.err
			for _, a := range []answer{s.get(""), s.get("?new"), s.get("?sessions"), s.post("?new", form)} {
				assert.Equal(t, row.status, a.StatusCode)
				assert.Contains(t, a.body, row.want)
				assert.NotContains(t, a.body, "secret database text")
				assert.Equal(t, row.status == http.StatusTooManyRequests, a.Header.Get("Retry-After") == "2")
			}
		})
	}
}

func TestRequests(t *testing.T) {
	s := defaultSite(t)
	form := s.newForm("Odd")
	request := func(method, kind, body string) *http.Request {
		r := httptest.NewRequest(method, "/settings/keys?new", strings.NewReader(body))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		return r
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		name   string
		r      *http.Request
		header [2]string
		status int
	}{
		{"another site", request("POST", urlencoded, form.Encode()), [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another subdomain", request("POST", urlencoded, form.Encode()), [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", request("POST", urlencoded, form.Encode()), [2]string{"Origin", "https://evil.example"}, 403},
		{"PUT", request("PUT", urlencoded, form.Encode()), [2]string{}, 405},
		{"DELETE", request("DELETE", "", ""), [2]string{}, 405},
		{"JSON", request("POST", "application/json", "{}"), [2]string{}, 415},
		{"multipart", request("POST", "multipart/form-data; boundary=x", "--x--"), [2]string{}, 415},
		{"no type", request("POST", "", form.Encode()), [2]string{}, 415},
		{"too large", request("POST", urlencoded, "a="+strings.Repeat("x", 65<<10)), [2]string{}, 413},
		{"malformed", request("POST", urlencoded, "%zz"), [2]string{}, 400},
		{"nothing to do", request("POST", urlencoded, "do=dance"), [2]string{}, 400},
		{"an ID of its own", request("POST", urlencoded, "do=create&id=ak_mine&name=x"), [2]string{}, 400},
		{"text in the query", httptest.NewRequest("POST", "/settings/keys?"+form.Encode(), nil), [2]string{"Content-Type", urlencoded}, 400},
		{"HEAD", httptest.NewRequest("HEAD", "/settings/keys", nil), [2]string{}, 200},
		{"HEAD from another site", httptest.NewRequest("HEAD", "/settings/keys", nil), [2]string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"an unknown key", httptest.NewRequest("GET", "/settings/keys?key=ak_none", nil), [2]string{}, 404},
		{"no key", httptest.NewRequest("GET", "/settings/keys?key=", nil), [2]string{}, 404},
		{"a key with NUL", httptest.NewRequest("GET", "/settings/keys?key=%00", nil), [2]string{}, 404},
		{"a bad cursor", httptest.NewRequest("GET", "/settings/keys?sessions&cursor=x", nil), [2]string{}, 400},
		{"a bad place", httptest.NewRequest("GET", "/settings/keys?after=x", nil), [2]string{}, 200},
		{"a place far away", httptest.NewRequest("GET", "/settings/keys?after=9223372036854775807.x", nil), [2]string{}, 200},
		{"no asset", httptest.NewRequest("GET", "/settings/keys?asset=../config.go", nil), [2]string{}, 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.header[0] != "" {
				row.r.Header.Set(row.header[0], row.header[1])
			}
			a := s.do(row.r)
			assert.Equal(t, row.status, a.StatusCode)
			if row.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "GET, HEAD, POST", a.Header.Get("Allow"))
			}
			assert.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
			assert.Contains(t, a.Header.Get("Content-Security-Policy"), "default-src 'none'")
		})
	}
	keys, _, err := s.iss.ListKeys(t.Context(), admin, issuer.KeyQuery{})
	require.NoError(t, err)
	assert.Empty(t, keys)
}

// Nothing in the page runs but its own script, and all of its links are relative:
// it stands at any path.
func TestSafety(t *testing.T) {
	s := defaultSite(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`
	_, key, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
		ID: "ak_-._~", Name: evil, Kind: bearer.SecretKey, Metadata: map[string]string{"</textarea>": evil},
	})
	require.NoError(t, err)
	_, err = s.iss.RevokeKey(t.Context(), admin, key.ID, "")
	require.NoError(t, err)
	_, live, err := s.iss.CreateKey(t.Context(), admin, issuer.APIKey{
		Name: evil, Kind: bearer.SecretKey, Metadata: map[string]string{"</textarea>": evil},
	})
	require.NoError(t, err)
	_, err = s.iss.StartSession(t.Context(), issuer.User{ID: "us_admin", Owner: "acme"}, evil[:40])
	require.NoError(t, err)
	bad := s.newForm(evil)
	bad.Set("addresses", "</textarea>"+evil)
	query := url.QueryEscape(evil)
	for name, a := range map[string]answer{
		"list": s.get("?state=all"), "key": s.get("?key=" + live.ID), "revoked": s.get("?key=ak_-._~"),
		"sessions": s.get("?sessions"), "new": s.get("?new"), "typed": s.post("?new", bad),
		"filter": s.get("?q=" + query + "&state=" + query + "&type=" + query + "&environment=" + query + "&after=" + query),
		"done":   s.get("?key=" + live.ID + "&done=" + query), "no key": s.get("?key=" + query),
	} {
		t.Run(name, func(t *testing.T) {
			assert.NotContains(t, a.body, "<script>")
			assert.NotContains(t, a.body, "<img")
			assert.Equal(t, 1, strings.Count(a.body, "<script"))
			tags := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(a.body, `""`)
			assert.NotRegexp(t, `<[a-z][^>]* (style|on[a-z]+)=`, tags)
			for _, link := range regexp.MustCompile(` (?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
				assert.Regexp(t, `^(\?|#|data:,$)`, link[1])
			}
		})
	}
}

func TestAssets(t *testing.T) {
	s := newSite(t, issuer.Config{Catalogue: catalogue}, page.Config{Accent: "#ffee00", AccentDark: "#000044"})
	shown := s.get("?new")
	size := len(shown.body)
	s.refuse = issuer.ErrNoCaller // what is the same for all needs no login
	for _, name := range []string{"page.css", "page.js"} {
		version := shown.find(t, `asset=`+name+`&amp;v=([0-9a-f]+)`)
		a := s.get("?asset=" + name + "&v=" + version)
		assert.Equal(t, http.StatusOK, a.StatusCode)
		assert.Contains(t, a.Header.Get("Cache-Control"), "immutable")
		assert.Equal(t, "no-store", s.get("?asset="+name+"&v=old").Header.Get("Cache-Control"))
		size += len(a.body)
	}
	assert.Less(t, size, 60<<10)
	css := s.get("?asset=page.css").body
	assert.Contains(t, css, "--accent: #ffee00; --on-accent: #000000; --link: #1f5fd6;")
	assert.Contains(t, css, "--accent: #000044; --on-accent: #ffffff; --link: #8db4ff;")
}

// Every text that the page shows is among those that can be translated, and the
// translations are shown.
func TestTexts(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	templates, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	var want []string
	pattern := regexp.MustCompile(`\.[TN](?: |\()"([^"]+)"|v\.one\(.*, ("[^"]+", "[^"]+")\)|(?:invalid\("[a-z_]+", |conflict\()"([^"]+)"`)
	for _, name := range append(sources, templates...) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range pattern.FindAllStringSubmatch(string(source), -1) {
			texts := []string{match[1], match[3]}
			if match[2] != "" {
				texts = strings.Split(strings.Trim(match[2], `"`), `", "`)
			}
			want = append(want, slices.DeleteFunc(texts, func(s string) bool { return s == "" })...)
		}
	}
	slices.Sort(want)
	assert.Equal(t, slices.Compact(want), page.Texts())

	look := page.Config{
		Language: func(*http.Request) string { return "ar-EG" },
		Text: func(_ *http.Request, text string, n int) string {
			if strings.Contains(text, "%d") {
				return fmt.Sprintf("[%d of %%d]", n)
			}
			return "[" + strings.ToUpper(text) + "]"
		},
	}
	s := newSite(t, issuer.Config{Catalogue: catalogue, Tokens: tokens()}, look)
	id, _ := s.create("Named")
	bad := s.newForm("")
	for _, a := range []answer{s.get(""), s.get("?new"), s.get("?key=" + id), s.get("?sessions"), s.post("?new", bad)} {
		assert.Contains(t, a.body, `<html lang="ar-EG" dir="rtl">`)
		for _, text := range page.Texts() {
			if len(text) > 8 && !strings.Contains(text, "%d") {
				assert.NotContains(t, a.body, ">"+text+"<")
			}
		}
	}
	assert.Contains(t, s.get("").body, "[29 of 29]")
	assert.Contains(t, s.post("?new", bad).body, "[NAME MUST NOT BE EMPTY.]")
}

// A config that is wrong is found at the start.
func TestConfig(t *testing.T) {
	iss, err := issuer.New(issuer.Config{Catalogue: catalogue})
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		config page.Config
		want   string
	}{
		{"a link that runs", page.Config{Login: "javascript:alert(1)"}, "Config.Login"},
		{"a home that runs", page.Config{Home: "data:text/html,x"}, "Config.Home"},
		{"a logo with a policy", page.Config{Logo: "https://a.example;script-src/x.png"}, "Config.Logo"},
		{"a colour by name", page.Config{Accent: "red"}, "Config.Accent"},
		{"a colour with style", page.Config{AccentDark: "#00}};*"}, "Config.AccentDark"},
		{"a negative size", page.Config{PageSize: -1}, "Config.PageSize"},
		{"a large size", page.Config{PageSize: 101}, "Config.PageSize"},
		{"an unknown scope", page.Config{Scopes: []page.ScopeGroup{{Name: "A", Scopes: []page.Scope{{Scope: "x"}}}}}, "Config.Scopes"},
		{"no scope", page.Config{Scopes: []page.ScopeGroup{{Name: "A", Scopes: []page.Scope{{}}}}}, "Config.Scopes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer func() {
				assert.Contains(t, fmt.Sprint(recover()), row.want)
			}()
			page.Handler(iss, row.config)
		})
	}
	assert.Panics(t, func() { page.Handler(nil, page.Config{}) })
}

// The config says how the page looks.
func TestLook(t *testing.T) {
	s := newSite(t, issuer.Config{Catalogue: catalogue}, page.Config{
		Name: "Acme & Sons", Logo: "https://cdn.example/logo.svg", Home: "/",
		Scopes: []page.ScopeGroup{{Name: "Money", Scopes: []page.Scope{
			{Scope: "wallets:write", Label: "Pay", About: "Moves money."}, {Scope: "wallets:read"},
		}}},
		Reads: func(scope bearer.Scope) bool { return scope == "wallets:read" },
	})
	a := s.get("?new")
	assert.Contains(t, a.Header.Get("Content-Security-Policy"), "img-src 'self' data: https://cdn.example;")
	assert.Contains(t, a.body, "Acme &amp; Sons")
	assert.Regexp(t, `(?s)<legend>Money</legend>.*Pay<small>Moves money.*<legend>tokens</legend>`, a.body)
	form := s.newForm("Reads")
	form.Set("access", "read")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	assert.Equal(t, bearer.Scopes("wallets:read"), s.key(form.Get("id")).Scopes)
}

func TestRules(t *testing.T) {
	rules := issuer.KeyRules{MaxTTL: 60 * 24 * time.Hour, MaxGrace: time.Hour, MustScope: true}
	s := newSite(t, issuer.Config{Rules: rules}, page.Config{})
	shown := s.get("?new").body
	assert.NotContains(t, shown, `value="90d"`)
	assert.NotContains(t, shown, `value="never"`)
	assert.Contains(t, shown, `value="30d" selected`)
	assert.Contains(t, shown, `id="scopes"`, "there is no catalogue: scopes are typed")
	form := s.newForm("Typed")
	form.Set("scope", "a:read  b:write")
	require.Equal(t, http.StatusCreated, s.post("?new", form).StatusCode)
	assert.Equal(t, bearer.Scopes("a:read b:write"), s.key(form.Get("id")).Scopes)
	graces := s.get("?key=" + form.Get("id")).body
	assert.Contains(t, graces, `value="3600" selected`)
	assert.NotContains(t, graces, `value="86400"`)
	form = s.newForm("Ever")
	form.Set("expiry", "never")
	assert.Equal(t, http.StatusBadRequest, s.post("?new", form).StatusCode)
}
