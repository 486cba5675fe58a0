package bearertest_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

var errDown = errors.New("connection refused")

// reasonOf returns what a guard says to a credential: "" lets it in.
func reasonOf(t *testing.T, config bearer.Config, credential string) string {
	t.Helper()
	guard, err := bearer.New(config)
	require.NoError(t, err)
	_, err = guard.Check(bearertest.Request(http.MethodGet, "/", credential))
	var refusal *bearer.Error
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return ""
}

func TestKeysIssue(t *testing.T) {
	tests := []struct {
		name string
		key  bearer.Key
		want bearer.Key
	}{
		{"the zero key", bearer.Key{}, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Environment: bearer.Test}},
		{"a full key",
			bearer.Key{ID: "k", Kind: bearer.PublishableKey, Environment: bearer.Live, Owner: "o", Scopes: "a"},
			bearer.Key{ID: "k", Kind: bearer.PublishableKey, Environment: bearer.Live, Owner: "o", Scopes: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := bearertest.Keys{Format: bearer.KeyFormat{Namespace: "acme"}}
			text := keys.Issue(tt.key)
			tt.want.Hash = keys.Format.Hash(text)
			kind, environment, err := keys.Format.Parse(text)
			require.NoError(t, err)
			assert.Equal(t, tt.want.Kind, kind)
			assert.Equal(t, tt.want.Environment, environment)
			got, err := keys.FindKey(context.Background(), tt.want.Hash)
			require.NoError(t, err)
			assert.Equal(t, tt.want.Hash[:], got.Hash[:])
			assert.Equal(t, tt.want, *got)
			assert.Equal(t, 1, keys.Calls())
		})
	}
	t.Run("IDs count up", func(t *testing.T) {
		var keys bearertest.Keys
		keys.Issue(bearer.Key{})
		text := keys.Issue(bearer.Key{})
		key, err := keys.FindKey(context.Background(), bearer.KeyFormat{}.Hash(text))
		require.NoError(t, err)
		assert.Equal(t, "key_2", key.ID)
	})
}

func TestKeysChange(t *testing.T) {
	var keys bearertest.Keys
	text := keys.Issue(bearer.Key{ID: "key_a"})
	config := bearer.Config{Keys: &keys}
	require.Empty(t, reasonOf(t, config, text))

	keys.Update("key_a", func(key *bearer.Key) {
		key.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}
	})
	assert.Equal(t, "ip_not_allowed", reasonOf(t, config, text))
	keys.Revoke("key_a")
	assert.Equal(t, "key_revoked", reasonOf(t, config, text))
	keys.Fail(errDown)
	assert.Equal(t, "store_unavailable", reasonOf(t, config, text))
	keys.Fail(nil)
	assert.Equal(t, "key_revoked", reasonOf(t, config, text))
	assert.Equal(t, 5, keys.Calls())

	assert.PanicsWithValue(t, `bearertest: Keys.Revoke: no key has the ID "key_b"`, func() { keys.Revoke("key_b") })
	assert.PanicsWithValue(t, `bearertest: Keys.Update: no key has the ID "key_b"`, func() { keys.Update("key_b", nil) })
	hash := bearer.KeyFormat{}.Hash(text)
	assert.Error(t, keys.Add(bearer.Key{Hash: hash}), "the hash is there already")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := keys.FindKey(ctx, hash)
	assert.ErrorIs(t, err, context.Canceled)
}

// A key that is issued with a hash is good by its old text and by its new one.
func TestKeysIssueWithAHash(t *testing.T) {
	for _, key := range []bearer.Key{
		{ID: "key_1", Kind: bearer.SecretKey, Environment: bearer.Test},
		{}, // Issue fills in the rest
	} {
		var keys bearertest.Keys
		var old string
		old, key.Hash = bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
		text := keys.Issue(key)
		assert.Empty(t, reasonOf(t, bearer.Config{Keys: &keys}, old))
		assert.Empty(t, reasonOf(t, bearer.Config{Keys: &keys}, text))
		keys.Revoke("key_1")
		assert.Equal(t, "key_revoked", reasonOf(t, bearer.Config{Keys: &keys}, old))
		assert.Equal(t, "key_revoked", reasonOf(t, bearer.Config{Keys: &keys}, text))
	}
}

// The old text of a key that is rotated ends, and the new one does not.
func TestKeysIssueWithAnEnd(t *testing.T) {
	var keys bearertest.Keys
	config := bearer.Config{Keys: &keys}
	old := keys.Issue(bearer.Key{ID: "key_1"})
	assert.Empty(t, reasonOf(t, config, old))
	var other bearertest.Keys
	config.Keys = &other
	text := other.Issue(bearer.Key{ID: "key_1", Hash: bearer.KeyFormat{}.Hash(old), EndsAt: time.Now().Add(-time.Second)})
	assert.Equal(t, "key_revoked", reasonOf(t, config, old))
	assert.Empty(t, reasonOf(t, config, text))
	ended := other.Issue(bearer.Key{ID: "key_2", EndsAt: time.Now().Add(-time.Second)})
	assert.Equal(t, "key_revoked", reasonOf(t, config, ended), "the only text of a key")
}

// What one caller does to a key, the next does not see.
func TestKeysShareNothing(t *testing.T) {
	var keys bearertest.Keys
	home, away := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("203.0.113.7/32")
	data := new(int)
	hash := bearer.KeyFormat{}.Hash(keys.Issue(bearer.Key{
		AllowedIPs: []netip.Prefix{home}, AllowedOrigins: []string{"https://app.example"}, Data: data,
	}))
	for range 2 {
		key, err := keys.FindKey(context.Background(), hash)
		require.NoError(t, err)
		assert.Equal(t, []netip.Prefix{home}, key.AllowedIPs)
		key.AllowedIPs[0] = away
		assert.Equal(t, []string{"https://app.example"}, key.AllowedOrigins)
		key.AllowedOrigins[0] = "null"
		assert.Same(t, data, key.Data, "what is the application's own is shared")
	}
}

// No verb of fmt, and no handler of slog, shows a hash or a signing key.
func TestFakesHideSecrets(t *testing.T) {
	var fakes struct {
		Keys    bearertest.Keys
		Tokens  bearertest.Tokens
		Limiter bearertest.Limiter
	}
	hash := bearer.KeyFormat{}.Hash(fakes.Keys.Issue(bearer.Key{}))
	fakes.Tokens.Token("user_1", "")
	key, err := fakes.Tokens.JWT().Keyfunc(nil)
	require.NoError(t, err)
	public, ok := key.(crypto.PublicKey).(ed25519.PublicKey) // the end of the private key
	require.True(t, ok)

	var texts strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{&fakes, &fakes.Keys, &fakes.Tokens, &fakes.Limiter} {
			fmt.Fprintf(&texts, verb+"\n", value)
		}
	}
	slog.New(slog.NewTextHandler(&texts, nil)).Info("", "keys", &fakes.Keys, "tokens", &fakes.Tokens, "all", &fakes)
	slog.New(slog.NewJSONHandler(&texts, nil)).Info("", "keys", &fakes.Keys, "tokens", &fakes.Tokens, "all", &fakes)
	for _, secret := range [][]byte{hash[:8], public[:8]} {
		inner := strings.NewReplacer("[]byte{", "", "}", "", "[", "", "]", "")
		for _, verb := range []string{"%s", "%x", "%X", "%d", "%#v"} {
			assert.NotContains(t, texts.String(), inner.Replace(fmt.Sprintf(verb, secret)), verb)
		}
	}
	assert.Contains(t, texts.String(), "bearertest.Keys")
}

func TestTokens(t *testing.T) {
	var tokens, other bearertest.Tokens
	with := func(name string, value any) map[string]any {
		claims := tokens.Claims("user_1", "a b")
		claims[name] = value
		return claims
	}
	tests := []struct {
		name  string
		token string
		want  string
	}{
		{"good", tokens.Token("user_1", "a b"), ""},
		{"no scopes", tokens.Token("user_1", ""), ""},
		{"typ", tokens.Sign(tokens.Claims("user_1", ""), map[string]any{"typ": "JWT", "kid": "1"}), ""},
		{"another issuer", other.Token("user_1", "a b"), "invalid_token"},
		{"expired", tokens.Sign(with("exp", time.Now().Add(-time.Second).Unix()), nil), "token_expired"},
		{"wrong audience", tokens.Sign(with("aud", "other"), nil), "invalid_token"},
		{"no subject", tokens.Token("", ""), "invalid_token"},
		{"no claims", tokens.Sign(nil, nil), "invalid_token"},
		{"alg none", tokens.Sign(with("x", 1), map[string]any{"alg": "none"}), "invalid_token"},
		{"alg confusion", tokens.Sign(with("x", 1), map[string]any{"alg": "HS256"}), "invalid_token"},
		{"another alg", tokens.Sign(with("x", 1), map[string]any{"alg": "RS256"}), "invalid_token"},
		{"no alg", tokens.Sign(with("x", 1), map[string]any{"alg": nil}), "invalid_token"},
		{"crit", tokens.Sign(with("x", 1), map[string]any{"crit": []string{"exp"}}), "invalid_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, reasonOf(t, bearer.Config{JWT: []bearer.JWT{tokens.JWT()}}, tt.token))
		})
	}
	assert.Panics(t, func() { tokens.Sign(with("x", math.Inf(1)), nil) })
}

func TestTokensChange(t *testing.T) {
	var tokens bearertest.Tokens
	config := bearer.Config{JWT: []bearer.JWT{tokens.JWT()}}
	token := tokens.Token("user_1", "")
	require.Empty(t, reasonOf(t, config, token))
	tokens.Fail(errDown)
	assert.Equal(t, "keys_unavailable", reasonOf(t, config, token))
	tokens.Fail(nil)
	tokens.Rotate()
	assert.Equal(t, "invalid_token", reasonOf(t, config, token))
	assert.Empty(t, reasonOf(t, config, tokens.Token("user_1", "")))
}

func TestTokensExpireInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens bearertest.Tokens
		token := tokens.Token("user_1", "")
		time.Sleep(time.Hour - time.Second)
		assert.Empty(t, reasonOf(t, bearer.Config{JWT: []bearer.JWT{tokens.JWT()}}, token))
		time.Sleep(time.Second)
		assert.Equal(t, "token_expired", reasonOf(t, bearer.Config{JWT: []bearer.JWT{tokens.JWT()}}, token))
	})
}

func TestLimiterFake(t *testing.T) {
	limit := bearer.PerMinute(60)
	tests := []struct {
		name    string
		command func(*bearertest.Limiter)
		n       int
		limit   bearer.Limit
		want    bearer.Usage
	}{
		{"zero value", func(*bearertest.Limiter) {}, 3, limit, bearer.Usage{Allowed: true, Limit: limit, Remaining: 57, Reset: 3 * time.Second}},
		{"look", func(*bearertest.Limiter) {}, 0, limit, bearer.Usage{Allowed: true, Limit: limit, Remaining: 60}},
		{"more than the burst", func(*bearertest.Limiter) {}, 61, limit, bearer.Usage{Limit: limit, Remaining: 60, Wait: -1}},
		{"unlimited", func(*bearertest.Limiter) {}, 1, bearer.Unlimited, bearer.Usage{Allowed: true, Limit: bearer.Unlimited, Remaining: math.MaxInt}},
		{"nothing", func(*bearertest.Limiter) {}, 1, bearer.PerSecond(0), bearer.Usage{Limit: bearer.PerSecond(0), Wait: -1}},
		{"refuse", func(l *bearertest.Limiter) { l.Refuse(time.Second) }, 1, limit, bearer.Usage{Limit: limit, Reset: time.Minute, Wait: time.Second}},
		{"refuse, look", func(l *bearertest.Limiter) { l.Refuse(time.Second) }, 0, limit, bearer.Usage{Allowed: true, Limit: limit, Reset: time.Minute}},
		{"allow again", func(l *bearertest.Limiter) { l.Refuse(time.Second); l.Fail(errDown); l.Allow() }, 1, limit, bearer.Usage{Allowed: true, Limit: limit, Remaining: 59, Reset: time.Second}},
		{"outage over", func(l *bearertest.Limiter) { l.Fail(errDown); l.Fail(nil) }, 60, limit, bearer.Usage{Allowed: true, Limit: limit, Reset: time.Minute}},
	}
	bucket := bearer.Bucket{Class: "key", ID: "key_1"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var limiter bearertest.Limiter
			tt.command(&limiter)
			got, err := limiter.Take(context.Background(), bucket, tt.n, tt.limit)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, []bearertest.Take{{bucket, tt.n, tt.limit, tt.want.Allowed}}, limiter.Takes())
		})
	}
	t.Run("guards with a FailureLimit tell the wait", func(t *testing.T) {
		var keys bearertest.Keys
		var limiter bearertest.Limiter
		limiter.Refuse(90 * time.Second)
		for _, failures := range []bearer.Limit{{}, bearer.PerMinute(3)} {
			guard, err := bearer.New(bearer.Config{Keys: &keys, Limiter: &limiter, FailureLimit: failures})
			require.NoError(t, err)
			w := httptest.NewRecorder()
			guard.Handler(http.NotFoundHandler()).ServeHTTP(w, bearertest.Request("GET", "/", keys.Issue(bearer.Key{})))
			assert.Equal(t, "90", w.Header().Get("Retry-After"))
		}
	})
	t.Run("out of order", func(t *testing.T) {
		var limiter bearertest.Limiter
		limiter.Fail(errDown)
		_, err := limiter.Take(context.Background(), bucket, 1, limit)
		assert.ErrorIs(t, err, errDown)
		limiter.Allow()
		_, err = limiter.Take(context.Background(), bucket, -1, limit)
		assert.Error(t, err)
		assert.Empty(t, limiter.Takes())
	})
}

func TestRequests(t *testing.T) {
	r := bearertest.Request(http.MethodPut, "/v1/things", "abc")
	assert.Equal(t, http.MethodPut, r.Method)
	assert.Equal(t, "/v1/things", r.URL.Path)
	assert.Equal(t, []string{"Bearer abc"}, r.Header["Authorization"])
	assert.Equal(t, "192.0.2.1", bearer.RemoteIP(r).String())
	assert.NotContains(t, bearertest.Request(http.MethodGet, "/", "").Header, "Authorization")

	p := &bearer.Principal{ID: "key_1"}
	r = bearertest.WithPrincipal(bearertest.Request(http.MethodGet, "/", ""), p)
	assert.Same(t, p, bearer.FromContext(r.Context()))
	var keys bearertest.Keys
	guard, err := bearer.New(bearer.Config{Keys: &keys})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	guard.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusUnauthorized, w.Code, "no guard trusts a principal that it did not find")
}

// A policy that is refused by its name refuses the request; the others are only
// looked at.
func TestLimiterRefusesAPolicy(t *testing.T) {
	var limiter bearertest.Limiter
	limiter.Refuse(time.Hour, "daily")
	keys := new(bearertest.Keys)
	text := keys.Issue(bearer.Key{ID: "key_1"})
	guard, err := bearer.New(bearer.Config{Keys: keys, Limiter: &limiter, Policies: []bearer.Policy{{}, {Name: "daily"}}})
	require.NoError(t, err)
	_, err = guard.Check(bearertest.Request("GET", "/", text))
	var refused *bearer.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "daily", refused.Policy)
	assert.Equal(t, time.Hour, refused.RetryAfter)
	var asked []string
	for _, take := range limiter.Takes() {
		asked = append(asked, take.Bucket.Policy)
		assert.Zero(t, take.N)
	}
	assert.Equal(t, []string{"default", "daily"}, asked)
}
