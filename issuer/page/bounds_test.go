package page_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
		{"another site", request(http.MethodPost, urlencoded, form.Encode()), [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another subdomain", request(http.MethodPost, urlencoded, form.Encode()), [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", request(http.MethodPost, urlencoded, form.Encode()), [2]string{"Origin", "https://evil.example"}, 403},
		{"PUT", request(http.MethodPut, urlencoded, form.Encode()), [2]string{}, 405},
		{"DELETE", request(http.MethodDelete, "", ""), [2]string{}, 405},
		{"JSON", request(http.MethodPost, "application/json", "{}"), [2]string{}, 415},
		{"multipart", request(http.MethodPost, "multipart/form-data; boundary=x", "--x--"), [2]string{}, 415},
		{"no type", request(http.MethodPost, "", form.Encode()), [2]string{}, 415},
		{"too large", request(http.MethodPost, urlencoded, "a="+strings.Repeat("x", 65<<10)), [2]string{}, 413},
		{"malformed", request(http.MethodPost, urlencoded, "%zz"), [2]string{}, 400},
		{"nothing to do", request(http.MethodPost, urlencoded, "do=dance"), [2]string{}, 400},
		{"an ID of its own", request(http.MethodPost, urlencoded, "do=create&id=ak_mine&name=x"), [2]string{}, 400},
		{"text in the query", httptest.NewRequest(http.MethodPost, "/settings/keys?"+form.Encode(), nil), [2]string{"Content-Type", urlencoded}, 400},
		{"HEAD", httptest.NewRequest(http.MethodHead, "/settings/keys", nil), [2]string{}, 200},
		{"HEAD from another site", httptest.NewRequest(http.MethodHead, "/settings/keys", nil), [2]string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"an unknown key", httptest.NewRequest(http.MethodGet, "/settings/keys?key=ak_none", nil), [2]string{}, 404},
		{"no key", httptest.NewRequest(http.MethodGet, "/settings/keys?key=", nil), [2]string{}, 404},
		{"a key with NUL", httptest.NewRequest(http.MethodGet, "/settings/keys?key=%00", nil), [2]string{}, 404},
		{"a bad cursor", httptest.NewRequest(http.MethodGet, "/settings/keys?sessions&cursor=x", nil), [2]string{}, 400},
		{"a bad place", httptest.NewRequest(http.MethodGet, "/settings/keys?after=x", nil), [2]string{}, 200},
		{"a place far away", httptest.NewRequest(http.MethodGet, "/settings/keys?after=9223372036854775807.x", nil), [2]string{}, 200},
		{"no asset", httptest.NewRequest(http.MethodGet, "/settings/keys?asset=../config.go", nil), [2]string{}, 404},
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
