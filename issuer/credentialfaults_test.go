package issuer_test

import (
	"context"
	"errors"
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
	"github.com/blockauth/bearer/issuer/issuertest"
)

var errDown = errors.New("connection refused")

// newFaultyWorld returns an issuer over a store whose calls fail on demand.
func newFaultyWorld(t *testing.T, change ...func(*issuer.Config)) (*clientWorld, *issuertest.Faults) {
	t.Helper()
	faults := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	return newClientWorld(t, append(change, func(c *issuer.Config) { c.Store = faults })...), faults
}

// Wherever a replacement or a deletion is stopped, by all calls that fail from
// then on, by one that fails or by one whose answer is lost, there is the old
// state or the new one: of two pairs, one is good.
func TestCredentialFaults(t *testing.T) {
	kinds := []struct {
		name string
		set  func(f *issuertest.Faults, n int)
	}{
		{"from one on", func(f *issuertest.Faults, n int) { f.FailAfter("", n, errDown) }},
		{"one", func(f *issuertest.Faults, n int) { f.Before("", failOnce(n)) }},
		{"one answer", func(f *issuertest.Faults, n int) { f.After("", failOnce(n)) }},
	}
	for _, kind := range kinds {
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			t.Run(kind.name+" "+method, func(t *testing.T) {
				failed := 0
				for n := 0; ; n++ {
					w, faults := newFaultyWorld(t)
					secret, id := w.storeCredential(faults)
					token := w.pairToken(id, secret)
					body, fields := "", []string{bearerField(token)}
					if method == http.MethodPut {
						body, fields = pairBody(uuidA, chosenSecret), append(fields, isJSON)
					}
					faults.Calls() // counts again
					kind.set(faults, n)
					rec := w.send(method, "/auth/credentials", body, fields...)
					isHit := len(faults.Calls()) > n
					faults.Fail("", nil)
					faults.Before("", nil)
					faults.After("", nil)

					old := w.status(w.guard(), token) == http.StatusOK
					successor, err := w.GetClient(t.Context(), w.by, uuidA)
					next := err == nil && successor.DeletedAt.IsZero()
					if rec.Code == http.StatusNoContent {
						assert.False(t, old, "call %d", n)
						assert.Equal(t, method == http.MethodPut, next, "call %d", n)
						if !isHit {
							break
						}
						continue
					}
					failed++
					assert.Equal(t, http.StatusServiceUnavailable, rec.Code, "call %d", n)
					if method == http.MethodDelete {
						assert.False(t, next, "call %d", n)
						continue
					}
					assert.NotEqual(t, old, next, "call %d", n)
					if old {
						assert.Equal(t, http.StatusNoContent, w.send(method, "/auth/credentials", body, fields...).Code, "again")
					}
				}
				assert.Positive(t, failed)
			})
		}
	}
}

// failOnce returns a hook that fails in the call after n others.
func failOnce(n int) func(context.Context) error {
	return func(context.Context) error {
		n--
		if n == -1 {
			return errDown
		}
		return nil
	}
}

// A store that fails, panics or is late is an outage, never a wrong credential.
func TestOAuthFaults(t *testing.T) {
	tests := []struct {
		name   string
		path   string
		method string
	}{
		{"token, the client", "/oauth/token", "FindClient"},
		{"token, the session", "/oauth/token", "OpenSession"},
		{"revoke, the session", "/oauth/revoke", "GetSession"},
		{"revoke, its end", "/oauth/revoke", "ReplaceSession"},
		{"introspect, the session", "/oauth/introspect", "GetSession"},
		{"introspect, the key", "/oauth/introspect", "KeyByHash"},
	}
	faulty := []struct {
		name string
		hook func(context.Context) error
	}{
		{"fails", func(context.Context) error { return errDown }},
		{"panics", func(context.Context) error { panic("secret") }},
		{"is late", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	}
	for _, tt := range tests {
		for _, fault := range faulty {
			t.Run(tt.name+" "+fault.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, faults := newFaultyWorld(t)
					secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read", Introspect: true})
					token, key := w.oauthToken("app", secret), w.key("k")
					body := clientGrant + "&token=" + url.QueryEscape(token)
					if tt.method == "KeyByHash" {
						body = "token=" + url.QueryEscape(w.keyLogin(key))
					}
					faults.Before(tt.method, fault.hook)
					began := time.Now()
					rec := w.post(tt.path, body, basicField("app", secret))
					assert.LessOrEqual(t, time.Since(began), 5*time.Second, "no store is waited for longer")
					assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
					assert.Equal(t, "1", rec.Header().Get("Retry-After"))
					assert.JSONEq(t, `{"error":"temporarily_unavailable","error_description":"The service is temporarily unavailable."}`, rec.Body.String())

					faults.Before(tt.method, nil)
					assert.Equal(t, http.StatusOK, w.status(w.guard(), token))
				})
			})
		}
	}
}

// The store's outage is none of the pair's.
func TestCredentialTokenFaults(t *testing.T) {
	for _, method := range []string{"FindClient", "OpenSession"} {
		w, faults := newFaultyWorld(t)
		secret, id := w.storeCredential(faults)
		faults.Fail(method, errDown)
		rec := w.exchange(id, secret)
		assert.Equal(t, http.StatusServiceUnavailable, rec.Code, method)
		assert.NotContains(t, rec.Body.String(), "refused")
	}
}

// A replacement that stopped half-way changed nothing, and can be tried again with
// the same pair.
func TestReplaceCredentialAgain(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newClientWorld(t, func(c *issuer.Config) { c.Store = store })
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	otherSecret, other := w.client(issuer.Client{Credential: true, Scopes: "read"})
	token := w.pairToken(c.ID, secret)

	store.Fail("ReplaceClient", errDown)
	require.Equal(t, http.StatusServiceUnavailable, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	store.Fail("ReplaceClient", nil)
	assert.Equal(t, http.StatusOK, w.status(w.guard(), token), "the old state")
	assert.Equal(t, http.StatusUnauthorized, w.exchange(uuidA, chosenSecret).Code, "not good yet")
	_, err := w.GetClient(t.Context(), w.by, uuidA)
	assert.ErrorIs(t, err, issuer.ErrNotFound)
	list, _, err := w.ListClients(t.Context(), w.by, issuer.ClientQuery{})
	require.NoError(t, err)
	assert.Len(t, list, 2)

	rec := w.put(w.pairToken(other.ID, otherSecret), pairBody(uuidA, chosenSecret), isJSON)
	assert.Equal(t, http.StatusConflict, rec.Code, "it is another's")
	rec = w.put(token, pairBody(uuidA, chosenSecret+"x"), isJSON)
	assert.Equal(t, http.StatusConflict, rec.Code, "with another secret")
	require.Equal(t, http.StatusNoContent, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	w.pairToken(uuidA, chosenSecret)
	assert.Equal(t, http.StatusUnauthorized, w.exchange(c.ID, secret).Code)
}

// A successor that is stored when all clients are deleted does not live on.
func TestDeleteClientsWhileReplacing(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newClientWorld(t, func(c *issuer.Config) { c.Store = store })
	secret, c := w.client(issuer.Client{Credential: true, Scopes: "read"})
	token := w.pairToken(c.ID, secret)
	store.Fail("ReplaceClient", errDown)
	require.Equal(t, http.StatusServiceUnavailable, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	store.Fail("ReplaceClient", nil)

	_, err := w.DeleteClients(t.Context(), w.by, issuer.ClientQuery{})
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	assert.Equal(t, http.StatusUnauthorized, w.exchange(uuidA, chosenSecret).Code)
}

// What happens to a credential between the guard and the write is found.
func TestReplaceCredentialThatEndsMeanwhile(t *testing.T) {
	tests := []struct {
		name   string
		method string
	}{
		{"PUT", http.MethodPut},
		{"DELETE", http.MethodDelete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, faults := newFaultyWorld(t)
			secret, id := w.storeCredential(faults)
			token := w.pairToken(id, secret)
			calls := 0
			faults.Before("FindClient", func(ctx context.Context) error {
				calls++
				if calls == 2 { // the guard was the first
					c, err := faults.Store.FindClient(ctx, id)
					require.NoError(t, err)
					c.DeletedAt = c.CreatedAt
					require.NoError(t, faults.Store.ReplaceClient(ctx, c))
				}
				return nil
			})
			rec := w.send(tt.method, "/auth/credentials", "", bearerField(token))
			assert.Equal(t, http.StatusUnauthorized, rec.Code, rec.Body)
			assert.Contains(t, rec.Body.String(), "token_revoked")
			faults.Before("FindClient", nil)
			list, err := faults.ListClients(t.Context(), issuer.ClientQuery{IncludeDeleted: true})
			require.NoError(t, err)
			assert.Empty(t, list, "of no owner")
		})
	}
}

// A write that failed is not taken for one that won because another replacement
// did.
func TestReplaceCredentialWonByAnother(t *testing.T) {
	w, faults := newFaultyWorld(t)
	secret, id := w.storeCredential(faults)
	token := w.pairToken(id, secret)
	faults.Before("ReplaceClient", func(ctx context.Context) error {
		c, err := faults.Store.FindClient(ctx, id)
		require.NoError(t, err)
		if c.DeletedAt.IsZero() {
			c.DeletedAt, c.ReplacedBy = c.CreatedAt, uuidB
			require.NoError(t, faults.Store.ReplaceClient(ctx, c))
		}
		return errDown
	})
	rec := w.put(token, pairBody(uuidA, chosenSecret), isJSON)
	assert.Equal(t, http.StatusUnauthorized, rec.Code, rec.Body)
}

// A successor that was deleted before it was good is not taken up: the credential
// goes on.
func TestReplaceCredentialByDeletedSuccessor(t *testing.T) {
	w, faults := newFaultyWorld(t)
	secret, id := w.storeCredential(faults)
	token := w.pairToken(id, secret)
	faults.Fail("ReplaceClient", errDown)
	require.Equal(t, http.StatusServiceUnavailable, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	faults.Fail("ReplaceClient", nil)
	c, err := faults.FindClient(t.Context(), uuidA)
	require.NoError(t, err)
	c.DeletedAt = c.CreatedAt
	require.NoError(t, faults.ReplaceClient(t.Context(), c))
	assert.Equal(t, http.StatusConflict, w.put(token, pairBody(uuidA, chosenSecret), isJSON).Code)
	assert.Equal(t, http.StatusOK, w.status(w.guard(), token))
}

// A stored hash that costs too much, or is none, is an outage and no wrong secret.
func TestCredentialOfBadHash(t *testing.T) {
	w, faults := newFaultyWorld(t)
	secret, id := w.storeCredential(faults)
	c, err := faults.FindClient(t.Context(), id)
	require.NoError(t, err)
	c.SecretHash = strings.Replace(c.SecretHash, "m=8,", "m=999999,", 1)
	require.NoError(t, faults.ReplaceClient(t.Context(), c))
	w.told()
	assert.Equal(t, http.StatusServiceUnavailable, w.exchange(id, secret).Code)
	assert.Empty(t, w.told())
}

// A looseStore compares IDs without case, as some databases do.
type looseStore struct{ issuer.Store }

func (s looseStore) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	return s.Store.FindClient(ctx, strings.ToLower(id))
}

func (s looseStore) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	return s.Store.GetKey(ctx, strings.ToLower(owner), strings.ToLower(id))
}

// Over such a store, an ID in another spelling is no one's.
func TestLooseStore(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Store = looseStore{issuer.NewMemoryStore()} })
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	_, key, err := w.CreateKey(t.Context(), w.by, issuer.APIKey{Name: "k", Kind: bearer.SecretKey})
	require.NoError(t, err)
	w.oauthToken("app", secret)
	assert.Equal(t, http.StatusUnauthorized, w.post("/oauth/token", clientGrant, basicField("APP", secret)).Code)
	_, err = w.GetClient(t.Context(), w.by, "APP")
	assert.ErrorIs(t, err, issuer.ErrNotFound)
	_, err = w.GetKey(t.Context(), w.by, strings.ToUpper(key.ID))
	assert.ErrorIs(t, err, issuer.ErrNotFound)
	_, err = w.GetKey(t.Context(), issuer.Operator("ACME"), key.ID)
	assert.ErrorIs(t, err, issuer.ErrNotFound)
}
