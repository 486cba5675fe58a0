package issuer_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func TestLogout(t *testing.T) { // S4.15
	type given struct {
		login, other reply  // of alice
		key, pub     string // tokens of keys' sessions
	}
	field := func(token string) []string { return []string{"Authorization: Bearer " + token} }
	body := func(token string) string { return `{"refresh_token":"` + token + `"}` }
	tests := []struct {
		name   string
		send   func(*loginWorld, given) reply
		code   int
		reason string
		ended  func(given) string // the token that is dead then
	}{
		{"an access token", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", "", field(g.login.member("access_token"))...)
		}, 204, "", func(g given) string { return g.login.member("access_token") }},
		{"an access token, and an empty object", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", "{}", field(g.login.member("access_token"))...)
		}, 204, "", func(g given) string { return g.login.member("access_token") }},
		{"a refresh token", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", body(g.login.member("refresh_token")))
		}, 204, "", func(g given) string { return g.login.member("access_token") }},
		{"a spent refresh token", func(w *loginWorld, g given) reply {
			w.refresh(g.login.member("refresh_token"))
			return w.do("POST", "/auth/logout", body(g.login.member("refresh_token")))
		}, 204, "", func(g given) string { return g.login.member("access_token") }},
		{"a refresh token that is unknown", func(w *loginWorld, g given) reply {
			token := g.login.member("refresh_token")
			return w.do("POST", "/auth/logout", body(token[:29]+g.other.member("refresh_token")[29:]))
		}, 204, "", nil},
		{"a refresh token that is malformed", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", body("rt_x"))
		}, 204, "", nil},
		{"both: the Authorization field counts", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", body(g.other.member("refresh_token")), field(g.login.member("access_token"))...)
		}, 204, "", func(g given) string { return g.login.member("access_token") }},
		{"both, the access token is bad", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", body(g.other.member("refresh_token")), field("a.b.c")...)
		}, 401, "invalid_token", nil},
		{"a key's session", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", "", field(g.key)...)
		}, 204, "", func(g given) string { return g.key }},
		{"a publishable key's session", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", "", field(g.pub)...)
		}, 204, "", func(g given) string { return g.pub }},
		{"nothing", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", "")
		}, 401, "missing_credentials", nil},
		{"a null refresh token", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", `{"refresh_token":null}`)
		}, 401, "missing_credentials", nil},
		{"a number", func(w *loginWorld, g given) reply {
			return w.do("POST", "/auth/logout", `{"refresh_token":1}`)
		}, 400, "invalid_request", nil},
		{"an API key", func(w *loginWorld, g given) reply {
			text, _ := w.key()
			return w.do("POST", "/auth/logout", "", field(text)...)
		}, 401, "wrong_credential_type", nil},
		{"an outage", func(w *loginWorld, g given) reply {
			w.store.Fail("ReplaceSession", errors.New("connection refused"))
			return w.do("POST", "/auth/logout", body(g.login.member("refresh_token")))
		}, 503, "store_unavailable", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			secret, _ := w.key()
			publishable, _ := w.key(func(k *issuer.APIKey) { k.Kind, k.Scopes = bearer.PublishableKey, "read" })
			g := given{w.alice(), w.alice(), w.token(loginOf(secret)), w.token(loginOf(publishable))}
			ended := ""
			if tt.ended != nil {
				ended = tt.ended(g)
			}
			tokens := []string{g.login.member("access_token"), g.other.member("access_token"), g.key, g.pub}
			for _, token := range tokens {
				require.Equal(t, "ok", w.verdict(token))
			}
			r := tt.send(w, g)
			assert.Equal(t, tt.code, r.code, r.text)
			assert.Equal(t, tt.reason, r.member("reason"))
			assert.Equal(t, "no-store", r.header.Get("Cache-Control"))
			for _, token := range tokens {
				assert.Equal(t, token != ended, w.verdict(token) == "ok")
			}
			if ended == g.login.member("access_token") {
				assert.Equal(t, http.StatusUnauthorized, w.refresh(g.login.member("refresh_token")).code, "the family too")
			}
		})
	}
}

func TestLogoutTwice(t *testing.T) {
	w := newLoginWorld(t)
	login := w.alice()
	for range 2 {
		r := w.do(http.MethodPost, "/auth/logout", `{"refresh_token":"`+login.member("refresh_token")+`"}`)
		assert.Equal(t, http.StatusNoContent, r.code)
	}
	events := w.told()
	require.Equal(t, []string{"login.succeeded", "session.ended"}, typesOf(events))
	assert.Equal(t, "logout", events[1].Detail["reason"])
	assert.Equal(t, "user:alice", events[1].Actor)
}

func TestEndSessionElsewhere(t *testing.T) { // a replica forgets within its CacheTTL
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		other := w.replica()
		token := w.alice().member("access_token")
		require.Equal(t, "ok", other.verdict(token))
		require.NoError(t, w.EndSession(t.Context(), issuer.Caller{ID: "alice", Owner: "acme"}, sidOf(t, token)))
		assert.Equal(t, "token_revoked", w.verdict(token))
		time.Sleep(30 * time.Second)
		assert.Equal(t, "token_revoked", other.verdict(token))
	})
}

// A process that ends what has ended elsewhere forgets it at once.
func TestEndedElsewhere(t *testing.T) {
	w := newLoginWorld(t)
	token := w.alice().member("access_token")
	require.Equal(t, "ok", w.verdict(token))
	by := issuer.Caller{ID: "alice", Owner: "acme"}
	require.NoError(t, w.replica().EndSession(t.Context(), by, sidOf(t, token)))
	require.Equal(t, "ok", w.verdict(token), "for CacheTTL")
	w.told()
	require.NoError(t, w.EndSession(t.Context(), by, sidOf(t, token)))
	assert.Equal(t, "token_revoked", w.verdict(token))
	assert.Empty(t, w.told())
}
