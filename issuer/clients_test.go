package issuer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

func TestCreateClient(t *testing.T) {
	w := newClientWorld(t)
	secret, c := w.client(issuer.Client{Name: " Backend ", Scopes: "read write", Owner: "other", CreatedBy: "x", Version: 9})
	assert.Regexp(t, `^cs_[a-z0-9]{40,}$`, secret)
	assert.Regexp(t, `^client_[a-z0-9]{26}$`, c.ID)
	assert.Equal(t, "acme", c.Owner, "from the caller alone")
	assert.Equal(t, "operator", c.CreatedBy)
	assert.Equal(t, "Backend", c.Name)
	assert.Equal(t, bearer.Test, c.Environment)
	assert.Equal(t, int64(1), c.Version)
	assert.WithinDuration(t, time.Now(), c.CreatedAt, time.Minute)
	require.Len(t, c.Secrets, 1)
	assert.Regexp(t, `^[a-z0-9]{26}$`, c.Secrets[0].ID)
	assert.Equal(t, c.CreatedAt, c.Secrets[0].CreatedAt)
	assert.NotEmpty(t, c.Secrets[0].Hint)
	assert.Equal(t, bearer.KeyHash(sha256.Sum256([]byte(secret))), c.Secrets[0].Hash)
	assert.True(t, strings.HasPrefix(secret, c.Secrets[0].Hint))
	assert.Less(t, len(c.Secrets[0].Hint), 12)
	assert.Equal(t, []string{"client.created"}, w.told())

	got, err := w.GetClient(t.Context(), w.by, c.ID)
	require.NoError(t, err)
	assert.Equal(t, c, got)
}

func TestCreateClientRefusals(t *testing.T) {
	w := newClientWorld(t, func(c *issuer.Config) { c.Catalogue = []bearer.Scope{"read", "write"} })
	w.client(issuer.Client{ID: "taken", Scopes: "read"})
	w.client(issuer.Client{ID: "gone", Scopes: "read"})
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "gone"))
	operator := w.by
	bounded := issuer.Caller{ID: "u", Owner: "acme", Scopes: "read", Environment: bearer.Live}
	tests := []struct {
		name   string
		by     issuer.Caller
		client issuer.Client
		code   bearer.Code
		param  string
	}{
		{"no owner", issuer.Operator(""), issuer.Client{Scopes: "read"}, bearer.CodeServiceUnavailable, ""},
		{"a caller who only reads", issuer.Caller{ID: "u", Owner: "acme", ReadOnly: true, Scopes: "*"}, issuer.Client{Scopes: "read"}, bearer.CodeForbidden, ""},
		{"no scopes", operator, issuer.Client{}, bearer.CodeInvalidRequest, "scopes"},
		{"a credential without scopes", operator, issuer.Client{Credential: true}, bearer.CodeInvalidRequest, "scopes"},
		{"malformed scopes", operator, issuer.Client{Scopes: "read  write"}, bearer.CodeInvalidRequest, "scopes"},
		{"malformed scopes of one that introspects", operator, issuer.Client{Scopes: "read  write", Introspect: true}, bearer.CodeInvalidRequest, "scopes"},
		{"a scope that does not exist", operator, issuer.Client{Scopes: "fly"}, bearer.CodeInvalidRequest, "scopes"},
		{"more scopes than the caller", bounded, issuer.Client{Scopes: "read write"}, bearer.CodeForbidden, "scopes"},
		{"all scopes", bounded, issuer.Client{Scopes: "*"}, bearer.CodeForbidden, "scopes"},
		{"another environment", bounded, issuer.Client{Scopes: "read", Environment: bearer.Test}, bearer.CodeForbidden, "environment"},
		{"no environment", operator, issuer.Client{Scopes: "read", Environment: 9}, bearer.CodeInvalidRequest, "environment"},
		{"introspection", bounded, issuer.Client{Scopes: "read", Introspect: true}, bearer.CodeForbidden, "introspect"},
		{"introspection by a caller for itself", issuer.Caller{ID: "u", Owner: "acme", OwnOnly: true, Scopes: "*"}, issuer.Client{Introspect: true}, bearer.CodeForbidden, "introspect"},
		{"introspection by a credential", operator, issuer.Client{Credential: true, Scopes: "read", Introspect: true}, bearer.CodeInvalidRequest, "introspect"},
		{"an ID with a colon", operator, issuer.Client{ID: "a:b", Scopes: "read"}, bearer.CodeInvalidRequest, "id"},
		{"an ID with a line break", operator, issuer.Client{ID: "a\nb", Scopes: "read"}, bearer.CodeInvalidRequest, "id"},
		{"an ID that is not ASCII", operator, issuer.Client{ID: "ü", Scopes: "read"}, bearer.CodeInvalidRequest, "id"},
		{"a long ID", operator, issuer.Client{ID: strings.Repeat("a", 256), Scopes: "read"}, bearer.CodeInvalidRequest, "id"},
		{"a credential's ID that is no UUID", operator, issuer.Client{ID: "app", Credential: true, Scopes: "read"}, bearer.CodeInvalidRequest, "id"},
		{"a long name", operator, issuer.Client{Name: strings.Repeat("a", 256), Scopes: "read"}, bearer.CodeInvalidRequest, "name"},
		{"a name of two lines", operator, issuer.Client{Name: "a\nb", Scopes: "read"}, bearer.CodeInvalidRequest, "name"},
		{"an ID that is taken", operator, issuer.Client{ID: "taken", Scopes: "read"}, bearer.CodeConflict, ""},
		{"an ID that is taken by another owner", issuer.Operator("other"), issuer.Client{ID: "taken", Scopes: "read"}, bearer.CodeConflict, ""},
		{"an ID that was deleted", operator, issuer.Client{ID: "gone", Scopes: "read"}, bearer.CodeConflict, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			secret, c, err := w.CreateClient(t.Context(), tt.by, tt.client)
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.param, e.Param)
			assert.Empty(t, secret)
			assert.Zero(t, c)
		})
	}
}

func TestClientEnvironments(t *testing.T) {
	w := newClientWorld(t)
	live := issuer.Caller{ID: "u", Owner: "acme", Scopes: "*", Environment: bearer.Live}
	_, c, err := w.CreateClient(t.Context(), live, issuer.Client{Scopes: "read"})
	require.NoError(t, err)
	assert.Equal(t, bearer.Live, c.Environment, "that of the caller")
	_, c = w.client(issuer.Client{Introspect: true, Environment: bearer.Live})
	assert.Equal(t, bearer.Live, c.Environment)
	assert.Empty(t, c.Scopes, "a client that introspects needs none")
}

func TestClientIDs(t *testing.T) { // the longest, and each end of printable ASCII
	w := newClientWorld(t)
	for _, id := range []string{strings.Repeat("a", 255), " ", "~", "!"} {
		secret, c := w.client(issuer.Client{ID: id, Scopes: "read"})
		assert.Equal(t, id, c.ID)
		assert.Equal(t, http.StatusOK, w.post("/oauth/token", clientGrant, basicField(id, secret)).Code)
	}
}

// Another owner's client, and another creator's for a caller with OwnOnly, is as
// one that does not exist.
func TestClientsOfOthers(t *testing.T) {
	w := newClientWorld(t)
	w.client(issuer.Client{ID: "app", Scopes: "read"})
	member := issuer.Caller{ID: "member", Owner: "acme", OwnOnly: true, Scopes: "read"}
	_, _, err := w.CreateClient(t.Context(), member, issuer.Client{ID: "own", Scopes: "read"})
	require.NoError(t, err)
	reader := issuer.Caller{ID: "reader", Owner: "acme", ReadOnly: true, Scopes: "*"}
	poor := issuer.Caller{ID: "poor", Owner: "acme", Scopes: "write"}
	live := issuer.Caller{ID: "live", Owner: "acme", Scopes: "*", Environment: bearer.Live}
	tests := []struct {
		name                string
		by                  issuer.Caller
		id                  string
		get, rotate, delete bearer.Code
	}{
		{"another owner", issuer.Operator("other"), "app", bearer.CodeNotFound, bearer.CodeNotFound, bearer.CodeNotFound},
		{"another creator", member, "app", bearer.CodeNotFound, bearer.CodeNotFound, bearer.CodeNotFound},
		{"no such client", w.by, "nobody", bearer.CodeNotFound, bearer.CodeNotFound, bearer.CodeNotFound},
		{"an ID that cannot be", w.by, "a\x00", bearer.CodeNotFound, bearer.CodeNotFound, bearer.CodeNotFound},
		{"no owner", issuer.Operator(""), "app", bearer.CodeServiceUnavailable, bearer.CodeServiceUnavailable, bearer.CodeServiceUnavailable},
		{"a caller who only reads", reader, "app", "", bearer.CodeForbidden, bearer.CodeForbidden},
		{"a caller with fewer scopes", poor, "app", "", bearer.CodeForbidden, ""},
		{"a caller of another environment", live, "app", "", bearer.CodeForbidden, ""},
		{"its creator", member, "own", "", "", ""},
		{"the owner's operator", w.by, "own", "", bearer.CodeConflict, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.GetClient(t.Context(), tt.by, tt.id)
			assert.Equal(t, tt.get, bearer.CodeOf(err), "%v", err)
			_, _, err = w.RotateClientSecret(t.Context(), tt.by, tt.id, time.Hour)
			assert.Equal(t, tt.rotate, bearer.CodeOf(err), "%v", err)
			err = w.DeleteClient(t.Context(), tt.by, tt.id)
			assert.Equal(t, tt.delete, bearer.CodeOf(err), "%v", err)
		})
	}
}

func TestListClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		member := issuer.Caller{ID: "member", Owner: "acme", OwnOnly: true, Scopes: "read"}
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			by := w.by
			if id == "b" || id == "d" {
				by = member
			}
			_, _, err := w.CreateClient(t.Context(), by, issuer.Client{ID: id, Scopes: "read"})
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		_, _, err := w.CreateClient(t.Context(), issuer.Operator("other"), issuer.Client{ID: "x", Scopes: "read"})
		require.NoError(t, err)
		require.NoError(t, w.DeleteClient(t.Context(), w.by, "c"))
		all := func(by issuer.Caller, q issuer.ClientQuery) (ids string) {
			for {
				page, next, err := w.ListClients(t.Context(), by, q)
				require.NoError(t, err)
				for _, c := range page {
					ids += c.ID
				}
				if next == "" {
					return ids
				}
				q.Cursor = next
			}
		}
		assert.Equal(t, "edba", all(w.by, issuer.ClientQuery{}))
		assert.Equal(t, "edba", all(w.by, issuer.ClientQuery{Limit: 1}))
		assert.Equal(t, "edba", all(w.by, issuer.ClientQuery{Limit: 3, Owner: "other"}), "the owner is the caller's")
		assert.Equal(t, "edcba", all(w.by, issuer.ClientQuery{Limit: 2, IncludeDeleted: true}))
		assert.Equal(t, "db", all(w.by, issuer.ClientQuery{CreatedBy: "member"}))
		assert.Equal(t, "db", all(member, issuer.ClientQuery{Limit: 1}))
		assert.Empty(t, all(member, issuer.ClientQuery{CreatedBy: "operator"}))
		assert.Equal(t, "x", all(issuer.Operator("other"), issuer.ClientQuery{}))

		for name, q := range map[string]issuer.ClientQuery{
			"limit": {Limit: 101}, "cursor": {Cursor: "!"},
		} {
			_, _, err := w.ListClients(t.Context(), w.by, q)
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, name, e.Param)
		}
	})
}

// A client's secret is rotated without a gap: the old one, and its tokens, end at
// their instant, behind the cache too.
func TestRotateClientSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		old, c := w.client(issuer.Client{ID: "app", Scopes: "read"})
		guard := w.guard()
		before := w.oauthToken("app", old)
		require.Equal(t, http.StatusOK, w.status(guard, before))

		next, rotated, err := w.RotateClientSecret(t.Context(), w.by, "app", time.Minute)
		require.NoError(t, err)
		end := time.Now().Add(time.Minute)
		assert.NotEqual(t, old, next)
		assert.Equal(t, int64(2), rotated.Version)
		require.Len(t, rotated.Secrets, 2)
		assert.True(t, rotated.Secrets[0].EndsAt.Equal(end))
		assert.Equal(t, c.Secrets[0].Hash, rotated.Secrets[0].Hash)
		assert.Equal(t, []string{"client.created", "token.issued", "client.rotated"}, w.told())

		_, _, err = w.RotateClientSecret(t.Context(), w.by, "app", 0)
		assert.ErrorIs(t, err, issuer.ErrConflict, "two live secrets")
		w.client(issuer.Client{ID: "slow", Scopes: "read"})
		_, _, err = w.RotateClientSecret(t.Context(), w.by, "slow", 7*24*time.Hour)
		assert.NoError(t, err, "the longest grace")

		time.Sleep(time.Until(end) - time.Nanosecond)
		after, inGrace := w.oauthToken("app", next), w.oauthToken("app", old)
		for _, token := range []string{before, after, inGrace} {
			assert.Equal(t, http.StatusOK, w.status(guard, token))
		}
		time.Sleep(time.Nanosecond)
		assert.Equal(t, http.StatusUnauthorized, w.post("/oauth/token", clientGrant, basicField("app", old)).Code)
		assert.Equal(t, http.StatusUnauthorized, w.status(guard, before))
		assert.Equal(t, http.StatusUnauthorized, w.status(guard, inGrace))
		assert.Equal(t, http.StatusOK, w.status(guard, after))

		last, _, err := w.RotateClientSecret(t.Context(), w.by, "app", 0)
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, w.post("/oauth/token", clientGrant, basicField("app", next)).Code)
		assert.Equal(t, http.StatusUnauthorized, w.status(guard, after), "at once")
		assert.Equal(t, http.StatusOK, w.status(guard, w.oauthToken("app", last)))
	})
}

func TestRotateClientSecretRefusals(t *testing.T) {
	w := newClientWorld(t)
	w.client(issuer.Client{ID: "gone", Scopes: "read"})
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "gone"))
	w.client(issuer.Client{ID: "app", Scopes: "read"})
	tests := []struct {
		name  string
		id    string
		grace time.Duration
		code  bearer.Code
		param string
	}{
		{"a negative grace", "app", -1, bearer.CodeInvalidRequest, "grace"},
		{"a long grace", "app", 7*24*time.Hour + 1, bearer.CodeInvalidRequest, "grace"},
		{"a deleted client", "gone", 0, bearer.CodeConflict, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := w.RotateClientSecret(t.Context(), w.by, tt.id, tt.grace)
			var e *bearer.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.code, e.Code)
			assert.Equal(t, tt.param, e.Param)
		})
	}
}

// A token that an ending secret obtained says so to services that see no more
// than its claims.
func TestOAuthTokenInGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newClientWorld(t)
		old, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
		_, _, err := w.RotateClientSecret(t.Context(), w.by, "app", 90*time.Second)
		require.NoError(t, err)
		for _, want := range []int{90, 61, 31} {
			rec := w.post("/oauth/token", clientGrant, basicField("app", old))
			assert.EqualValues(t, want, decoded(t, rec)["expires_in"])
			time.Sleep(30*time.Second - 100*time.Millisecond)
		}
		rec := w.post("/oauth/token", clientGrant, basicField("app", old))
		assert.EqualValues(t, 1, decoded(t, rec)["expires_in"], "a second at least")
	})
}

func TestDeleteClient(t *testing.T) {
	w := newClientWorld(t)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	guard := w.guard()
	token := w.oauthToken("app", secret)
	require.Equal(t, http.StatusOK, w.status(guard, token))
	w.told()

	require.NoError(t, w.DeleteClient(t.Context(), w.by, "app"))
	assert.Equal(t, http.StatusUnauthorized, w.status(guard, token), "S1.8 at the next request")
	assert.Equal(t, http.StatusUnauthorized, w.post("/oauth/token", clientGrant, basicField("app", secret)).Code)
	assert.Equal(t, []string{"client.deleted"}, w.told())

	require.NoError(t, w.DeleteClient(t.Context(), w.by, "app"), "again")
	assert.Empty(t, w.told())
	c, err := w.GetClient(t.Context(), w.by, "app")
	require.NoError(t, err)
	assert.False(t, c.DeletedAt.IsZero())
}

// Of many rotations at once, one wins; a deletion at the same time stays.
func TestRotateClientSecretRaces(t *testing.T) {
	w := newClientWorld(t)
	for range 20 {
		_, c := w.client(issuer.Client{Scopes: "read"})
		var (
			wg      sync.WaitGroup
			mu      sync.Mutex
			secrets []string
		)
		for n := range 8 {
			wg.Go(func() {
				if n == 7 {
					assert.NoError(t, w.DeleteClient(t.Context(), w.by, c.ID))
					return
				}
				secret, _, err := w.RotateClientSecret(t.Context(), w.by, c.ID, time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					secrets = append(secrets, secret)
				} else {
					assert.ErrorIs(t, err, issuer.ErrConflict)
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, len(secrets), 1)
		got, err := w.GetClient(t.Context(), w.by, c.ID)
		require.NoError(t, err)
		assert.False(t, got.DeletedAt.IsZero())
	}
}

func TestDeleteClients(t *testing.T) {
	w := newClientWorld(t)
	for range 120 {
		w.client(issuer.Client{Scopes: "read"})
	}
	member := issuer.Caller{ID: "member", Owner: "acme", OwnOnly: true, Scopes: "read"}
	_, _, err := w.CreateClient(t.Context(), member, issuer.Client{ID: "own", Scopes: "read"})
	require.NoError(t, err)
	_, _, err = w.CreateClient(t.Context(), issuer.Operator("other"), issuer.Client{ID: "theirs", Scopes: "read"})
	require.NoError(t, err)

	n, err := w.DeleteClients(t.Context(), member, issuer.ClientQuery{})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	n, err = w.DeleteClients(t.Context(), member, issuer.ClientQuery{CreatedBy: "operator"})
	require.NoError(t, err)
	assert.Zero(t, n)
	n, err = w.DeleteClients(t.Context(), w.by, issuer.ClientQuery{Owner: "other", Limit: 1, CreatedBy: "operator"})
	require.NoError(t, err)
	assert.Equal(t, 120, n)
	_, err = w.GetClient(t.Context(), issuer.Operator("other"), "theirs")
	assert.NoError(t, err)
	_, err = w.DeleteClients(t.Context(), issuer.Caller{ID: "r", Owner: "acme", ReadOnly: true}, issuer.ClientQuery{})
	assert.Equal(t, bearer.CodeForbidden, bearer.CodeOf(err))
}

// A process that deletes what was deleted elsewhere forgets it at once.
func TestDeletedElsewhere(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	in := func(c *issuer.Config) { c.Store = store }
	w := newClientWorld(t, in)
	secret, _ := w.client(issuer.Client{ID: "app", Scopes: "read"})
	guard, token := w.guard(), w.oauthToken("app", secret)
	require.Equal(t, http.StatusOK, w.status(guard, token))
	require.NoError(t, newClientWorld(t, in).DeleteClient(t.Context(), w.by, "app"))
	require.Equal(t, http.StatusOK, w.status(guard, token), "for CacheTTL")
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "app"))
	assert.Equal(t, http.StatusUnauthorized, w.status(guard, token))
}

// Whatever a query says of pages, all go; each is told, also one that another
// change met.
func TestDeleteClientsOfPages(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newClientWorld(t, func(c *issuer.Config) { c.Store = store })
	w.client(issuer.Client{ID: "a", Scopes: "read"})
	w.client(issuer.Client{ID: "b", Scopes: "read"})
	require.NoError(t, w.DeleteClient(t.Context(), w.by, "a"))
	w.told()
	conflicts := 0
	store.Before("ReplaceClient", func(ctx context.Context) error {
		conflicts++
		if conflicts > 1 {
			return nil
		}
		c, err := store.Store.FindClient(ctx, "b")
		require.NoError(t, err)
		return store.Store.ReplaceClient(ctx, c)
	})
	n, err := w.DeleteClients(t.Context(), w.by, issuer.ClientQuery{
		IncludeDeleted: true, Cursor: "x", Limit: -1, After: issuer.Position{CreatedAt: time.Unix(1, 0), ID: "a"},
	})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, 2, conflicts)
	assert.Equal(t, []string{"client.deleted"}, w.told())
}

// An account that could not be closed is an outage: call again.
func TestCloseAccountFaults(t *testing.T) {
	for _, method := range []string{
		"ListKeys", "ReplaceKey", "ListClients", "ReplaceClient", "ListSessions", "ReplaceSession",
	} {
		store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
		w := newClientWorld(t, func(c *issuer.Config) { c.Store = store })
		w.client(issuer.Client{ID: "a", Scopes: "read"})
		w.key("k")
		g, err := w.StartSession(t.Context(), issuer.User{ID: "ann", Owner: "acme"}, "")
		require.NoError(t, err)
		store.Fail(method, errors.New("connection refused"))
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(w.CloseAccount(t.Context(), "acme", "closed")), method)
		store.Fail(method, nil)
		require.NoError(t, w.CloseAccount(t.Context(), "acme", "closed"))
		assert.Contains(t, w.trail(), "session.ended operator "+g.SessionID+" acme", method)
	}
}
