package issuer

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// newDoorsOf returns an issuer, and a key and a token of it.
func newDoorsOf(t *testing.T, change func(*APIKey)) (i *Issuer, keyText, token string, key APIKey) {
	t.Helper()
	ctx, store := t.Context(), NewMemoryStore()
	i, err := New(Config{Store: store, Tokens: &Tokens{
		Issuer: "https://api.example", Audience: "api", SigningKeys: []SigningKey{NewSigningKey(algHS256)},
	}})
	require.NoError(t, err)
	keyText, hash := bearer.KeyFormat{}.Generate(bearer.PublishableKey, bearer.Test)
	key = APIKey{
		ID: "ak_1", Owner: "acme", Kind: bearer.PublishableKey, Environment: bearer.Test, Scopes: "tokens:read",
		Secrets: []Secret{{ID: "a", Hash: hash}}, Version: 1,
		Limit: bearer.Limit{Rate: 0.001, Burst: 1},
	}
	change(&key)
	require.NoError(t, store.CreateKey(ctx, key))
	now := time.Now()
	s := Session{
		ID: mint("se_"), Subject: "key:ak_1", Name: "a/", Owner: "acme", SecretHash: hash,
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}
	require.NoError(t, i.issue(&s, now, terms{Scopes: "tokens:read", ExpiresAt: s.ExpiresAt}))
	_, err = store.OpenSession(ctx, s, 10)
	require.NoError(t, err)
	return i, keyText, i.signer.sign(s.KeyID, s.Payload), key
}

func check(door *bearer.Guard, method, text string) string {
	r := httptest.NewRequest(method, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	r.Header.Set("Origin", "https://other.example")
	_, err := door.Check(r)
	var e *bearer.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return "ok"
}

// Doors take what their endpoints take, as often as it comes: the key may be used
// once in a quarter of an hour.
func TestOwnGuards(t *testing.T) {
	i, key, token, _ := newDoorsOf(t, func(*APIKey) {})
	for _, row := range []struct {
		name, method, text string
		door               *bearer.Guard
		want               string
	}{
		{"a token at tokens", http.MethodGet, token, i.guards.tokens, "ok"},
		{"a key at tokens (S4.4)", http.MethodGet, key, i.guards.tokens, "wrong_credential_type"},
		{"a token at any", http.MethodGet, token, i.guards.any, "ok"},
		{"a key at any", http.MethodGet, key, i.guards.any, "ok"},
		{"a publishable key logs in", http.MethodPost, key, i.guards.login, "ok"},
		{"a token at the login", http.MethodPost, token, i.guards.login, "wrong_credential_type"},
		{"a token is inspected", http.MethodGet, token, i.guards.inspect, "ok"},
		{"a key is inspected", http.MethodGet, key, i.guards.inspect, "wrong_credential_type"},
	} {
		for range 3 {
			assert.Equal(t, row.want, check(row.door, row.method, row.text), row.name)
		}
	}
}

// Doors read the store: nothing is remembered, and no one has to be told.
func TestOwnGuardsReadTheStore(t *testing.T) {
	i, text, token, key := newDoorsOf(t, func(*APIKey) {})
	guards := map[*bearer.Guard]string{i.guards.tokens: token, i.guards.any: text, i.guards.login: text, i.guards.inspect: token}
	for door, text := range guards {
		require.Equal(t, "ok", check(door, http.MethodGet, text))
	}
	key.RevokedAt = time.Now()
	require.NoError(t, i.store.ReplaceKey(t.Context(), key))
	for door, text := range guards {
		assert.Equal(t, "key_revoked", check(door, http.MethodGet, text))
	}
}

// A token may be inspected wherever it may be used, and the record that the key
// cache holds stays as it is (RFC 7662).
func TestInspectIsFromAnywhere(t *testing.T) {
	i, key, token, _ := newDoorsOf(t, func(k *APIKey) {
		k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	assert.Equal(t, "ip_not_allowed", check(i.guards.tokens, http.MethodGet, token))
	assert.Equal(t, "ip_not_allowed", check(i.guards.login, http.MethodGet, key))
	assert.Equal(t, "ok", check(i.guards.inspect, http.MethodGet, token))
	assert.Equal(t, "ip_not_allowed", check(i.guards.tokens, http.MethodGet, token))

	i, _, token, _ = newDoorsOf(t, func(k *APIKey) { k.AllowedOrigins = []string{"https://app.example"} })
	assert.Equal(t, "origin_not_allowed", check(i.guards.any, http.MethodGet, token))
	assert.Equal(t, "ok", check(i.guards.inspect, http.MethodGet, token))
}

// 100 wrong keys a minute, of one address; right ones do not count.
func TestLoginFailuresAreLimited(t *testing.T) {
	i, text, _, _ := newDoorsOf(t, func(*APIKey) {})
	for range 200 {
		require.Equal(t, "ok", check(i.guards.login, http.MethodPost, text))
	}
	for range 100 {
		wrong, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
		require.Equal(t, "invalid_api_key", check(i.guards.login, http.MethodPost, wrong))
	}
	assert.Equal(t, "rate_limit_exceeded", check(i.guards.login, http.MethodPost, text))
	assert.Equal(t, "ok", check(i.guards.any, http.MethodGet, text), "the limit is of logins alone")
}

// Without tokens there is one door, for keys.
func TestOwnGuardsWithoutTokens(t *testing.T) {
	i, err := New(Config{})
	require.NoError(t, err)
	assert.Nil(t, i.guards.tokens)
	assert.Nil(t, i.guards.login)
	assert.Nil(t, i.guards.inspect)
	assert.Equal(t, "invalid_api_key", check(i.guards.any, http.MethodGet, unknownKey(t)))
}

func unknownKey(t *testing.T) string {
	t.Helper()
	text, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	return text
}

// Of uses that no one writes, a bounded number is kept.
func TestLastUsesAreBounded(t *testing.T) {
	var used lastUses
	hash, now := bearer.KeyHash{}, time.Now().Truncate(time.Microsecond)
	for n := range maxUses + 10 {
		hash[0], hash[1], hash[2] = byte(n), byte(n>>8), byte(n>>16)
		used.add(hash, now)
	}
	assert.Len(t, used.used, maxUses)
	used.add(bearer.KeyHash{}, now.Add(time.Second))
	used.add(bearer.KeyHash{}, now)
	assert.Equal(t, now.Add(time.Second), used.used[bearer.KeyHash{}], "only forward")
}

// The list of subjects that were forgotten is bounded by time, and by number.
func TestForgottenIsBounded(t *testing.T) {
	var f forgotten
	size := func() (n int) {
		f.subjects.Range(func(any, any) bool { n++; return true })
		return n
	}
	for n := range maxCached + 10 {
		f.forget(string(rune('a'+n%26))+mint(""), time.Hour)
	}
	assert.Equal(t, maxCached, size())
	assert.Len(t, f.queue, maxCached)
	assert.True(t, f.isStale(&opening{name: "user:1", began: 3}), "as old as what was dropped")
	assert.False(t, f.isStale(&opening{name: "user:1", began: f.generation.Load() - 5}))
	time.Sleep(time.Microsecond)
	f.forget("user:1", time.Nanosecond)
	assert.Equal(t, 1, size())
}

var (
	_ bearer.KeyStore = storedKeys{}
	_ bearer.KeyStore = sessionKeys{}
	_ Cache           = (*guardCache)(nil)
	_ json.Marshaler  = SigningKey{}
)
