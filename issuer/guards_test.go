package issuer_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A signed is what the tests of guards share: a store, a signing key, and the
// config of issuers over both.
type signed struct {
	t      testing.TB
	store  *issuer.MemoryStore
	config issuer.Config
}

func newSigned(tb testing.TB) *signed {
	tb.Helper()
	s := &signed{t: tb, store: issuer.NewMemoryStore()}
	s.config = issuer.Config{
		Store: s.store,
		Tokens: &issuer.Tokens{
			Issuer: "https://api.example", Audience: "https://api.example",
			SigningKeys: []issuer.SigningKey{issuer.NewSigningKey("HS256")},
		},
	}
	return s
}

// issuer returns a new issuer: one replica.
func (s *signed) issuer() *issuer.Issuer {
	s.t.Helper()
	iss, err := issuer.New(s.config)
	require.NoError(s.t, err)
	return iss
}

// ask returns what a guard answers: "ok", or the reason of its refusal.
type ask func(text string) string

// tokens returns a guard of the issuer's tokens.
func (s *signed) tokens(iss *issuer.Issuer) ask { return s.guard(iss.TokenConfig()) }

// keys returns a guard of the issuer's keys.
func (s *signed) keys(iss *issuer.Issuer) ask { return s.guard(iss.KeyConfig()) }

func (s *signed) guard(config bearer.Config) ask {
	s.t.Helper()
	config.Limit = bearer.Unlimited
	guard, err := bearer.New(config)
	require.NoError(s.t, err)
	return func(text string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		_, err := guard.Check(r)
		return reasonOf(err)
	}
}

func reasonOf(err error) string {
	var e *bearer.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Reason
	}
	return err.Error()
}

// key stores an API key and returns its text.
func (s *signed) key(change func(*issuer.APIKey)) (string, issuer.APIKey) {
	s.t.Helper()
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	key := issuer.APIKey{
		ID: fmt.Sprintf("ak_%x", hash[:8]), Owner: "acme", Kind: bearer.SecretKey, Environment: bearer.Test,
		Scopes: bearer.FullAccess, CreatedAt: time.Now(), Version: 1,
		Secrets: []issuer.Secret{{ID: "first", Hash: hash, CreatedAt: time.Now()}},
	}
	if change != nil {
		change(&key)
	}
	require.NoError(s.t, s.store.CreateKey(s.t.Context(), key))
	return text, key
}

// session stores a session and returns a token of it.
func (s *signed) session(subject string, change func(*issuer.Session)) (string, issuer.Session) {
	s.t.Helper()
	now := time.Now().Truncate(time.Second)
	id := "se_" + strings.ToLower(rand.Text())
	session := issuer.Session{
		ID: id, Subject: subject, Name: id, Owner: "acme", CreatedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}
	if change != nil {
		change(&session)
	}
	session, err := s.store.OpenSession(s.t.Context(), session, 1000)
	require.NoError(s.t, err)
	return s.token(session, s.config.Tokens.SigningKeys[0]), session
}

// token returns the token of a session, signed by golang-jwt.
func (s *signed) token(session issuer.Session, key issuer.SigningKey) string {
	s.t.Helper()
	token := jwt.NewWithClaims(jwt.GetSigningMethod(key.Algorithm), jwt.MapClaims{
		"iss": s.config.Tokens.Issuer, "aud": s.config.Tokens.Audience, "sub": session.Subject, "sid": session.ID,
		"owner": session.Owner, "scope": "*", "iat": session.CreatedAt.Unix(), "exp": session.ExpiresAt.Unix(),
	})
	token.Header["kid"] = key.ID
	text, err := token.SignedString(key.Key)
	require.NoError(s.t, err)
	return text
}

// client stores a client.
func (s *signed) client(client issuer.Client) issuer.Client {
	s.t.Helper()
	client.Owner, client.CreatedAt, client.Version = "acme", time.Now(), 1
	require.NoError(s.t, s.store.CreateClient(s.t.Context(), client))
	return client
}

func hashOf(text string) bearer.KeyHash { return bearer.KeyFormat{}.Hash(text) }

// A session is good while what opened it is (S0.8, S0.9, S1.8, S3.5, S3.6). Each
// row is judged through the caches and past them.
func TestTokensAreJudgedByWhatOpenedThem(t *testing.T) {
	const clientID, pair, nextPair = "client-1", "pair-1", "pair-2"
	later := func(s *issuer.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Hour) }
	for _, row := range []struct {
		name string
		open func(s *signed) string // returns a token
		want string
	}{
		{"a user", func(s *signed) string { return first(s.session("user:42", nil)) }, "ok"},
		{"a user whose session has ended", func(s *signed) string {
			text, session := s.session("user:42", later)
			session.EndedAt = time.Now()
			require.NoError(s.t, s.store.ReplaceSession(s.t.Context(), session))
			return text
		}, "token_revoked"},
		{"a session that is not there", func(s *signed) string {
			_, session := s.session("user:42", nil)
			session.ID += "x"
			return s.token(session, s.config.Tokens.SigningKeys[0])
		}, "token_revoked"},
		{"a session whose ID has a zero byte more", func(s *signed) string {
			_, session := s.session("user:42", nil)
			session.ID += "\x00"
			return s.token(session, s.config.Tokens.SigningKeys[0])
		}, "token_revoked"},
		{"a session ID of 33 bytes", func(s *signed) string {
			_, session := s.session("user:42", nil)
			session.ID = strings.Repeat("x", 33)
			return s.token(session, s.config.Tokens.SigningKeys[0])
		}, "token_revoked"},
		{"no session", func(s *signed) string {
			_, session := s.session("user:42", nil)
			session.ID = ""
			return s.token(session, s.config.Tokens.SigningKeys[0])
		}, "token_revoked"},
		{"another's session", func(s *signed) string {
			_, session := s.session("user:42", nil)
			session.Subject = "user:43"
			return s.token(session, s.config.Tokens.SigningKeys[0])
		}, "token_revoked"},
		{"a subject of no kind", func(s *signed) string { return first(s.session("42", nil)) }, "token_revoked"},

		{"a key", func(s *signed) string { return s.keySession(nil, nil) }, "ok"},
		{"a key that was revoked (S3.6)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.RevokedAt = time.Now() })
		}, "key_revoked"},
		{"a key that is disabled (S3.6)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.Disabled = true })
		}, "key_revoked"},
		{"a secret that has ended (S4.11)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.Secrets[0].EndsAt = time.Now() })
		}, "key_revoked"},
		{"a secret that ends later (S4.11)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.Secrets[0].EndsAt = time.Now().Add(time.Minute) })
		}, "ok"},
		{"a secret that is gone (S4.11)", func(s *signed) string {
			var key issuer.APIKey
			text := s.keySession(nil, func(k *issuer.APIKey) { key = *k })
			key.Secrets = []issuer.Secret{{ID: "second", Hash: hashOf("second"), CreatedAt: time.Now()}}
			require.NoError(s.t, s.store.ReplaceKey(s.t.Context(), key))
			return text
		}, "key_revoked"},
		{"a key that has expired before the session (S3.6)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.ExpiresAt = time.Now() })
		}, "key_expired"},
		{"a key from another address (S4.10)", func(s *signed) string {
			return s.keySession(nil, func(k *issuer.APIKey) { k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		}, "ip_not_allowed"},
		{"a key that is not there", func(s *signed) string {
			return first(s.session("key:ak_1", func(x *issuer.Session) { x.SecretHash = hashOf("unknown") }))
		}, "token_revoked"},
		{"a secret of another key", func(s *signed) string {
			return s.keySession(func(x *issuer.Session) { x.Subject += "x" }, nil)
		}, "token_revoked"},

		{"a client", func(s *signed) string {
			s.client(issuer.Client{ID: clientID, Secrets: []issuer.Secret{{Hash: hashOf("a")}, {Hash: hashOf("b")}}})
			return first(s.session("client:"+clientID, func(x *issuer.Session) { x.SecretHash = hashOf("b") }))
		}, "ok"},
		{"a client's secret that has ended", func(s *signed) string {
			s.client(issuer.Client{ID: clientID, Secrets: []issuer.Secret{{Hash: hashOf("a"), EndsAt: time.Now()}}})
			return first(s.session("client:"+clientID, func(x *issuer.Session) { x.SecretHash = hashOf("a") }))
		}, "token_revoked"},
		{"a client's secret that is gone", func(s *signed) string {
			s.client(issuer.Client{ID: clientID, Secrets: []issuer.Secret{{Hash: hashOf("a")}}})
			return first(s.session("client:"+clientID, func(x *issuer.Session) { x.SecretHash = hashOf("b") }))
		}, "token_revoked"},
		{"a client without secrets, and a session without one", func(s *signed) string {
			s.client(issuer.Client{ID: clientID})
			return first(s.session("client:"+clientID, nil))
		}, "token_revoked"},
		{"a client that is deleted (S0.9)", func(s *signed) string {
			s.client(issuer.Client{ID: clientID, Secrets: []issuer.Secret{{Hash: hashOf("a")}}, DeletedAt: time.Now()})
			return first(s.session("client:"+clientID, func(x *issuer.Session) { x.SecretHash = hashOf("a") }))
		}, "token_revoked"},
		{"a client that is a credential", func(s *signed) string {
			s.client(issuer.Client{ID: clientID, Credential: true, Secrets: []issuer.Secret{{Hash: hashOf("a")}}})
			return first(s.session("client:"+clientID, func(x *issuer.Session) { x.SecretHash = hashOf("a") }))
		}, "token_revoked"},
		{"a client that is not there", func(s *signed) string {
			return first(s.session("client:"+clientID, nil))
		}, "token_revoked"},

		{"a credential", func(s *signed) string {
			s.client(issuer.Client{ID: pair, Credential: true})
			return first(s.session("credential:"+pair, nil))
		}, "ok"},
		{"a credential that is deleted (S0.9)", func(s *signed) string {
			s.client(issuer.Client{ID: pair, Credential: true, DeletedAt: time.Now()})
			return first(s.session("credential:"+pair, nil))
		}, "token_revoked"},
		{"a credential that is a client", func(s *signed) string {
			s.client(issuer.Client{ID: pair})
			return first(s.session("credential:"+pair, nil))
		}, "token_revoked"},
		{"a credential that is not there", func(s *signed) string {
			return first(s.session("credential:"+pair, nil))
		}, "token_revoked"},
		{"a credential that is to replace another (S0.7)", func(s *signed) string {
			s.client(issuer.Client{ID: pair, Credential: true})
			s.client(issuer.Client{ID: nextPair, Credential: true, Replaces: pair})
			return first(s.session("credential:"+nextPair, nil))
		}, "token_revoked"},
		{"a credential that has replaced another (S0.7)", func(s *signed) string {
			s.client(issuer.Client{ID: pair, Credential: true, DeletedAt: time.Now(), ReplacedBy: nextPair})
			s.client(issuer.Client{ID: nextPair, Credential: true, Replaces: pair})
			return first(s.session("credential:"+nextPair, nil))
		}, "ok"},
		{"a credential that lost to another (S0.7)", func(s *signed) string {
			s.client(issuer.Client{ID: pair, Credential: true, DeletedAt: time.Now(), ReplacedBy: "pair-3"})
			s.client(issuer.Client{ID: nextPair, Credential: true, Replaces: pair})
			return first(s.session("credential:"+nextPair, nil))
		}, "token_revoked"},
		{"a credential that replaces what is not there", func(s *signed) string {
			s.client(issuer.Client{ID: nextPair, Credential: true, Replaces: pair})
			return first(s.session("credential:"+nextPair, nil))
		}, "token_revoked"},
	} {
		for _, ttl := range []time.Duration{0, -1} {
			s := newSigned(t)
			s.config.CacheTTL = ttl
			guard := s.tokens(s.issuer())
			text := row.open(s)
			assert.Equal(t, row.want, guard(text), "%s, CacheTTL %v", row.name, ttl)
			assert.Equal(t, row.want, guard(text), "%s, CacheTTL %v, again", row.name, ttl)
		}
	}
}

func first[T, U any](v T, _ U) T { return v }

// keySession stores a key and a session of it, and returns a token.
func (s *signed) keySession(session func(*issuer.Session), key func(*issuer.APIKey)) string {
	s.t.Helper()
	var hash bearer.KeyHash
	_, record := s.key(func(k *issuer.APIKey) {
		hash = k.Secrets[0].Hash
		if key != nil {
			key(k)
		}
	})
	text, _ := s.session("key:"+record.ID, func(x *issuer.Session) {
		x.SecretHash = hash
		if session != nil {
			session(x)
		}
	})
	return text
}

// Where key and session end together, the token has expired (S3.6, S4.9): one that
// ended before is said to be revoked.
func TestTokenExpires(t *testing.T) {
	for _, row := range []struct {
		name string
		open func(s *signed) (string, issuer.Session)
		want string // at the end
	}{
		{"a user's session", func(s *signed) (string, issuer.Session) { return s.session("user:42", nil) }, "token_expired"},
		{"with its key", func(s *signed) (string, issuer.Session) {
			_, key := s.key(func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour) })
			return s.session("key:"+key.ID, func(x *issuer.Session) { x.SecretHash = key.Secrets[0].Hash })
		}, "token_expired"},
		{"within the last second of its key", func(s *signed) (string, issuer.Session) {
			_, key := s.key(func(k *issuer.APIKey) { k.ExpiresAt = time.Now().Add(time.Hour + time.Millisecond) })
			return s.session("key:"+key.ID, func(x *issuer.Session) { x.SecretHash = key.Secrets[0].Hash })
		}, "token_expired"},
		{"a session that ended before", func(s *signed) (string, issuer.Session) {
			text, session := s.session("user:42", nil)
			session.EndedAt = time.Now()
			require.NoError(s.t, s.store.ReplaceSession(s.t.Context(), session))
			return text, session
		}, "token_revoked"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSigned(t)
			guard := s.tokens(s.issuer())
			text, session := row.open(s)
			before := guard(text)
			assert.Equal(t, row.want == "token_expired", before == "ok", row.name)
			time.Sleep(time.Until(session.ExpiresAt) - time.Nanosecond)
			assert.Equal(t, before, guard(text), row.name)
			time.Sleep(time.Nanosecond)
			assert.Equal(t, row.want, guard(text), row.name)
		})
	}
}

// A brokenStore is a MemoryStore whose look-ups fail, or wait, where a test says so.
type brokenStore struct {
	*issuer.MemoryStore
	before, after func(ctx context.Context, call string) error // of a look-up; nil: nothing
}

func (b *brokenStore) hook(ctx context.Context, hook func(context.Context, string) error, call string) error {
	if hook == nil {
		return nil
	}
	return hook(ctx, call)
}

func (b *brokenStore) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	if err := b.hook(ctx, b.before, "KeyByHash"); err != nil {
		return issuer.APIKey{}, err
	}
	key, err := b.MemoryStore.KeyByHash(ctx, hash)
	return key, errors.Join(err, b.hook(ctx, b.after, "KeyByHash"))
}

func (b *brokenStore) GetSession(ctx context.Context, id string) (issuer.Session, error) {
	if err := b.hook(ctx, b.before, "GetSession"); err != nil {
		return issuer.Session{}, err
	}
	session, err := b.MemoryStore.GetSession(ctx, id)
	return session, errors.Join(err, b.hook(ctx, b.after, "GetSession"))
}

func (b *brokenStore) FindClient(ctx context.Context, id string) (issuer.Client, error) {
	if err := b.hook(ctx, b.before, "FindClient "+id); err != nil {
		return issuer.Client{}, err
	}
	return b.MemoryStore.FindClient(ctx, id)
}

// A store that fails is 503, never 401 and never let through; it is asked again as
// soon as it works.
func TestStoreFailsWhileATokenIsJudged(t *testing.T) {
	for _, row := range []struct {
		name, call string
		open       func(s *signed) string
	}{
		{"a session", "GetSession", func(s *signed) string { return first(s.session("user:42", nil)) }},
		{"a key", "KeyByHash", func(s *signed) string { return s.keySession(nil, nil) }},
		{"a client", "FindClient c", func(s *signed) string {
			s.client(issuer.Client{ID: "c", Secrets: []issuer.Secret{{Hash: hashOf("a")}}})
			return first(s.session("client:c", func(x *issuer.Session) { x.SecretHash = hashOf("a") }))
		}},
		{"a credential", "FindClient p", func(s *signed) string {
			s.client(issuer.Client{ID: "p", Credential: true})
			return first(s.session("credential:p", nil))
		}},
		{"a credential that was replaced", "FindClient o", func(s *signed) string {
			s.client(issuer.Client{ID: "o", Credential: true, DeletedAt: time.Now(), ReplacedBy: "p"})
			s.client(issuer.Client{ID: "p", Credential: true, Replaces: "o"})
			return first(s.session("credential:p", nil))
		}},
	} {
		s := newSigned(t)
		fails := true
		s.config.Store = &brokenStore{MemoryStore: s.store, before: func(_ context.Context, call string) error {
			if fails && call == row.call {
				return errors.New("down")
			}
			return nil
		}}
		guard := s.tokens(s.issuer())
		text := row.open(s)
		assert.Equal(t, "store_unavailable", guard(text), row.name)
		fails = false
		assert.Equal(t, "ok", guard(text), row.name)
	}
}

// What guards share, and what they take.
func TestGuardConfigs(t *testing.T) {
	s := newSigned(t)
	s.config.Catalogue = []bearer.Scope{"tokens:read"}
	s.config.CacheTTL = time.Minute
	iss := s.issuer()
	keys, tokens := iss.KeyConfig(), iss.TokenConfig()
	assert.IsType(t, &bearer.KeyCache{}, keys.Keys, "the guard's fast path")
	assert.Nil(t, tokens.Keys)
	assert.Empty(t, keys.JWT)
	for _, c := range []bearer.Config{keys, tokens} {
		assert.Equal(t, []bearer.Scope{"tokens:read"}, c.Catalogue)
		assert.NotNil(t, c.ClientIP)
		assert.NotNil(t, c.ErrorHandler)
		assert.Equal(t, "https://api.example/.well-known/oauth-protected-resource", c.ResourceMetadata)
	}
	key, token := first(s.key(nil)), first(s.session("user:42", nil))
	assert.Equal(t, "ok", s.guard(keys)(key))
	assert.Equal(t, "wrong_credential_type", s.guard(keys)(token), "S4.4")
	assert.Equal(t, "ok", s.guard(tokens)(token))
	assert.Equal(t, "wrong_credential_type", s.guard(tokens)(key), "S4.4")

	s.config.Tokens, s.config.CacheTTL = nil, -1
	iss = s.issuer()
	assert.Empty(t, iss.KeyConfig().ResourceMetadata)
	assert.Equal(t, "ok", s.keys(iss)(key))
	assert.PanicsWithValue(t, "issuer: TokenConfig: Config.Tokens is nil: no JWT is issued", func() { iss.TokenConfig() })

	s = newSigned(t)
	s.config.Tokens.Issuer = "acme"
	assert.Empty(t, s.issuer().KeyConfig().ResourceMetadata, "an iss that is no URL")
	s.config.Tokens.Issuer = "https://api.example/tenant/"
	assert.Equal(t, "https://api.example/tenant/.well-known/oauth-protected-resource", s.issuer().TokenConfig().ResourceMetadata)
}

// A guardStore is the plainest store of keys for a guard.
type guardStore struct{ store issuer.KeyStore }

func (g guardStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := g.store.KeyByHash(ctx, hash)
	return key.GuardKey(hash), err
}
