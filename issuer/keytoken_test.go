package issuer_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// newTokenWorld returns an issuer of keys whose callers are the users of its JWTs.
func newTokenWorld(t *testing.T) (*keyWorld, *signed) {
	t.Helper()
	s := newSigned(t)
	w := newKeyWorld(t, func(c *issuer.Config) {
		c.Store, c.Tokens, c.Caller = s.store, s.config.Tokens, nil
	})
	return w, s
}

// as makes a call with a bearer credential.
func (w *keyWorld) as(credential, method, path, body string) keyAnswer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	r.Header.Set("Origin", "https://elsewhere.example") // no CrossOrigin without Caller
	return w.serve(r)
}

// TestTokenCallers proves S4.4: without Config.Caller, the users of this issuer's
// JWTs manage keys, and no one else.
func TestTokenCallers(t *testing.T) {
	w, s := newTokenWorld(t)
	user, err := w.StartSession(t.Context(), issuer.User{ID: "u_1", Owner: "acme", Scopes: "*"}, "")
	require.NoError(t, err)
	secret, key := w.create("acme", func(k *issuer.APIKey) { k.Scopes = "*" })
	publishable, _ := w.create("acme", func(k *issuer.APIKey) { k.Kind = bearer.PublishableKey })
	ofKey, _ := s.session("key:"+key.ID, func(x *issuer.Session) { x.SecretHash = key.Secrets[0].Hash })
	ofCredential, _ := s.session("credential:c_1", nil)
	_, client, err := w.CreateClient(t.Context(), issuer.Operator("acme"), issuer.Client{Name: "a", Scopes: "*"})
	require.NoError(t, err)
	ofClient, _ := s.session("client:"+client.ID, func(x *issuer.Session) { x.SecretHash = client.Secrets[0].Hash })
	w.told()
	ofNobody, _ := s.session("user:", nil)
	foreign, _ := newSigned(t).session("user:u_1", nil)
	calls := allKeyCalls(key.ID, key.Secrets[0].ID)
	for _, test := range []struct {
		name, credential string
		status           int
		reason           string
	}{
		{"nothing", "", 401, "missing_credentials"},
		{"a secret key", secret, 401, "wrong_credential_type"},
		{"a publishable key", publishable, 401, "wrong_credential_type"},
		{"no token", "a.b.c", 401, "invalid_token"},
		{"another issuer's token", foreign, 401, "invalid_token"},
		{"a key's token", ofKey, 403, "user_required"},
		{"a client's token", ofClient, 403, "user_required"},
		{"a credential's token", ofCredential, 401, "token_revoked"}, // it has none behind it
		{"a user's token without an ID", ofNobody, 503, "store_unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, call := range calls {
				a := w.as(test.credential, call.method, call.path, call.body)
				assert.Equal(t, test.status, a.Status, call.name+a.Text)
				assert.Equal(t, test.reason, a.refusal("reason"), call.name)
			}
			assert.Equal(t, key, w.stored(key))
			assert.Empty(t, w.told())
		})
	}
	a := w.as(user.AccessToken, "POST", "/v1/api_keys", `{"name":"a","type":"secret"}`)
	require.Equal(t, 201, a.Status, a.Text)
	assert.Equal(t, "u_1", a.text("created_by"))
	assert.Equal(t, "u_1", w.told()[0].Actor)
	_, err = w.GetKey(t.Context(), issuer.Operator("acme"), a.text("id"))
	require.NoError(t, err)
	// The session ends, and with it the power.
	require.NoError(t, w.EndSessions(t.Context(), "u_1"))
	a = w.as(user.AccessToken, "GET", "/v1/api_keys", "")
	assert.Equal(t, "token_revoked", a.refusal("reason"))
}

// TestTokenCallersHold proves that a user makes no more than the token says:
// scopes, environment and owner come from it alone.
func TestTokenCallersHold(t *testing.T) {
	w, _ := newTokenWorld(t)
	member, err := w.StartSession(t.Context(), issuer.User{
		ID: "u_2", Owner: "acme", Scopes: "tokens:read", Environment: bearer.Live,
	}, "")
	require.NoError(t, err)
	alone, err := w.StartSession(t.Context(), issuer.User{ID: "u_3", Scopes: "*"}, "")
	require.NoError(t, err)
	for _, test := range []struct {
		name, credential, body string
		status                 int
	}{
		{"what it holds", member.AccessToken, `,"scopes":["tokens:read"]`, 201},
		{"omitted: all", member.AccessToken, ``, 403},
		{"more", member.AccessToken, `,"scopes":["tokens:read","tokens:write"]`, 403},
		{"a family", member.AccessToken, `,"scopes":["tokens:*"]`, 403},
		{"another environment", member.AccessToken, `,"scopes":["tokens:read"],"environment":"test"`, 403},
		{"an owner of its own", alone.AccessToken, ``, 201},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := w.as(test.credential, "POST", "/v1/api_keys", `{"name":"a","type":"secret"`+test.body+`}`)
			assert.Equal(t, test.status, a.Status, a.Text)
		})
	}
	keys, _, err := w.ListKeys(t.Context(), issuer.Operator("u_3"), issuer.KeyQuery{})
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Equal(t, 404, w.as(member.AccessToken, "GET", "/v1/api_keys/"+keys[0].ID, "").Status)
	keys, _, err = w.ListKeys(t.Context(), issuer.Operator("acme"), issuer.KeyQuery{})
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Equal(t, bearer.Live, keys[0].Environment)
}
