package bearer_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrincipalOfKey(t *testing.T) {
	secret, secretKey := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read tokens:write"))
	public, publicKey := newKey(bearer.PublishableKey, bearer.Test, scoped("tokens:read tokens:write wallets:read"))
	publicKey.Owner = "globex"
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(secretKey, publicKey)})
	for _, row := range []struct {
		name       string
		credential string
		want       bearer.Principal
	}{
		{"S1.3 secret", secret, bearer.Principal{
			ID: secretKey.ID, Owner: "acme", Kind: bearer.SecretKey, Environment: bearer.Live,
			Scopes: "tokens:read tokens:write", Key: &secretKey,
		}},
		{"S1.3 publishable", public, bearer.Principal{
			ID: publicKey.ID, Owner: "globex", Kind: bearer.PublishableKey, Environment: bearer.Test,
			ReadOnly: true, Scopes: "tokens:read wallets:read", Key: &publicKey,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen *bearer.Principal
			h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = bearer.FromContext(r.Context())
			}))
			get(h, row.credential)
			checked, err := guard.Check(request(http.MethodGet, "/", row.credential))
			require.NoError(t, err)
			for _, p := range []*bearer.Principal{seen, checked} {
				require.NotNil(t, p)
				require.NotNil(t, p.Key)
				assert.Equal(t, *row.want.Key, *p.Key)
				got := *p
				got.Key = row.want.Key
				assert.Equal(t, row.want, got)
			}
		})
	}
}

func TestPrincipalOfToken(t *testing.T) {
	a := newAuthority()
	guard := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}})
	p, err := guard.Check(request(http.MethodGet, "/", a.token(t, map[string]any{
		"sub": "user_7", "scope": "tokens:read", "env": "test", "tenant": "acme",
	})))
	require.NoError(t, err)
	assert.Equal(t, "user_7", p.ID)
	assert.Equal(t, "user_7", p.Owner)
	assert.Equal(t, bearer.Token, p.Kind)
	assert.Equal(t, bearer.Test, p.Environment)
	assert.False(t, p.ReadOnly)
	assert.Equal(t, bearer.Scopes("tokens:read"), p.Scopes)
	assert.Nil(t, p.Key)
	assert.Equal(t, "acme", p.Claims["tenant"])
}

func TestPrincipalHolds(t *testing.T) {
	for _, row := range []struct {
		name   string
		p      *bearer.Principal
		scopes []bearer.Scope
		want   bool
	}{
		{"no principal, none", nil, nil, false},
		{"no principal, one", nil, []bearer.Scope{"tokens:read"}, false},
		{"none", &bearer.Principal{}, nil, true},
		{"no scopes", &bearer.Principal{}, []bearer.Scope{"tokens:read"}, false},
		{"all of them", &bearer.Principal{Scopes: "a b c"}, []bearer.Scope{"a", "c"}, true},
		{"not all of them", &bearer.Principal{Scopes: "a b"}, []bearer.Scope{"a", "c"}, false},
		{"full access", &bearer.Principal{Scopes: bearer.FullAccess}, []bearer.Scope{"a:write"}, true},
		{"empty scope", &bearer.Principal{Scopes: bearer.FullAccess}, []bearer.Scope{""}, false},
		{"S4.2 read-only, read", &bearer.Principal{ReadOnly: true, Scopes: bearer.FullAccess}, []bearer.Scope{"a:read"}, true},
		{"S4.2 read-only, write", &bearer.Principal{ReadOnly: true, Scopes: "* a:write"}, []bearer.Scope{"a:write"}, false},
		{"S4.2 read-only, both", &bearer.Principal{ReadOnly: true, Scopes: "a:*"}, []bearer.Scope{"a:read", "a:write"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, row.p.Holds(row.scopes...))
		})
	}
}

func TestContext(t *testing.T) {
	ctx := context.Background()
	assert.Nil(t, bearer.FromContext(ctx))
	p := &bearer.Principal{ID: "key_1"}
	assert.Same(t, p, bearer.FromContext(bearer.NewContext(ctx, p)))
	assert.Nil(t, bearer.FromContext(bearer.NewContext(bearer.NewContext(ctx, p), nil)))
}

// The context of a handler is derived from the request's.
func TestContextGoesOn(t *testing.T) {
	type name struct{}
	text, key := newKey(bearer.SecretKey, bearer.Live)
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	other := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)})
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), name{}, "acme"))
	h := guard.Handler(other.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "acme", r.Context().Value(name{}))
		assert.NoError(t, r.Context().Err())
		cancel()
		assert.ErrorIs(t, r.Context().Err(), context.Canceled)
		assert.NotNil(t, bearer.FromContext(r.Context()))
		p := &bearer.Principal{ID: "a stand-in"}
		assert.Same(t, p, bearer.FromContext(bearer.NewContext(r.Context(), p)))
	})))
	assert.Equal(t, http.StatusOK, serve(h, request(http.MethodGet, "/", text).WithContext(ctx)).Code)
	assert.Error(t, ctx.Err(), "the handler ran")
}

// All stores lead to the same principal, also those that have it ready.
func TestPrincipalOfAKey(t *testing.T) {
	for _, kind := range []bearer.Kind{bearer.SecretKey, bearer.PublishableKey} {
		text, key := newKey(kind, bearer.Live, scoped("tokens:read tokens:write"))
		memory := bearer.NewMemoryStore(key)
		cached := bearer.CachedStore(memory, bearer.CacheConfig{})
		_, err := cached.FindKey(t.Context(), key.Hash)
		require.NoError(t, err)
		for _, row := range []struct {
			name  string
			store bearer.KeyStore
		}{
			{"MemoryStore", memory},
			{"CachedStore", cached},
			{"another", storeFunc(memory.FindKey)},
		} {
			t.Run(kind.String()+"/"+row.name, func(t *testing.T) {
				stored, err := row.store.FindKey(t.Context(), key.Hash)
				require.NoError(t, err)
				want := &bearer.Principal{
					ID: key.ID, Owner: key.Owner, Kind: kind, Environment: bearer.Live,
					ReadOnly: kind == bearer.PublishableKey, Scopes: "tokens:read tokens:write", Key: stored,
				}
				if want.ReadOnly {
					want.Scopes = "tokens:read"
				}
				p, err := newGuard(t, bearer.Config{Keys: row.store}).Check(request(http.MethodGet, "/", text))
				require.NoError(t, err)
				assert.Equal(t, want, p)
				assert.Same(t, stored, p.Key)
			})
		}
	}
}
