package bearer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
)

// basicUser finds a key that is sent as the user name of the scheme Basic.
func basicUser(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	return user
}

func TestCredentialElsewhere(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	other, otherKey := newKey(bearer.SecretKey, bearer.Live)
	const (
		apiKey    = "X-Api-Key"
		malformed = "400 malformed_credentials"
		multiple  = "400 multiple_credentials"
		missing   = "401 missing_credentials"
	)
	basic := func(user string) string {
		r := request(http.MethodGet, "/", "")
		r.SetBasicAuth(user, "")
		return r.Header.Get("Authorization")
	}
	for _, row := range []struct {
		name string
		find func(*http.Request) string
		want string
		set  http.Header
	}{
		{"in the field", bearer.HeaderCredential("x-api-key"), "passed", http.Header{apiKey: {text}}},
		{"in the second of two fields", bearer.HeaderCredential("X-Old-Key", "X-API-Key"), "passed", http.Header{apiKey: {text}}},
		{"with white space around it", bearer.HeaderCredential(apiKey), "passed", http.Header{apiKey: {" \t" + text + " "}}},
		{"nowhere", bearer.HeaderCredential(apiKey), missing, http.Header{}},
		{"empty", bearer.HeaderCredential(apiKey), missing, http.Header{apiKey: {" "}}},
		{"in Authorization", bearer.HeaderCredential(apiKey), "passed", http.Header{"Authorization": {"Bearer " + text}}},
		{"in Authorization, and an empty field", bearer.HeaderCredential(apiKey), "passed",
			http.Header{"Authorization": {"Bearer " + text}, apiKey: {""}}},
		{"in both", bearer.HeaderCredential(apiKey), multiple,
			http.Header{"Authorization": {"Bearer " + text}, apiKey: {other}}},
		{"in both, the same", bearer.HeaderCredential(apiKey), multiple,
			http.Header{"Authorization": {"Bearer " + text}, apiKey: {text}}},
		{"a malformed Authorization beside it", bearer.HeaderCredential(apiKey), multiple,
			http.Header{"Authorization": {"Bearer"}, apiKey: {text}}},
		{"another scheme beside it", bearer.HeaderCredential(apiKey), "passed",
			http.Header{"Authorization": {basic("ann")}, apiKey: {text}}},
		{"two Authorization fields beside it", bearer.HeaderCredential(apiKey), multiple,
			http.Header{"Authorization": {basic("ann"), basic("ann")}, apiKey: {text}}},
		{"two fields", bearer.HeaderCredential(apiKey), multiple, http.Header{apiKey: {text, other}}},
		{"two fields, one empty", bearer.HeaderCredential(apiKey), multiple, http.Header{apiKey: {text, ""}}},
		{"two fields of two names", bearer.HeaderCredential("X-Old-Key", apiKey), multiple,
			http.Header{apiKey: {text}, "X-Old-Key": {text}}},
		{"two in one field", bearer.HeaderCredential(apiKey), multiple, http.Header{apiKey: {text + ", " + text}}},
		{"two in one field, without a space", bearer.HeaderCredential(apiKey), malformed, http.Header{apiKey: {text + "," + text}}},
		{"with a scheme", bearer.HeaderCredential(apiKey), malformed, http.Header{apiKey: {"Bearer " + text}}},
		{"not ASCII", bearer.HeaderCredential(apiKey), malformed, http.Header{apiKey: {"ключ"}}},
		{"too long", bearer.HeaderCredential(apiKey), "400 credential_too_long", http.Header{apiKey: {strings.Repeat("a", 8193)}}},
		{"not a key", bearer.HeaderCredential(apiKey), "401 invalid_api_key", http.Header{apiKey: {"letmein"}}},
		{"a JWT", bearer.HeaderCredential(apiKey), "401 wrong_credential_type", http.Header{apiKey: {"a.b.c"}}},
		{"user of Basic", basicUser, "passed", http.Header{"Authorization": {basic(text)}}},
		{"user of Basic, not a key", basicUser, "401 invalid_api_key", http.Header{"Authorization": {basic("ann")}}},
		{"a query without a function", nil, missing, http.Header{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key, otherKey), Credential: row.find})
			r := request(http.MethodGet, "/?access_token="+text+"&X-Api-Key="+text, "")
			r.Header = row.set
			assert.Equal(t, row.want, verdict(serve(guard.Handler(guard.Require()(pass)), r)))
		})
	}
}

// Between two handlers of a guard, a credential may be removed, and not replaced.
func TestCredentialElsewhereNested(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("a"))
	other, otherKey := newKey(bearer.SecretKey, bearer.Live, scoped("b"))
	find := bearer.HeaderCredential("X-API-Key")
	for _, row := range []struct {
		name   string
		change func(http.Header)
		want   string
	}{
		{"kept", func(http.Header) {}, "passed"},
		{"removed", func(h http.Header) { h.Del("X-API-Key") }, "passed"},
		{"replaced", func(h http.Header) { h.Set("X-API-Key", other) }, "403 scope_insufficient"},
		{"replaced by what is no key", func(h http.Header) { h.Set("X-API-Key", "b") }, "401 invalid_api_key"},
		{"moved", func(h http.Header) {
			h.Del("X-API-Key")
			h.Set("Authorization", "Bearer "+text)
		}, "passed"},
		{"moved and replaced", func(h http.Header) {
			h.Del("X-API-Key")
			h.Set("Authorization", "Bearer "+other)
		}, "403 scope_insufficient"},
		{"doubled", func(h http.Header) { h.Set("Authorization", "Bearer "+text) }, "400 multiple_credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key, otherKey), Credential: find})
			between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				row.change(r.Header)
				guard.Require("a")(pass).ServeHTTP(w, r)
			})
			r := request(http.MethodGet, "/", "")
			r.Header.Set("X-API-Key", text)
			assert.Equal(t, row.want, verdict(serve(guard.Handler(between), r)))
		})
	}
}

func TestOptionalCredentialElsewhere(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key), Optional: true, Credential: bearer.HeaderCredential("X-API-Key"),
	})
	for _, row := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"none", nil, "passed"},
		{"good", []string{text}, "passed"},
		{"bad", []string{mistyped(text)}, "401 invalid_api_key"},
		{"empty", []string{""}, "401 missing_credentials"},
		{"blank", []string{" \t"}, "401 missing_credentials"},
		{"two empty", []string{"", ""}, "400 multiple_credentials"},
	} {
		r := request(http.MethodGet, "/", "")
		if row.fields != nil {
			r.Header["X-Api-Key"] = row.fields
		}
		assert.Equal(t, row.want, verdict(serve(guard.Handler(pass), r)), row.name)
	}
}

func TestHeaderCredentialPanics(t *testing.T) {
	for _, names := range [][]string{
		nil, {""}, {"X-API-Key", ""}, {"X API Key"}, {"X-API-Key:"}, {"authorization"}, {"Proxy-Authorization"}, {"é"},
	} {
		assert.Panics(t, func() { bearer.HeaderCredential(names...) }, "%q", names)
	}
}

func TestMaxCredential(t *testing.T) {
	for _, row := range []struct {
		name string
		most int
		len  int
		want string
	}{
		{"8 KiB if zero", 0, 8192, "401 invalid_api_key"},
		{"longer than 8 KiB", 0, 8193, "400 credential_too_long"},
		{"16 KiB", 16 << 10, 9 << 10, "401 invalid_api_key"},
		{"16 KiB, at most", 16 << 10, 16 << 10, "401 invalid_api_key"},
		{"longer than 16 KiB", 16 << 10, 16<<10 + 1, "400 credential_too_long"},
		{"shorter", 100, 101, "400 credential_too_long"},
	} {
		guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(), MaxCredential: row.most})
		assert.Equal(t, row.want, verdict(get(guard.Handler(pass), strings.Repeat("a", row.len))), row.name)
	}
}

func TestCatalogue(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped(bearer.FullAccess))
	catalogue := []bearer.Scope{"tokens:read", "tokens:write", "events:read"}
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Catalogue: catalogue})
	catalogue[0] = "tokens:reed"
	for _, row := range []struct {
		name   string
		route  func() func(http.Handler) http.Handler
		panics bool
	}{
		{"Require", func() func(http.Handler) http.Handler { return guard.Require("tokens:read", "events:read") }, false},
		{"Require none", func() func(http.Handler) http.Handler { return guard.Require() }, false},
		{"Require, a typo", func() func(http.Handler) http.Handler { return guard.Require("tokens:read", "tokens:reed") }, true},
		{"Require all", func() func(http.Handler) http.Handler { return guard.Require("*") }, true},
		{"RequireAny, a typo", func() func(http.Handler) http.Handler { return guard.RequireAny("tokens:reed") }, true},
		{"Resource", func() func(http.Handler) http.Handler { return guard.Resource("tokens") }, false},
		{"Resource, a typo", func() func(http.Handler) http.Handler { return guard.Resource("token") }, true},
		{"Resource that nobody can write", func() func(http.Handler) http.Handler { return guard.Resource("events") }, true},
	} {
		check := assert.NotPanics
		if row.panics {
			check = assert.Panics
		}
		check(t, func() { row.route() }, row.name)
	}
	_, err := guard.Check(request(http.MethodGet, "/", text), "tokens:read")
	assert.NoError(t, err)
	_, err = guard.Check(request(http.MethodGet, "/", text), "tokens:reed")
	assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
}

func TestResourceMetadata(t *testing.T) {
	const url = "https://api.example/.well-known/oauth-protected-resource"
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("b"))
	expired, expiredKey := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) { k.ExpiresAt = time.Unix(1, 0) })
	for _, row := range []struct {
		name, text string
		write      func(http.ResponseWriter, *http.Request, *bearer.Error)
		want       string
	}{
		{"none", "", nil, `Bearer realm="api", resource_metadata="` + url + `"`},
		{"unknown", mistyped(text), nil, `Bearer realm="api", error="invalid_token", resource_metadata="` + url + `"`},
		{"malformed", "a b", nil, `Bearer realm="api", error="invalid_request", resource_metadata="` + url + `"`},
		{"lacks a scope", text, nil,
			`Bearer realm="api", error="insufficient_scope", scope="a", resource_metadata="` + url + `"`},
		{"expired", expired, nil, ""},
		{"expired, by OAuth", expired, bearer.WriteOAuthError,
			`Bearer realm="api", error="invalid_token", resource_metadata="` + url + `"`},
	} {
		guard := newGuard(t, bearer.Config{
			Keys: bearer.NewMemoryStore(key, expiredKey), ResourceMetadata: url, ErrorHandler: row.write,
		})
		assert.Equal(t, row.want, get(guard.Require("a")(pass), row.text).Header().Get("WWW-Authenticate"), row.name)
	}
}
