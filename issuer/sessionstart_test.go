package issuer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func TestStartSession(t *testing.T) { // S4.5, for an application with a login of its own
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t)
		user := issuer.User{ID: "carol", Scopes: "read", Environment: bearer.Live}
		g, err := w.StartSession(t.Context(), user, "her phone")
		require.NoError(t, err)
		assert.Equal(t, "Bearer", g.TokenType)
		assert.Equal(t, time.Hour, g.ExpiresIn)
		assert.Equal(t, bearer.Scopes("read"), g.Scopes)
		assert.Equal(t, "ok", w.verdict(g.AccessToken))
		c := payload(t, g.AccessToken)
		assert.Equal(t, "user:carol", c["sub"])
		assert.Equal(t, "carol", c["owner"], "zero: the ID")
		assert.Equal(t, "live", c["env"])
		assert.Equal(t, g.SessionID, c["sid"])

		s, err := w.store.GetSession(t.Context(), g.SessionID)
		require.NoError(t, err)
		assert.Equal(t, "her phone", s.Label)
		assert.Equal(t, time.Now().Add(7*24*time.Hour), s.ExpiresAt)
		stored := fmt.Sprintf("%q", []any{s, string(s.Payload), string(s.Refresh.Successor)})
		assert.NotContains(t, stored, g.AccessToken)
		assert.NotContains(t, stored, g.RefreshToken[3+26:], "hashed at rest (S4.14)")

		rec := httptest.NewRecorder()
		g.Write(rec)
		assert.Equal(t, http.StatusOK, rec.Code)
		assert.JSONEq(t, `{"access_token":"`+g.AccessToken+`","token_type":"Bearer","expires_in":3600,"refresh_token":"`+
			g.RefreshToken+`"}`, rec.Body.String())
		assert.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	})
}

func TestGrantHidesItsTokens(t *testing.T) {
	w := newLoginWorld(t)
	g, err := w.StartSession(t.Context(), issuer.User{ID: "carol"}, "")
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("grant", "grant", g, "pointer", &g)
	inJSON, err := json.Marshal(g)
	require.NoError(t, err)
	printed := fmt.Sprintf("%v %+v %#v %s %q %x %v", g, g, g, g, g, g, &g)
	for _, text := range []string{printed, logged.String(), string(inJSON)} {
		assert.NotContains(t, text, g.AccessToken)
		assert.NotContains(t, text, g.RefreshToken)
		assert.Contains(t, text, g.SessionID)
	}
}

func TestStartSessionRefused(t *testing.T) {
	carol := issuer.User{ID: "carol"}
	tests := []struct {
		name   string
		config func(*issuer.Config)
		user   issuer.User
		label  string
		code   bearer.Code
	}{
		{"good", nil, carol, strings.Repeat("l", 256), ""},
		{"no tokens", func(c *issuer.Config) { c.Tokens, c.Users = nil, nil }, carol, "", bearer.CodeServiceUnavailable},
		{"no ID", nil, issuer.User{Owner: "acme"}, "", bearer.CodeServiceUnavailable},
		{"malformed scopes", nil, issuer.User{ID: "carol", Scopes: "a, b\"c"}, "", bearer.CodeServiceUnavailable},
		{"no environment", nil, issuer.User{ID: "carol", Environment: 7}, "", bearer.CodeServiceUnavailable},
		{"an owner with NUL", nil, issuer.User{ID: "carol", Owner: "\x00"}, "", bearer.CodeServiceUnavailable},
		{"a label that is too long", nil, carol, strings.Repeat("l", 257), bearer.CodeInvalidRequest},
		{"a label with NUL", nil, carol, "\x00", bearer.CodeInvalidRequest},
		{"a label of no UTF-8", nil, carol, "\xff", bearer.CodeInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := issuer.Config{Tokens: &issuer.Tokens{
				Issuer: "https://id.example", Audience: "api",
				SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
			}}
			if tt.config != nil {
				tt.config(&c)
			}
			iss, err := issuer.New(c)
			require.NoError(t, err)
			g, err := iss.StartSession(t.Context(), tt.user, tt.label)
			assert.Equal(t, tt.code, bearer.CodeOf(err))
			if err != nil {
				assert.Zero(t, g)
			}
		})
	}
}

func TestTooManySessionsOfUser(t *testing.T) { // the oldest ends
	synctest.Test(t, func(t *testing.T) {
		w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 2 })
		var tokens []string
		for range 3 {
			tokens = append(tokens, w.alice().member("access_token"))
			time.Sleep(time.Second)
		}
		assert.Equal(t, "token_revoked", w.verdict(tokens[0]))
		assert.Equal(t, "ok", w.verdict(tokens[1]))
		assert.Equal(t, "ok", w.verdict(tokens[2]))
		events := w.told()
		require.Len(t, events, 4)
		assert.Equal(t, "session.ended", events[2].Type)
		assert.Equal(t, "too_many", events[2].Detail["reason"])
	})
}

func TestTooManySessionsOfUserAtOnce(t *testing.T) {
	w := newLoginWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 3 })
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			_, err := w.StartSession(t.Context(), issuer.User{ID: "carol"}, "")
			assert.NoError(t, err)
		})
	}
	wait.Wait()
	live, err := w.store.ListSessions(t.Context(), issuer.SessionQuery{Subject: "user:carol", LiveAt: time.Now()})
	require.NoError(t, err)
	assert.Len(t, live, 3)
}

func TestEndSessions(t *testing.T) { // an account that is closed loses everything
	tests := []struct {
		name, subject string // KEY is the key's ID
		code          bearer.Code
		ends          string // whose sessions: of alice or of the key
	}{
		{"a user's ID", "alice", "", "alice"},
		{"a user", "user:alice", "", "alice"},
		{"a key", "key:KEY", "", "key"},
		{"a key's ID is a user's", "KEY", "", ""},
		{"another user", "bob", "", ""},
		{"nobody", "", bearer.CodeInvalidRequest, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newLoginWorld(t)
			text, key := w.key()
			one, two := w.alice(), w.alice()
			ofKey := w.token(loginOf(text))
			for _, token := range []string{one.member("access_token"), two.member("access_token"), ofKey} {
				require.Equal(t, "ok", w.verdict(token)) // and it is remembered
			}
			assert.Equal(t, tt.code, bearer.CodeOf(w.EndSessions(t.Context(), strings.ReplaceAll(tt.subject, "KEY", key.ID))))
			for _, token := range []string{one.member("access_token"), two.member("access_token")} {
				assert.Equal(t, tt.ends == "alice", w.verdict(token) == "token_revoked")
			}
			assert.Equal(t, tt.ends == "key", w.verdict(ofKey) == "token_revoked")
			if tt.ends == "alice" {
				assert.Equal(t, http.StatusUnauthorized, w.refresh(one.member("refresh_token")).code)
			}
		})
	}
}

func TestEndSessionsOfBrokenStore(t *testing.T) {
	w := newLoginWorld(t)
	broken := errors.New("connection refused")
	token := w.alice().member("access_token")
	w.store.Lose("EndSessions", broken)
	err := w.EndSessions(t.Context(), "alice")
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, "token_revoked", w.verdict(token), "what may have changed is forgotten")
}
