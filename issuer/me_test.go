package issuer_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func TestMe(t *testing.T) { // S1.3, S4.4, S4.15
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		full, fullKey := w.key(func(k *issuer.APIKey) { k.Scopes = "" })
		pub, pubKey := w.key(func(k *issuer.APIKey) {
			k.Kind, k.Scopes, k.Environment = bearer.PublishableKey, "read", bearer.Live
			k.ExpiresAt = time.Now().Add(time.Hour)
		})
		old, oldKey := w.key()
		_, _, err := w.RotateKey(t.Context(), issuer.Operator("acme"), oldKey.ID, time.Minute)
		require.NoError(t, err)
		me := func(id, kind string, env, end any, full, readOnly bool, scopes ...any) map[string]any {
			return map[string]any{
				"id": id, "kind": kind, "owner": "acme", "environment": env, "scopes": append([]any{}, scopes...),
				"full_access": full, "read_only": readOnly, "expires_at": end,
			}
		}
		tests := []struct {
			name, credential string
			want             map[string]any
			isJWT            bool
		}{
			{
				"a user's token", w.alice().member("access_token"),
				me("user:alice", "token", nil, "2000-01-01T01:00:00Z", false, false, "read", "write"), true,
			},
			{
				"a key's token", w.token(loginOf(full)),
				me("key:"+fullKey.ID, "token", "test", "2000-01-01T02:00:00Z", true, false, "*"), true,
			},
			{
				"a publishable key's token", w.token(loginOf(pub)),
				me("key:"+pubKey.ID, "token", "live", "2000-01-01T01:00:00Z", false, true, "read"), true,
			},
			{"a key", full, me(fullKey.ID, "secret", "test", nil, true, false, "*"), false},
			{
				"a publishable key", pub,
				me(pubKey.ID, "publishable", "live", "2000-01-01T01:00:00Z", false, true, "read"), false,
			},
			{
				"an old secret", old,
				me(oldKey.ID, "secret", "test", "2000-01-01T00:01:00Z", false, false, "read", "write"), false,
			},
		}
		for _, tt := range tests {
			field := "Authorization: Bearer " + tt.credential
			r := w.do(http.MethodGet, "/api/v1/users/me", "", field)
			assert.Equal(t, http.StatusOK, r.code, tt.name)
			assert.Equal(t, tt.want, r.members, tt.name)
			assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
			r = w.do(http.MethodGet, "/auth/me", "", field)
			if tt.isJWT {
				assert.Equal(t, tt.want, r.members, tt.name)
				continue
			}
			assert.Equal(t, http.StatusUnauthorized, r.code, tt.name)
			assert.Equal(t, "wrong_credential_type", r.member("reason"), tt.name)
		}
	})
}

func TestMeOfNoScopes(t *testing.T) {
	w := newLoginWorld(t)
	g, err := w.StartSession(t.Context(), issuer.User{ID: "carol"}, "")
	require.NoError(t, err)
	r := w.do(http.MethodGet, "/auth/me", "", "Authorization: Bearer "+g.AccessToken)
	assert.Equal(t, []any{}, r.members["scopes"], "no list is null")
	assert.Equal(t, false, r.members["full_access"])
}
