package bearersql_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A replica is one of two processes over one database: an issuer with a store and
// connections of its own, which remembers nothing.
type replica struct {
	*issuer.Issuer
	routes http.Handler
	guard  *bearer.Guard
}

// newReplicas returns two replicas.
func newReplicas(t *testing.T, d database) [2]*replica {
	t.Helper()
	config := bearersql.Config{Prefix: newPrefix()}
	tokens := &issuer.Tokens{
		Issuer: "https://id.example", Audience: "api", SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
	}
	var replicas [2]*replica
	for n := range replicas {
		db := d.open(t)
		if n == 0 {
			newStore(t, db, config)
		}
		store, err := bearersql.New(t.Context(), db, config)
		require.NoError(t, err)
		iss, err := issuer.New(issuer.Config{Store: store, Tokens: tokens, CacheTTL: -1, Limiter: noLimit{}})
		require.NoError(t, err)
		c := iss.TokenConfig()
		c.Limit = bearer.Unlimited
		guard, err := bearer.New(c)
		require.NoError(t, err)
		replicas[n] = &replica{iss, iss.Handler(), guard}
	}
	return replicas
}

// noLimit is a limiter that refuses no one.
type noLimit struct{}

// Take implements [bearer.Limiter].
func (noLimit) Take(_ context.Context, _ bearer.Bucket, _ int, l bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{Allowed: true, Remaining: l.Burst}, nil
}

// post sends a body of JSON, and returns the status and the members of the answer.
func (r *replica) post(t *testing.T, path, body string) (status int, members map[string]any) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	r.routes.ServeHTTP(recorder, request)
	assert.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &members))
	return recorder.Code, members
}

// refresh uses a refresh token, and returns the next one.
func (r *replica) refresh(t *testing.T, token string) (status int, next string) {
	t.Helper()
	status, members := r.post(t, "/auth/refresh", `{"refresh_token":"`+token+`"}`)
	next, _ = members["refresh_token"].(string)
	return status, next
}

// login logs in with an API key, and returns the access token.
func (r *replica) login(t *testing.T, key string) (status int, token string) {
	t.Helper()
	status, members := r.post(t, "/auth/login", `{"api_key":"`+key+`","session_id":"one"}`)
	token, _ = members["access_token"].(string)
	return status, token
}

// accepts reports whether an access token passes the guard.
func (r *replica) accepts(t *testing.T, token string) bool {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	_, err := r.guard.Check(request)
	return err == nil
}

// A set is of texts that were seen.
type set struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (s *set) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = make(map[string]bool)
	}
	s.texts[text] = true
}

// flowRounds is how often a flow is run.
func flowRounds() int { return max(rounds()/5, 2) }

// TestFlowsOfReplicas: what races at two replicas over HTTP comes out
// as it does in memory.
func TestFlowsOfReplicas(t *testing.T) {
	flows := []struct {
		name string
		run  func(t *testing.T, replicas [2]*replica)
	}{
		{"32 refreshes of one token", flowOfRefreshes},
		{"refreshes while all sessions end", flowOfRefreshesWithEnd},
		{"32 logins of one key", flowOfLogins},
		{"logins while the key is rotated", func(t *testing.T, replicas [2]*replica) {
			t.Helper()
			flowOfLoginsWith(t, replicas, func(r *replica, id string) error {
				_, _, err := r.RotateKey(t.Context(), issuer.Operator("acme"), id, 0)
				return err
			})
		}},
		{"logins while the key is revoked", func(t *testing.T, replicas [2]*replica) {
			t.Helper()
			flowOfLoginsWith(t, replicas, func(r *replica, id string) error {
				_, err := r.RevokeKey(t.Context(), issuer.Operator("acme"), id, "")
				return err
			})
		}},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		replicas := newReplicas(t, d)
		for _, f := range flows {
			t.Run(f.name, func(t *testing.T) {
				for range flowRounds() {
					f.run(t, replicas)
				}
			})
		}
	})
}

// All get one successor, which works: no one is taken for a thief.
func flowOfRefreshes(t *testing.T, replicas [2]*replica) {
	t.Helper()
	grant, err := replicas[0].StartSession(t.Context(), issuer.User{ID: "alice", Scopes: "read"}, "")
	require.NoError(t, err)
	var successors set
	race(racers, func(i int) {
		status, next := replicas[i%2].refresh(t, grant.RefreshToken)
		assert.Equal(t, http.StatusOK, status)
		successors.add(next)
	})
	require.Len(t, successors.texts, 1)
	for next := range successors.texts {
		status, _ := replicas[1].refresh(t, next)
		require.Equal(t, http.StatusOK, status)
	}
}

// No refresh token works once all sessions have ended.
func flowOfRefreshesWithEnd(t *testing.T, replicas [2]*replica) {
	t.Helper()
	var tokens set
	grants := make([]issuer.Grant, 8)
	for i := range grants {
		var err error
		grants[i], err = replicas[0].StartSession(t.Context(), issuer.User{ID: "bob", Scopes: "read"}, "")
		require.NoError(t, err)
	}
	race(len(grants)+1, func(i int) {
		if i == len(grants) {
			assert.NoError(t, replicas[0].EndSessions(t.Context(), "bob"))
			return
		}
		for token := grants[i].RefreshToken; token != ""; {
			tokens.add(token)
			var status int
			if status, token = replicas[i%2].refresh(t, token); status != http.StatusUnauthorized {
				assert.Equal(t, http.StatusOK, status)
			}
		}
	})
	for token := range tokens.texts {
		status, _ := replicas[1].refresh(t, token)
		require.Equal(t, http.StatusUnauthorized, status)
	}
}

// newKey returns the text of a new key, and its ID.
func (r *replica) newKey(t *testing.T) (text, id string) {
	t.Helper()
	text, key, err := r.CreateKey(t.Context(), issuer.Operator("acme"), issuer.APIKey{
		Name: "ci", Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "read",
	})
	require.NoError(t, err)
	return text, key.ID
}

// All get the same token.
func flowOfLogins(t *testing.T, replicas [2]*replica) {
	t.Helper()
	key, _ := replicas[0].newKey(t)
	var tokens set
	race(racers, func(i int) {
		status, token := replicas[i%2].login(t, key)
		assert.Equal(t, http.StatusOK, status)
		tokens.add(token)
	})
	require.Len(t, tokens.texts, 1)
	for token := range tokens.texts {
		require.True(t, replicas[1].accepts(t, token))
	}
}

// flowOfLoginsWith ends the secret of a key while it logs in: no token that a login
// got is accepted afterwards.
func flowOfLoginsWith(t *testing.T, replicas [2]*replica, end func(r *replica, id string) error) {
	t.Helper()
	key, id := replicas[0].newKey(t)
	var tokens set
	race(racers, func(i int) {
		if i == racers/2 {
			assert.NoError(t, end(replicas[1], id))
			return
		}
		if status, token := replicas[i%2].login(t, key); status == http.StatusOK {
			tokens.add(token)
		} else {
			assert.Equal(t, http.StatusUnauthorized, status)
		}
	})
	for token := range tokens.texts {
		for _, r := range replicas {
			require.False(t, r.accepts(t, token))
		}
	}
}
