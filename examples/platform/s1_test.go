package main_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oauth makes a request to an OAuth endpoint, with the client's ID and secret by
// Basic.
func (p platformAPI) oauth(t *testing.T, path, id, secret string, form url.Values) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return p.do(t, request{
		method: http.MethodPost, path: path, form: form,
		header: map[string]string{"Authorization": r.Header.Get("Authorization")},
	})
}

// grant asks for a token by client credentials.
func (p platformAPI) grant(t *testing.T, scope string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return p.oauth(t, "/oauth/token", p.ClientID, p.ClientSecret, form)
}

// S1.1: keys are created, listed and revoked by their owner. The text is shown
// once.
func TestS1_1(t *testing.T) {
	p := sharedPlatform(t)
	_, token, _ := p.register(t)
	text, id := p.key(t, token, nil)
	keys := p.get(t, "/v1/api_keys", token).is(t, http.StatusOK)
	require.Len(t, keys.list(t), 1)
	assert.Equal(t, id, keys.list(t)[0]["id"])
	one := p.get(t, "/v1/api_keys/"+id, token).is(t, http.StatusOK)
	for _, a := range []answer{keys, one} {
		assert.NotContains(t, string(a.text), text)
		assert.NotContains(t, string(a.text), text[len(text)-30:])
	}
	assert.True(t, strings.HasPrefix(text, one.str(t, "hint")))

	// Another owner sees nothing of it.
	_, stranger, _ := p.register(t)
	assert.Empty(t, p.get(t, "/v1/api_keys", stranger).list(t))
	for _, a := range []answer{
		p.get(t, "/v1/api_keys/"+id, stranger), p.delete(t, "/v1/api_keys/"+id, stranger),
		p.patch(t, "/v1/api_keys/"+id, stranger, object{"name": "mine"}),
		p.post(t, "/v1/api_keys/"+id+"/rotate", stranger, nil),
	} {
		a.refuses(t, http.StatusNotFound, "not_found")
	}
	revoked := p.delete(t, "/v1/api_keys/"+id+"?reason=lost", token).is(t, http.StatusOK)
	assert.Equal(t, true, revoked.member(t, "revoked"))
	assert.Equal(t, "lost", revoked.member(t, "reason"))
	assert.Empty(t, p.get(t, "/v1/api_keys", token).list(t))
	assert.Len(t, p.get(t, "/v1/api_keys?include_revoked=true", token).list(t), 1)
}

// S1.2: keys of an older system, which have no prefix, work if the store knows
// them.
func TestS1_2(t *testing.T) {
	p := sharedPlatform(t)
	p.get(t, "/v1/tokens", p.SecretKey).is(t, http.StatusOK)

	format := bearer.KeyFormat{Foreign: true}
	i, err := issuer.New(issuer.Config{Format: format})
	require.NoError(t, err)
	guard, err := bearer.New(i.KeyConfig())
	require.NoError(t, err)
	old := strings.Repeat("0f1e2d3c", 5)
	_, err = i.ImportKey(t.Context(), issuer.Operator("acme"), issuer.APIKey{
		Name: "old", Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "tokens:read",
	}, format.Hash(old))
	require.NoError(t, err)
	for text, wantStatus := range map[string]int{old: http.StatusOK, old[1:]: http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		w := httptest.NewRecorder()
		guard.Require("tokens:read")(http.NotFoundHandler()).ServeHTTP(w, r)
		assert.Equal(t, wantStatus == http.StatusOK, w.Code == http.StatusNotFound, text)
	}
}

// S1.3: who am I, by every credential.
func TestS1_3(t *testing.T) {
	p := sharedPlatform(t)
	for _, row := range []struct{ name, credential, wantKind, wantID string }{
		{"a secret key", p.SecretKey, "secret", "ak_"},
		{"a publishable key", p.PublishableKey, "publishable", "ak_"},
		{"a user", p.admin(t), "token", "user:"},
		{"an OAuth client", p.grant(t, "").str(t, "access_token"), "token", "client:" + p.ClientID},
		{"a credential", p.pairToken(t), "token", "credential:" + p.APIKey},
		{"a session of a key", p.session(t, p.SecretKey, "").str(t, "access_token"), "token", "key:ak_"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := p.get(t, "/api/v1/users/me", row.credential).is(t, http.StatusOK)
			assert.Equal(t, row.wantKind, a.str(t, "kind"))
			assert.True(t, strings.HasPrefix(a.str(t, "id"), row.wantID), a.str(t, "id"))
		})
	}
}

// S1.4: POST /oauth/token is a form; the client authenticates by Basic or by form,
// never by both, and never in the URL.
func TestS1_4(t *testing.T) {
	p := sharedPlatform(t)
	p.grant(t, "read").is(t, http.StatusOK)
	form := func(more ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v
	}
	inForm := form("client_id", p.ClientID, "client_secret", p.ClientSecret)
	p.do(t, request{method: http.MethodPost, path: "/oauth/token", form: inForm}).is(t, http.StatusOK)
	for _, row := range []struct {
		name string
		q    request
		want string
	}{
		{"both", request{form: inForm, header: map[string]string{"Authorization": "Basic eDp5"}}, "invalid_request"},
		{"in the URL", request{path: "?client_id=" + p.ClientID + "&client_secret=" + p.ClientSecret, form: form()}, "invalid_request"},
		{"JSON", request{json: object{"grant_type": "client_credentials"}}, "invalid_request"},
		{"no body", request{}, "invalid_request"},
		{"a repeated parameter", request{form: form("client_id", p.ClientID, "client_secret", p.ClientSecret, "client_id", p.ClientID)}, "invalid_request"},
		{"no grant type", request{form: url.Values{"client_id": {p.ClientID}, "client_secret": {p.ClientSecret}}}, "invalid_request"},
		{"password", request{form: url.Values{"grant_type": {"password"}, "client_id": {p.ClientID}, "client_secret": {p.ClientSecret}}}, "unsupported_grant_type"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.q.method, row.q.path = http.MethodPost, "/oauth/token"+row.q.path
			a := p.do(t, row.q).is(t, http.StatusBadRequest)
			assert.Equal(t, row.want, a.str(t, "error"))
			assert.Empty(t, a.Header.Get("WWW-Authenticate"))
		})
	}
	a := p.get(t, "/oauth/token", "").is(t, http.StatusMethodNotAllowed)
	assert.Equal(t, "POST", a.Header.Get("Allow"))
}

// S1.5: the answer always has a scope, and no refresh token.
func TestS1_5(t *testing.T) {
	p := sharedPlatform(t)
	for scope, want := range map[string]string{"": "read write", "read": "read", "write read": "write read"} {
		a := p.grant(t, scope).is(t, http.StatusOK)
		assert.Len(t, a.object(t), 4)
		assert.Equal(t, "bearer", a.str(t, "token_type"))
		assert.EqualValues(t, 3600, a.num(t, "expires_in"))
		assert.Equal(t, want, a.str(t, "scope"))
		me := p.get(t, "/auth/me", a.str(t, "access_token")).is(t, http.StatusOK)
		assert.Len(t, me.member(t, "scopes"), len(strings.Fields(want)))
	}
}

// S1.6: a client that fails to authenticate is answered with the same bytes,
// whatever is wrong.
func TestS1_6(t *testing.T) {
	p := sharedPlatform(t)
	want := `{"error":"invalid_client","error_description":"Client authentication failed"}`
	form := url.Values{"grant_type": {"client_credentials"}}
	for name, a := range map[string]answer{
		"a wrong secret": p.oauth(t, "/oauth/token", p.ClientID, "wrong", form),
		"a wrong ID":     p.oauth(t, "/oauth/token", "wrong", p.ClientSecret, form),
		"a credential":   p.oauth(t, "/oauth/token", p.APIKey, p.APISecret, form),
		"by form": p.do(t, request{method: http.MethodPost, path: "/oauth/token", form: url.Values{
			"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "client_secret": {"wrong"},
		}}),
		"nothing": p.do(t, request{method: http.MethodPost, path: "/oauth/token", form: form}),
	} {
		a.is(t, http.StatusUnauthorized)
		assert.Equal(t, want, strings.TrimSpace(string(a.text)), name)
		assert.True(t, strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic "), name)
	}
}

// S1.7: without a scope a client gets all that it may have, and never more.
func TestS1_7(t *testing.T) {
	p := sharedPlatform(t)
	assert.Equal(t, "read write", p.grant(t, "").is(t, http.StatusOK).str(t, "scope"))
	for _, scope := range []string{"tokens:read", "read tokens:read", "*", "unknown", "read  write", " "} {
		a := p.grant(t, scope).is(t, http.StatusBadRequest)
		assert.Equal(t, "invalid_scope", a.str(t, "error"), scope)
	}
}

// S1.8: a revoked key fails on the very next request, and a token that was revoked
// or is inspected too.
func TestS1_8(t *testing.T) {
	p := sharedPlatform(t)
	_, token, _ := p.register(t)
	text, id := p.key(t, token, nil)
	p.get(t, "/v1/tokens", text).is(t, http.StatusOK)
	p.delete(t, "/v1/api_keys/"+id, token).is(t, http.StatusOK)
	a := p.get(t, "/v1/tokens", text).refuses(t, http.StatusUnauthorized, "unauthorized")
	assert.Equal(t, "key_revoked", a.member(t, "error", "reason"))

	access := p.grant(t, "read").str(t, "access_token")
	inspect := func() any {
		return p.oauth(t, "/oauth/introspect", p.IntrospectClientID, p.IntrospectClientSecret, url.Values{"token": {access}}).
			is(t, http.StatusOK).member(t, "active")
	}
	assert.Equal(t, true, inspect())
	p.oauth(t, "/oauth/introspect", p.ClientID, p.ClientSecret, url.Values{"token": {access}}).is(t, http.StatusForbidden)
	p.oauth(t, "/oauth/revoke", p.ClientID, p.ClientSecret, url.Values{"token": {access}}).is(t, http.StatusOK)
	p.oauth(t, "/oauth/revoke", p.ClientID, p.ClientSecret, url.Values{"token": {"unknown"}}).is(t, http.StatusOK)
	p.works(t, access, false)
	assert.Equal(t, false, inspect())
}

// S1.9: no answer that carries a token or a secret is stored by caches.
func TestS1_9(t *testing.T) {
	p := newPlatform(t)
	admin := p.admin(t)
	_, id := p.key(t, admin, nil)
	_, refresh := p.login(t, p.Email, p.Password)
	for name, a := range map[string]answer{
		"/auth/token":       p.exchange(t, p.APIKey, p.APISecret),
		"/auth/credentials": p.put(t, "/auth/credentials", p.pairToken(t), nil),
		"/auth/login":       p.post(t, "/auth/login", "", object{"email": p.Email, "password": p.Password}),
		"of a key":          p.session(t, p.SecretKey, ""),
		"/auth/refresh":     p.post(t, "/auth/refresh", "", object{"refresh_token": refresh}),
		"/auth/register":    p.post(t, "/auth/register", "", object{"email": "new@example.com", "password": "correct horse"}),
		"/oauth/token":      p.grant(t, ""),
		"/v1/api_keys":      p.newKey(t, admin, nil),
		"rotate":            p.post(t, "/v1/api_keys/"+id+"/rotate", admin, nil),
	} {
		require.Less(t, a.StatusCode, 300, "%s: %s", name, a.text)
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"), name)
		assert.Equal(t, "no-cache", a.Header.Get("Pragma"), name)
	}
}
