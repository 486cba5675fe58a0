package leak_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// TestReports proves what each report is answered, and that the answer holds no
// more than that.
func TestReports(t *testing.T) {
	w := newWorld(t)
	live, key := w.create(bearer.SecretKey)
	public, _ := w.create(bearer.PublishableKey)
	old, rotated := w.create(bearer.SecretKey)
	_, _, err := w.RotateKey(t.Context(), issuer.Operator("acme"), rotated.ID, time.Hour)
	require.NoError(t, err)
	never, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	w.told()
	for _, row := range []struct{ name, body, want string }{
		{"a live key", `{"key":" ` + live + `\n","url":"https://paste.example/1","source":"slack"}`, "revoked"},
		{"once more", `{"key":"` + live + `"}`, "ended"},
		{"one of two secrets", `{"key":"` + old + `"}`, "revoked"},
		{"a publishable key", `{"key":"` + public + `"}`, "public"},
		{"what is no key", `{"key":"` + never + `"}`, "unknown"},
		{"another form", `{"key":"x"}`, "unknown"},
		{"half a surrogate pair", `{"key":"\ud800"}`, "unknown"},
	} {
		rec := w.report("192.0.2.1:1", row.body)
		assert.Equal(t, http.StatusOK, rec.Code, row.name)
		assert.JSONEq(t, `{"status":"`+row.want+`"}`, rec.Body.String(), row.name)
		assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"), row.name)
	}
	assert.Equal(t, http.StatusUnauthorized, w.check(live))
	assert.Equal(t, http.StatusUnauthorized, w.check(old))
	assert.Equal(t, http.StatusOK, w.check(public))
	told := w.told()
	require.Len(t, told, 4)
	assert.Equal(t, map[string]string{
		"source": "report:slack", "url": "https://paste.example/1", "secret": key.Secrets[0].ID, "action": "revoked",
	}, told[0].Detail)
	assert.Equal(t, "192.0.2.1", told[0].IP.String())
	assert.Equal(t, "report", told[2].Detail["source"])
}

// TestReportRefusals proves which bodies do nothing.
func TestReportRefusals(t *testing.T) {
	for _, row := range []struct {
		name, body, param string // KEY: the text of a live key
		status            int
	}{
		{"no body", ``, "", 400},
		{"no object", `[{"key":"KEY"}]`, "", 400},
		{"a text", `"KEY"`, "", 400},
		{"null", `null`, "", 400},
		{"no key", `{}`, "key", 400},
		{"an empty key", `{"key":" "}`, "key", 400},
		{"null as a key", `{"key":null}`, "key", 400},
		{"a number as a key", `{"key":1}`, "key", 400},
		{"an object as a key", `{"key":{"key":"KEY"}}`, "key", 400},
		{"an array as a url", `{"url":["KEY"],"key":"KEY"}`, "url", 400},
		{"NUL", `{"key":"KEY\u0000"}`, "key", 400},
		{"a key twice", `{"key":"KEY","key":"KEY"}`, "key", 400},
		{"a key twice, spelled otherwise", `{"key":"KEY","\u006bey":"KEY"}`, "key", 400},
		{"another case", `{"Key":"KEY"}`, "", 400},
		{"another member", `{"key":"KEY","owner":"acme"}`, "", 400},
		{"two objects", `{"key":"KEY"}{}`, "", 400},
		{"half of it", `{"key":"KEY"`, "", 400},
		{"no UTF-8", "{\"key\":\"KEY\",\"url\":\"\xff\"}", "", 400},
		{"a source that is too long", `{"key":"KEY","source":"` + strings.Repeat("a", 58) + `"}`, "source", 400},
		{"a source with spaces", `{"key":"KEY","source":"a b"}`, "source", 400},
		{"a source with a line break", `{"key":"KEY","source":"a\n"}`, "source", 400},
		{"a long source", `{"key":"KEY","source":"` + strings.Repeat("a", 60) + `"}`, "source", 400},
		{"too large", `{"key":"KEY","url":"` + strings.Repeat("a", 16<<10) + `"}`, "", 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t)
			text, _ := w.create(bearer.SecretKey)
			rec := w.report("192.0.2.1:1", strings.ReplaceAll(row.body, "KEY", text))
			assert.Equal(t, row.status, rec.Code, rec.Body)
			_, _, param := refusal(t, rec)
			assert.Equal(t, row.param, param)
			assert.NotContains(t, rec.Body.String(), text)
			assert.Equal(t, http.StatusOK, w.check(text))
			assert.Empty(t, w.told())
		})
	}
	t.Run("a broken body", func(t *testing.T) {
		w := newWorld(t)
		r := httptest.NewRequest(http.MethodPost, "/", broken{})
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.reports.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusBadRequest, rec.Code)
		r.Body = nil
		rec = httptest.NewRecorder()
		w.reports.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusBadRequest, rec.Code)
		r.Header.Del("Content-Type")
		rec = httptest.NewRecorder()
		w.reports.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusUnsupportedMediaType, rec.Code)
		r.Method = http.MethodGet
		rec = httptest.NewRecorder()
		w.reports.ServeHTTP(rec, r)
		assert.Equal(t, http.StatusMethodNotAllowed, rec.Code)
		assert.Equal(t, "POST", rec.Header().Get("Allow"))
	})
}

// TestReportLimit proves that an address makes so many reports a minute, good or
// not, and that none keeps out another.
func TestReportLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		text, _ := w.create(bearer.SecretKey)
		for range 60 {
			assert.Equal(t, http.StatusOK, w.report("[2001:db8::1]:1", `{"key":"x"}`).Code)
		}
		rec := w.report("[2001:db8::2]:1", `{"key":"`+text+`"}`)
		assert.Equal(t, http.StatusTooManyRequests, rec.Code)
		assert.Equal(t, "1", rec.Header().Get("Retry-After"))
		assert.Contains(t, rec.Header().Get("RateLimit"), "leak-report")
		assert.Equal(t, http.StatusOK, w.check(text))
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusBadRequest, w.report("[2001:db8::2]:1", `{}x`).Code, "which counts too")
		assert.Equal(t, http.StatusTooManyRequests, w.report("[2001:db8::1]:1", `{"key":"x"}`).Code)
		assert.Equal(t, http.StatusOK, w.report("[2001:db8:1::1]:1", `{"key":"`+text+`"}`).Code)
		assert.Equal(t, http.StatusOK, w.report("", `{"key":"x"}`).Code, "an address that is not known")
	})
}

// A limiter that is out of order is an outage, and none is asked if there is no
// limit.
func TestReportLimiter(t *testing.T) {
	for name, row := range map[string]struct {
		limiter bearer.Limiter
		limit   bearer.Limit
		status  int
	}{
		"fails":            {limiterFunc(func() error { return errBroken }), bearer.Limit{}, 503},
		"panics":           {limiterFunc(func() error { panic("x") }), bearer.Limit{}, 503},
		"is not asked":     {limiterFunc(func() error { panic("x") }), bearer.Unlimited, 200},
		"has another size": {nil, bearer.PerMinute(1), 200},
	} {
		w := newWorld(t, func(s *setup) { s.reports.Limiter, s.reports.Limit = row.limiter, row.limit })
		assert.Equal(t, row.status, w.report("192.0.2.1:1", `{"key":"x"}`).Code, name)
	}
}

type limiterFunc func() error

func (f limiterFunc) Take(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{}, f()
}

// TestReportOutage proves that a report can be repeated after an outage.
func TestReportOutage(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newWorld(t, func(s *setup) { s.issuer.Store = store })
	text, _ := w.create(bearer.SecretKey)
	store.Fail("GetKey", errBroken)
	rec := w.report("192.0.2.1:1", `{"key":"`+text+`"}`)
	assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
	assert.NotContains(t, rec.Body.String(), errBroken.Error())
	store.Fail("GetKey", nil)
	assert.JSONEq(t, `{"status":"revoked"}`, w.report("192.0.2.1:1", `{"key":"`+text+`"}`).Body.String())
}

// TestReportDecide proves that the application decides.
func TestReportDecide(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.reports.Decide = func(context.Context, issuer.APIKey) (issuer.LeakAction, error) { return issuer.FlagLeaked, nil }
	})
	text, _ := w.create(bearer.SecretKey)
	assert.JSONEq(t, `{"status":"flagged"}`, w.report("192.0.2.1:1", `{"key":"`+text+`"}`).Body.String())
	assert.Equal(t, http.StatusOK, w.check(text))
}

// A guard in front makes reports a matter of those whom it knows.
func TestReportsBehindAGuard(t *testing.T) {
	w := newWorld(t)
	text, _ := w.create(bearer.SecretKey)
	other, _ := w.create(bearer.SecretKey)
	guard, err := bearer.New(w.KeyConfig())
	require.NoError(t, err)
	h := guard.Require("leaks:write")(w.reports)
	for _, credential := range []string{"", other} {
		r := httptest.NewRequest(http.MethodPost, "/leaks", strings.NewReader(`{"key":"`+text+`"}`))
		r.Header.Set("Content-Type", "application/json")
		if credential != "" {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		assert.Equal(t, credential != "", rec.Code == http.StatusOK)
	}
}
