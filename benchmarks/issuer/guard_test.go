package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/stretchr/testify/require"
)

// A keySite is an issuer with keys, each of which has logged in once.
type keySite struct {
	made         *issuer.Issuer
	store        *issuer.MemoryStore
	hashes       []bearer.KeyHash
	keys, tokens []string // what is sent as Authorization
	users        []string // the same, of tokens of users
}

func newKeySite(tb testing.TB, n int) *keySite {
	tb.Helper()
	s := &keySite{store: issuer.NewMemoryStore()}
	made, err := issuer.New(issuer.Config{
		Store: s.store,
		Tokens: &issuer.Tokens{
			Issuer: iss, Audience: aud,
			SigningKeys: []issuer.SigningKey{{ID: "1", Algorithm: "HS256", Key: newSigningKey()}},
		},
		Rules: issuer.KeyRules{MaxKeys: n},
	})
	require.NoError(tb, err)
	s.made = made
	login := newSender(made.Route("POST /auth/login"), "/auth/login", jsonMedia)
	for i := range n {
		text, hash := createKey(tb, made, owner(i/10))
		require.Equal(tb, http.StatusOK, login.send("", `{"api_key":"`+text+`","session_id":"1"}`))
		var grant struct {
			Token string `json:"access_token"`
		}
		require.NoError(tb, json.Unmarshal(login.answer.body, &grant))
		s.hashes = append(s.hashes, hash)
		s.keys, s.tokens = append(s.keys, "Bearer "+text), append(s.tokens, "Bearer "+grant.Token)
		user, err := made.StartSession(tb.Context(), issuer.User{ID: owner(i), Owner: "acme", Scopes: scope}, "")
		require.NoError(tb, err)
		s.users = append(s.users, "Bearer "+user.AccessToken)
	}
	return s
}

// uncached are the keys of a store as an application would show them to a guard
// itself.
type uncached struct{ store issuer.KeyStore }

func (u uncached) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := u.store.KeyByHash(ctx, hash)
	if err != nil {
		return nil, err
	}
	found := key.GuardKey(hash)
	if found == nil {
		return nil, bearer.ErrKeyNotFound
	}
	return found, nil
}

// A door is one guard, and what is sent to it.
type door struct {
	name   string
	config func(*keySite) bearer.Config
	fields func(*keySite) []string
}

func keysOf(s *keySite) []string   { return s.keys }
func tokensOf(s *keySite) []string { return s.tokens }
func usersOf(s *keySite) []string  { return s.users }

var doors = []door{
	{"cachedstore", func(s *keySite) bearer.Config {
		c := s.made.KeyConfig()
		c.Keys = bearer.CachedStore(uncached{s.store}, bearer.CacheConfig{})
		return c
	}, keysOf},
	{"keyconfig", func(s *keySite) bearer.Config { return s.made.KeyConfig() }, keysOf},
	{"tokenconfig-user", func(s *keySite) bearer.Config { return s.made.TokenConfig() }, usersOf},
	{"tokenconfig-key", func(s *keySite) bearer.Config { return s.made.TokenConfig() }, tokensOf},
	{"tokenconfig-nosession", func(s *keySite) bearer.Config {
		c := s.made.TokenConfig()
		c.JWT[0].Session = nil
		return c
	}, tokensOf},
}

// handler returns a route behind the door, which takes from a bucket and writes
// its fields too.
func (d door) handler(tb testing.TB, s *keySite) http.Handler {
	tb.Helper()
	c := d.config(s)
	c.Limit = bearer.Limit{Rate: 1e9, Burst: 1e9}
	guard, err := bearer.New(c)
	require.NoError(tb, err)
	return guard.Require(scope)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if bearer.FromContext(r.Context()) == nil {
			panic("nobody")
		}
	}))
}

func (d door) turns(tb testing.TB, s *keySite) func() turn {
	tb.Helper()
	h, fields := d.handler(tb, s), d.fields(s)
	knock := func() turn {
		w := &answer{header: make(http.Header)}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/tokens", nil)
		field := []string{""}
		r.Header["Authorization"] = field
		return func(i int) int {
			clear(w.header)
			w.status, field[0] = http.StatusOK, fields[i%len(fields)]
			h.ServeHTTP(w, r)
			return w.status
		}
	}
	warm(tb, knock(), len(fields))
	return knock
}

// BenchmarkGuard is a request to a route behind the guards of an issuer, and
// behind one with the keys in a CachedStore.
func BenchmarkGuard(b *testing.B) {
	for _, n := range []int{1, min(10_000, *mostRecords)} {
		s := newKeySite(b, n)
		for _, d := range doors {
			measure(b, fmt.Sprintf("keys=%d/", n), d.name, func(tb testing.TB) func() turn {
				tb.Helper()
				return d.turns(tb, s)
			})
		}
	}
}

// BenchmarkLookup is the look-up of a key alone.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, min(10_000, *mostRecords)} {
		s := newKeySite(b, n)
		for _, d := range doors[:2] { // those for keys
			keys := d.config(s).Keys
			measure(b, fmt.Sprintf("keys=%d/", n), d.name, func(tb testing.TB) func() turn {
				tb.Helper()
				return s.lookups(tb, keys)
			})
		}
	}
}

func (s *keySite) lookups(tb testing.TB, keys bearer.KeyStore) func() turn {
	tb.Helper()
	ctx := context.Background()
	next := func(i int) int {
		if key, err := keys.FindKey(ctx, s.hashes[i%len(s.hashes)]); key == nil || err != nil {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	warm(tb, next, len(s.hashes))
	return func() turn { return next }
}

// warm makes n turns, so that all of them are remembered.
func warm(tb testing.TB, next turn, n int) {
	tb.Helper()
	for i := range n {
		require.Equal(tb, http.StatusOK, next(i))
	}
}
