package issuer_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// keyLogin returns the token of a key's session.
func (w *clientWorld) keyLogin(key string) string {
	w.t.Helper()
	rec := w.send(http.MethodPost, "/auth/login", `{"api_key":"`+key+`"}`, isJSON)
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
	token, _ := decoded(w.t, rec)["access_token"].(string)
	return token
}

func TestOAuthRevoke(t *testing.T) { // RFC 7009
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	otherSecret, _ := w.client(issuer.Client{ID: "other", Scopes: "read"})
	key, _, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
	require.NoError(t, err)
	guard := w.guard()
	own, another, ofKey := w.oauthToken("app", secret), w.oauthToken("other", otherSecret), w.keyLogin(key)
	kept := w.oauthToken("app", secret)
	w.told()
	tests := []struct {
		name   string
		token  string
		status int // of the token afterwards
	}{
		{"its own", own, 401},
		{"its own again", own, 401},
		{"another client's", another, 200},
		{"a key's", ofKey, 200},
		{"malformed", "x y", 400},
		{"not signed by the issuer", own + "x", 401},
		{"a refresh token", "rt_x", 401},
		{"an API key", key, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := "token_type_hint=nonsense&token=" + url.QueryEscape(tt.token)
			rec := w.post("/oauth/revoke", body, basicField("app", secret))
			assert.Equal(t, http.StatusOK, rec.Code, rec.Body)
			assert.Empty(t, rec.Body.String())
			assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			assert.Equal(t, tt.status, w.status(guard, tt.token))
		})
	}
	assert.Equal(t, http.StatusOK, w.status(guard, kept), "another token of the client's")
	assert.Equal(t, []string{"session.ended"}, w.told())

	for _, body := range []string{"", "token=", "token_type_hint=access_token"} {
		rec := w.post("/oauth/revoke", body, basicField("app", secret))
		assert.Equal(t, http.StatusBadRequest, rec.Code)
		assert.Equal(t, "invalid_request", decoded(t, rec)["error"])
	}
	rec := w.post("/oauth/revoke?token="+kept, "", basicField("app", secret))
	assert.Equal(t, http.StatusBadRequest, rec.Code)
}

func TestOAuthIntrospect(t *testing.T) { // RFC 7662
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read write", Environment: bearer.Live})
		inspector, _ := w.client(issuer.Client{ID: "inspector", Introspect: true})
		introspect := func(token string) map[string]any {
			rec := w.post("/oauth/introspect", "token="+url.QueryEscape(token), basicField("inspector", inspector))
			require.Equal(t, http.StatusOK, rec.Code, rec.Body)
			assertSecretAnswer(t, rec)
			return decoded(t, rec)
		}
		now := time.Now().Unix()
		token := w.oauthToken("app", secret)
		got := introspect(token)
		assert.NotEmpty(t, got["jti"])
		assert.NotEmpty(t, got["sid"])
		delete(got, "jti")
		delete(got, "sid")
		assert.Equal(t, map[string]any{
			"active": true, "scope": "read write", "client_id": "app", "token_type": "Bearer",
			"exp": float64(now + 3600), "iat": float64(now), "sub": "client:app", "aud": "api", "iss": "https://id.example",
			"owner": "acme", "env": "live",
		}, got)

		rec := w.post("/oauth/introspect", "token="+token, basicField("app", secret))
		assert.Equal(t, http.StatusForbidden, rec.Code)
		assert.Equal(t, "unauthorized_client", decoded(t, rec)["error"])
		rec = w.post("/oauth/introspect", "", basicField("inspector", inspector))
		assert.Equal(t, http.StatusBadRequest, rec.Code)

		_, _, err := w.RotateClientSecret(t.Context(), w.by, "app", time.Minute)
		require.NoError(t, err)
		assert.EqualValues(t, now+60, introspect(token)["exp"], "not beyond the end of the secret")
		time.Sleep(time.Minute)
		inactive := map[string]any{"active": false}
		assert.Equal(t, inactive, introspect(token), "its secret has ended")

		key, k, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{
			Name: "k", Kind: bearer.PublishableKey, Scopes: "read see", AllowedOrigins: []string{"https://app.example"},
		})
		require.NoError(t, err)
		ofKey := w.keyLoginFrom(key, "https://app.example")
		got = introspect(ofKey)
		assert.Equal(t, true, got["active"], "wherever the client is")
		assert.Equal(t, true, got["read_only"])
		assert.Equal(t, "read see", got["scope"])
		assert.NotContains(t, got, "client_id")
		_, err = w.UpdateKey(t.Context(), w.by, k.ID, func(k *issuer.APIKey) error {
			k.Scopes, k.ExpiresAt = "see", time.Now().Add(time.Minute)
			return nil
		})
		require.NoError(t, err)
		got = introspect(ofKey)
		assert.Equal(t, "see", got["scope"], "at present")
		assert.EqualValues(t, time.Now().Add(time.Minute).Unix(), got["exp"], "not beyond the end of the key")

		revoked := w.oauthToken("inspector", inspector)
		require.Equal(t, http.StatusOK, w.post("/oauth/revoke", "token="+revoked, basicField("inspector", inspector)).Code)
		for name, text := range map[string]string{
			"an API key": key, "a client's secret": inspector, "a refresh token": "rt_x", "nothing like it": "a b\x00c",
			"revoked": revoked, "not signed by the issuer": token + "x", "two parts": "a.b", "long": strings.Repeat("a", 20_000),
		} {
			assert.Equal(t, inactive, introspect(text), name)
		}
		time.Sleep(time.Minute)
		assert.Equal(t, inactive, introspect(ofKey), "its key has expired")
	})
}

// keyLoginFrom is keyLogin of a browser.
func (w *clientWorld) keyLoginFrom(key, origin string) string {
	w.t.Helper()
	rec := w.send(http.MethodPost, "/auth/login", `{"api_key":"`+key+`"}`, isJSON, "Origin: "+origin)
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
	var got struct {
		Token string `json:"access_token"`
	}
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &got))
	return got.Token
}

// The exp of an introspection is that of the secret that obtained the token, if it
// ends before the key.
func TestOAuthIntrospectKeyInGrace(t *testing.T) {
	for _, row := range []struct {
		name                string
		key, grace, old, is time.Duration // from now on; zero: never
	}{
		{"the secret first", time.Hour, time.Minute, time.Minute, time.Hour},
		{"the key first", time.Minute, time.Hour, time.Minute, time.Minute},
		{"a key that does not end", 0, time.Minute, time.Minute, 2 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newClientWorld(t)
				inspector, _ := w.client(issuer.Client{ID: "inspector", Introspect: true})
				old, k, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
				require.NoError(t, err)
				before := w.keyLogin(old)
				if row.key > 0 {
					_, err = w.UpdateKey(t.Context(), w.by, k.ID, func(k *issuer.APIKey) error {
						k.ExpiresAt = time.Now().Add(row.key)
						return nil
					})
					require.NoError(t, err)
				}
				fresh, _, err := w.RotateKey(t.Context(), w.by, k.ID, row.grace)
				require.NoError(t, err)
				for token, want := range map[string]time.Duration{before: row.old, w.keyLogin(fresh): row.is} {
					rec := w.post("/oauth/introspect", "token="+token, basicField("inspector", inspector))
					assert.EqualValues(t, time.Now().Add(want).Unix(), decoded(t, rec)["exp"])
				}
			})
		})
	}
}

// A revocation is told as the client's, and its answer is for no cache.
func TestOAuthRevokeIsTold(t *testing.T) {
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	token := w.oauthToken("app", secret)
	w.trail()
	rec := w.post("/oauth/revoke", "token="+token, basicField("app", secret))
	assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	assert.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, []string{"session.ended client:app " + sidOf(t, token) + " acme"}, w.trail())
}
