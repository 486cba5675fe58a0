package issuer_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
)

// TestRevokeKey proves S1.1 and S1.8: a revoked key fails on the next request,
// for good, and a second revocation answers what the first one left.
func TestRevokeKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newKeyWorld(t)
		text, key := w.create("acme")
		guard := w.guard()
		assert.Empty(t, guard(text))

		a := w.call("DELETE", "/v1/api_keys/"+key.ID+"?reason=leaked%20on%20GitHub", "ignored, and no JSON")

		require.Equal(t, http.StatusOK, a.Status, a.Text)
		assert.Equal(t, true, a.JSON["revoked"])
		assert.Equal(t, "leaked on GitHub", a.text("reason"))
		assert.Equal(t, "2000-01-01T00:00:00Z", a.text("revoked_at"))
		assert.NotContains(t, a.JSON, "key")
		assert.Equal(t, "key_revoked", guard(text))
		told := w.told()
		require.Len(t, told, 1)
		assert.Equal(t, "key.revoked", told[0].Type)
		assert.Equal(t, map[string]string{"reason": "leaked on GitHub"}, told[0].Detail)

		time.Sleep(time.Hour)
		again := w.call("DELETE", "/v1/api_keys/"+key.ID+"?reason=other", "")
		assert.Equal(t, http.StatusOK, again.Status)
		assert.Equal(t, a.Text, again.Text)
		assert.Empty(t, w.told())
		assert.Equal(t, a.Text, w.call("GET", "/v1/api_keys/"+key.ID, "").Text)
	})
}

// TestRevokeReason proves the bounds of a reason.
func TestRevokeReason(t *testing.T) {
	tests := []struct {
		name, query string
		param       string
		status      int
	}{
		{"none", "", "", 200},
		{"empty", "?reason=", "", 200},
		{"255 bytes", "?reason=" + strings.Repeat("a", 255), "", 200},
		{"256 bytes", "?reason=" + strings.Repeat("a", 256), "reason", 400},
		{"line break", "?reason=a%0Ab", "reason", 400},
		{"NUL", "?reason=%00", "reason", 400},
		{"invalid UTF-8", "?reason=%FF", "reason", 400},
		{"twice", "?reason=a&reason=b", "reason", 400},
		{"another parameter", "?why=a", "why", 400},
		{"malformed", "?reason=%zz", "", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newKeyWorld(t)
			text, key := w.create("acme")
			a := w.call("DELETE", "/v1/api_keys/"+key.ID+test.query, "")
			assert.Equal(t, test.status, a.Status)
			assert.Equal(t, test.param, a.param())
			assert.Equal(t, test.status == 400, w.guard()(text) == "")
		})
	}
}

// TestRevokeKeys proves that all of someone's keys end with one call.
func TestRevokeKeys(t *testing.T) {
	create := func(w *keyWorld, n int, by issuer.Caller) (texts []string) {
		for range n {
			text, _, err := w.CreateKey(w.t.Context(), by, issuer.APIKey{Name: "a", Kind: bearer.SecretKey})
			require.NoError(w.t, err)
			texts = append(texts, text)
		}
		return texts
	}
	alice := issuer.Caller{ID: "alice", Owner: "acme", Scopes: "*"}
	bob := issuer.Caller{ID: "bob", Owner: "acme", Scopes: "*"}
	other := issuer.Caller{ID: "alice", Owner: "other", Scopes: "*"}
	tests := []struct {
		name  string
		by    issuer.Caller
		query issuer.KeyQuery
		want  [3]bool // of alice, of bob, of another owner
	}{
		{"of one who leaves", issuer.Operator("acme"), issuer.KeyQuery{CreatedBy: "alice"}, [3]bool{true, false, false}},
		{"of an account", issuer.Operator("acme"), issuer.KeyQuery{}, [3]bool{true, true, false}},
		{"whatever the owner, the cursor and the limit say", issuer.Operator("acme"), issuer.KeyQuery{Owner: "other", Cursor: "x", Limit: 1}, [3]bool{true, true, false}},
		{"one's own", issuer.Caller{ID: "bob", Owner: "acme", OwnOnly: true}, issuer.KeyQuery{}, [3]bool{false, true, false}},
		{"another's, with OwnOnly", issuer.Caller{ID: "bob", Owner: "acme", OwnOnly: true}, issuer.KeyQuery{CreatedBy: "alice"}, [3]bool{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newKeyWorld(t)
			const n = 120 // more than a page
			texts := [3][]string{create(w, n, alice), create(w, 3, bob), create(w, 3, other)}
			want := 0
			for i, isRevoked := range test.want {
				if isRevoked {
					want += len(texts[i])
				}
			}
			w.told()
			got, err := w.RevokeKeys(t.Context(), test.by, test.query, "left")
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Len(t, w.told(), want)
			guard := w.guard()
			for i, isRevoked := range test.want {
				for _, text := range texts[i] {
					assert.Equal(t, isRevoked, guard(text) == "key_revoked")
				}
			}
			got, err = w.RevokeKeys(t.Context(), test.by, test.query, "left")
			require.NoError(t, err)
			assert.Zero(t, got)
		})
	}
	t.Run("again, after an error", func(t *testing.T) {
		w := newKeyWorld(t)
		texts := create(w, 10, alice)
		store := &failingStore{Store: w.store}
		store.left.Store(4)
		failing := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
		first, err := failing.RevokeKeys(t.Context(), alice, issuer.KeyQuery{}, "")
		assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
		assert.Equal(t, 4, first)
		store.left.Store(100)
		second, err := failing.RevokeKeys(t.Context(), alice, issuer.KeyQuery{}, "")
		require.NoError(t, err)
		assert.Equal(t, 6, second)
		guard := w.guard()
		for _, text := range texts {
			assert.Equal(t, "key_revoked", guard(text))
		}
	})
}

// TestRevokeKeysOfBrokenStore proves that a list that could not be read is not
// taken for an empty one, and that a bad reason is refused first.
func TestRevokeKeysOfBrokenStore(t *testing.T) {
	store := &issuertest.Faults{Store: issuer.NewMemoryStore()}
	w := newKeyWorld(t, func(c *issuer.Config) { c.Store = store })
	store.Fail("ListKeys", errBroken)
	_, err := w.RevokeKeys(t.Context(), w.by, issuer.KeyQuery{}, "left")
	assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
	_, err = w.RevokeKeys(t.Context(), w.by, issuer.KeyQuery{}, "two\nlines")
	assert.Equal(t, bearer.CodeInvalidRequest, bearer.CodeOf(err))
}

// TestRevokedElsewhere proves that a process that revokes what another one has
// revoked already forgets what it remembers of it, at once (S1.8).
func TestRevokedElsewhere(t *testing.T) {
	w := newKeyWorld(t)
	text, key := w.create("acme")
	guard := w.guard()
	require.Empty(t, guard(text))
	elsewhere := newKeyWorld(t, func(c *issuer.Config) { c.Store = w.store })
	_, err := elsewhere.RevokeKey(t.Context(), w.by, key.ID, "")
	require.NoError(t, err)
	require.Empty(t, guard(text), "for CacheTTL")
	_, err = w.RevokeKey(t.Context(), w.by, key.ID, "")
	require.NoError(t, err)
	assert.Equal(t, "key_revoked", guard(text))
	assert.Empty(t, w.told())
}

// A failingStore fails once so many keys were replaced.
type failingStore struct {
	issuer.Store
	left atomic.Int32
}

func (s *failingStore) ReplaceKey(ctx context.Context, key issuer.APIKey) error {
	if s.left.Add(-1) < 0 {
		return errBroken
	}
	return s.Store.ReplaceKey(ctx, key)
}
