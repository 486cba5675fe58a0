package issuer_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

// At MaxSessions, a client's oldest session ends, and no other.
func TestOldestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 3 })
		secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
		otherSecret, _ := w.client(issuer.Client{ID: "other", Scopes: "read"})
		guard, other := w.guard(), w.oauthToken("other", otherSecret)
		var tokens []string
		for n := range 6 {
			tokens = append(tokens, w.oauthToken("app", secret))
			for m, token := range tokens {
				want := http.StatusOK
				if m <= n-3 {
					want = http.StatusUnauthorized
				}
				assert.Equal(t, want, w.status(guard, token), "token %d of %d", m, n)
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, http.StatusOK, w.status(guard, other))
		time.Sleep(time.Hour)
		w.told()
		w.oauthToken("app", secret)
		assert.Equal(t, []string{"token.issued"}, w.told(), "those that have expired take no room")
	})
}

// Logins at the same time, all beyond MaxSessions, get their sessions.
func TestOldestSessionsEndAtOnce(t *testing.T) {
	store := issuer.NewMemoryStore()
	w := newClientWorld(t, func(c *issuer.Config) { c.Store, c.Tokens.MaxSessions = store, 20 })
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	for range 20 {
		w.oauthToken("app", secret)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			rec := w.post("/oauth/token", clientGrant, basicField("app", secret))
			assert.Equal(t, http.StatusOK, rec.Code, rec.Body)
		})
	}
	wg.Wait()
	live, err := store.ListSessions(t.Context(), issuer.SessionQuery{Subject: "client:app", LiveAt: time.Now()})
	require.NoError(t, err)
	assert.InDelta(t, 20, len(live), 16, "softly")
}

// CloseAccount ends all that an owner has, and nothing of another owner's.
func TestCloseAccount(t *testing.T) {
	w := newClientWorld(t)
	guard := w.guard()
	var ours, theirs []string
	for _, owner := range []string{"acme", "other"} {
		w.by = issuer.Operator(owner)
		key := w.key(owner)
		secret, c := w.client(issuer.Client{Scopes: "read"})
		pairSecret, pair := w.client(issuer.Client{Credential: true, Scopes: "read"})
		user, err := w.StartSession(t.Context(), issuer.User{ID: "of-" + owner, Owner: owner}, "")
		require.NoError(t, err)
		tokens := []string{w.keyLogin(key), w.oauthToken(c.ID, secret), w.pairToken(pair.ID, pairSecret), user.AccessToken}
		if owner == "acme" {
			ours = tokens
		} else {
			theirs = tokens
		}
	}
	for _, token := range append(ours, theirs...) {
		require.Equal(t, http.StatusOK, w.status(guard, token))
	}
	require.NoError(t, w.CloseAccount(t.Context(), "acme", "closed"))
	for _, token := range ours {
		assert.Equal(t, http.StatusUnauthorized, w.status(guard, token))
	}
	for _, token := range theirs {
		assert.Equal(t, http.StatusOK, w.status(guard, token))
	}
	assert.Error(t, w.CloseAccount(t.Context(), "", "closed"))
}

// The oldest session may end by itself while room is made, before it is found and
// after.
func TestOldestSessionEndsElsewhere(t *testing.T) {
	for _, method := range []string{"ListSessions", "ReplaceSession"} {
		w, store := newFaultyWorld(t, func(c *issuer.Config) { c.Tokens.MaxSessions = 1 })
		secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
		w.oauthToken("app", secret)
		w.told()
		store.Before(method, func(ctx context.Context) error {
			return store.Store.EndSessions(ctx, "client:app", "")
		})
		w.oauthToken("app", secret)
		assert.Equal(t, []string{"token.issued"}, w.told(), method)
	}
}
