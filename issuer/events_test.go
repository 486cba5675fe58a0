package issuer_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// trail returns the events so far as lines, and forgets them: type, actor, target,
// owner.
func (w *clientWorld) trail() (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		lines = append(lines, strings.Join([]string{e.Type, e.Actor, e.Target, e.Owner}, " "))
	}
	w.events = nil
	return lines
}

// Each event of a client says who did it, to what, and whose that is.
func TestEventsOfClients(t *testing.T) {
	w := newClientWorld(t)
	_, _ = w.client(issuer.Client{ID: "app", Scopes: "read"})
	assert.Equal(t, []string{"client.created operator app acme"}, w.trail())
	secret, _, err := w.RotateClientSecret(t.Context(), w.by, "app", 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"client.rotated operator app acme"}, w.trail())
	sid := sidOf(t, w.oauthToken("app", secret))
	assert.Equal(t, []string{"token.issued client:app " + sid + " acme"}, w.trail())
	w.post("/oauth/token", clientGrant, basicField("app", secret+"x"))
	assert.Equal(t, []string{"login.failed client:app app acme"}, w.trail())
	w.post("/oauth/token", clientGrant, basicField("nobody", secret))
	assert.Empty(t, w.trail(), "what is unknown may be a secret")
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "app"))
	assert.Equal(t, []string{"client.deleted operator app acme"}, w.trail())
}

// So does each event of a credential.
func TestEventsOfCredentials(t *testing.T) {
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	w.trail()
	token, subject := w.pairToken(c.ID, secret), "credential:"+c.ID
	assert.Equal(t, []string{"token.issued " + subject + " " + sidOf(t, token) + " acme"}, w.trail())
	w.exchange(c.ID, secret+"x")
	assert.Equal(t, []string{"login.failed " + subject + " " + c.ID + " acme"}, w.trail())
	w.exchange(uuidB, secret)
	assert.Empty(t, w.trail())
	require.Equal(t, http.StatusNoContent, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	assert.Equal(t, []string{"credential.replaced " + subject + " " + c.ID + " acme"}, w.trail())
	token = w.pairToken(uuidA, chosenSecret)
	w.trail()
	rec := w.send(http.MethodDelete, "/auth/credentials", "", "Authorization: Bearer "+token)
	require.Equal(t, http.StatusNoContent, rec.Code)
	assert.Equal(t, []string{"credential.deleted credential:" + uuidA + " " + uuidA + " acme"}, w.trail())
}

// So does each event of a session.
func TestEventsOfSessions(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Tokens.ReuseGrace, c.Tokens.MaxSessions = -1, 1 })
	start := func() issuer.Grant {
		g, err := w.StartSession(t.Context(), issuer.User{ID: "alice", Owner: "acme"}, "")
		require.NoError(t, err)
		return g
	}
	refresh := func(g issuer.Grant) int {
		return w.send(http.MethodPost, "/auth/refresh", `{"refresh_token":"`+g.RefreshToken+`"}`, isJSON).Code
	}
	g := start()
	of := " user:alice " + g.SessionID + " acme"
	assert.Equal(t, []string{"login.succeeded" + of}, w.trail())
	require.Equal(t, http.StatusOK, refresh(g))
	assert.Equal(t, []string{"refresh.rotated" + of}, w.trail())
	require.Equal(t, http.StatusUnauthorized, refresh(g))
	assert.Equal(t, []string{"session.ended" + of, "refresh.reused" + of}, w.trail())

	first := start()
	w.trail()
	second := start()
	assert.Equal(t, []string{
		"session.ended user:alice " + first.SessionID + " acme", "login.succeeded user:alice " + second.SessionID + " acme",
	}, w.trail())
	w.send(http.MethodPost, "/auth/logout", "", "Authorization: Bearer "+second.AccessToken)
	assert.Equal(t, []string{"session.ended user:alice " + second.SessionID + " acme"}, w.trail())
	require.NoError(t, w.EndSessions(t.Context(), "alice"))
	assert.Equal(t, []string{"session.ended  user:alice "}, w.trail())
}

// A login by a key that gets another token than before is told, and one that gets
// the same is not.
func TestEventsOfKeySessions(t *testing.T) {
	w := newClientWorld(t)
	text, key, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey, Scopes: "a b"})
	require.NoError(t, err)
	w.trail()
	sid := sidOf(t, w.keyLogin(text))
	of := " key:" + key.ID + " " + sid + " acme"
	assert.Equal(t, []string{"login.succeeded" + of}, w.trail())
	w.keyLogin(text)
	assert.Empty(t, w.trail())
	_, err = w.UpdateKey(t.Context(), w.by, key.ID, func(k *issuer.APIKey) error {
		k.Scopes = "a"
		return nil
	})
	require.NoError(t, err)
	w.trail()
	w.keyLogin(text)
	assert.Equal(t, []string{"login.succeeded" + of}, w.trail())
	require.NoError(t, w.EndSession(t.Context(), w.by, sid))
	assert.Equal(t, []string{"session.ended operator " + sid + " acme"}, w.trail())
}

// An event is told although the request's context ends, and its listener may
// panic.
func TestEventsBreakNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	w := newClientWorld(t, func(c *issuer.Config) {
		c.Events = func(ctx context.Context, e issuer.Event) {
			calls++
			cancel()
			assert.NoError(t, ctx.Err())
			assert.WithinDuration(t, time.Now(), e.At, time.Minute)
			panic("of the listener")
		}
	})
	_, _, err := w.CreateClient(ctx, w.by, issuer.Client{ID: "app", Scopes: "read"})
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
}

// A login that failed is told of users whom it knows, and of no one else.
func TestEventsOfFailedLogins(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Users = someUsers("ada") })
	for email, want := range map[string][]string{
		"ada@example.com": {"login.failed user:ada ada" + " ada"}, "eve@example.com": nil,
	} {
		w.send(http.MethodPost, "/auth/login", mailAndPassword(email, "wrong horse"), isJSON)
		assert.Equal(t, want, w.trail())
	}
}
