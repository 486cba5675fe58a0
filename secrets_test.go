package bearer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spellings are the ways in which fmt, JSON, hex and base64 would show a
// secret, or the beginning of it.
func spellings(secret []byte) []string {
	numbers := strings.Fields(strings.Trim(fmt.Sprint(secret[:4]), "[]"))
	syntax := strings.TrimPrefix(fmt.Sprintf("%#v", secret[:4]), "[]byte{")
	return []string{
		string(secret), fmt.Sprintf("%q", secret),
		strings.Join(numbers, " "), strings.Join(numbers, ","), strings.Join(numbers, ", "), strings.TrimSuffix(syntax, "}"),
		hex.EncodeToString(secret[:8]), strings.ToUpper(hex.EncodeToString(secret[:8])),
		base64.RawStdEncoding.EncodeToString(secret)[:8], base64.RawURLEncoding.EncodeToString(secret)[:8],
	}
}

// show writes v in all the ways in which it may end up in a log.
func show(w io.Writer, v any) {
	for _, h := range []slog.Handler{slog.NewTextHandler(w, nil), slog.NewJSONHandler(w, nil)} {
		slog.New(h).Info("all", "v", v, slog.Group("g", "v", v))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, form := range []any{v, []any{v}, struct{ V any }{v}} {
			fmt.Fprintf(w, verb+"\n", form)
		}
	}
	text, err := json.Marshal(v) // a Config has functions: it cannot be encoded
	fmt.Fprintln(w, string(text), err)
}

// assertAbsent asserts that a log does not hold a secret.
func assertAbsent(t *testing.T, log, secret string) {
	t.Helper()
	if i := strings.Index(log, secret); i >= 0 {
		assert.Fail(t, "shown", "%q in …%q…", secret, log[max(i-80, 0):min(i+len(secret)+40, len(log))])
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	a := newAuthority()
	pepper := bytes.Repeat([]byte("PePpEr!_"), 4)
	format := bearer.KeyFormat{Pepper: pepper}
	text, hash := format.Generate(bearer.SecretKey, bearer.Live)
	key := bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: bearer.FullAccess}
	store := bearer.NewMemoryStore(key)
	config := bearer.Config{Keys: store, JWT: a.config(), Format: format}
	config.JWT.Cache = 10
	guard := newGuard(t, config)
	token := a.token(t, nil)

	var contexts []context.Context
	h := guard.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { contexts = append(contexts, r.Context()) }))
	get(h, text)
	get(h, token)
	require.Len(t, contexts, 2)
	byKey, err := guard.Check(request(http.MethodGet, "/", text))
	require.NoError(t, err)
	byToken, err := guard.Check(request(http.MethodGet, "/", token))
	require.NoError(t, err)
	_, unknown := guard.Check(request(http.MethodGet, "/", mistyped(text)))
	require.Error(t, unknown)
	_, invalid := guard.Check(request(http.MethodGet, "/", mistyped(token)))
	require.Error(t, invalid)
	_, malformed := guard.Check(request(http.MethodGet, "/", text+","))
	require.Error(t, malformed)

	secrets := slices.Concat(spellings(pepper), spellings(hash[:]), spellings(a.secret),
		[]string{text[len("sk_live_")+8:], token[strings.LastIndexByte(token, '.')+1:]})
	for _, row := range []struct {
		name string
		v    any
	}{
		{"Key", key},
		{"*Key", &key},
		{"KeyHash", hash},
		{"*KeyHash", &hash},
		{"KeyFormat", format},
		{"*KeyFormat", &format},
		{"Config", config},
		{"*Config", &config},
		{"*Guard", guard},
		{"Guard", *guard},
		{"*MemoryStore", store},
		{"*Principal of a key", byKey},
		{"Principal of a key", *byKey},
		{"*Principal of a JWT", byToken},
		{"Principal of a JWT", *byToken},
		{"context of a key", contexts[0]},
		{"context of a JWT", contexts[1]},
		{"context of a context", context.WithValue(contexts[0], secretsKey{}, 1)},
		{"Error: mistyped key", unknown},
		{"Error: mistyped JWT", invalid},
		{"Error: malformed", malformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			var shown strings.Builder
			show(&shown, row.v)
			for _, secret := range secrets {
				assertAbsent(t, shown.String(), secret)
			}
		})
	}
}

// What is not secret is there to be logged.
func TestLogValues(t *testing.T) {
	_, key := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	key.ID = "key_1"
	p := &bearer.Principal{
		ID: "key_1", Owner: "acme", Kind: bearer.PublishableKey, Environment: bearer.Test, ReadOnly: true, Scopes: "tokens:read", Key: &key,
	}
	for _, row := range []struct {
		name string
		v    any
		want string
		log  string
	}{
		{"Key", key, `key "key_1" (secret, live)`, `{"id":"key_1","kind":"secret","environment":"live","owner":"acme","scopes":"tokens:read"}`},
		{"KeyHash", key.Hash, `[redacted]`, `"[redacted]"`},
		{"KeyFormat", bearer.KeyFormat{Namespace: "acme", Foreign: true}, `key format (namespace "acme", pepper false, foreign true)`, `"key format (namespace \"acme\", pepper false, foreign true)"`},
		{"Principal", p, `publishable "key_1"`, `{"id":"key_1","owner":"acme","kind":"publishable","environment":"test","read_only":true,"scopes":"tokens:read"}`},
		{"nobody", (*bearer.Principal)(nil), `nobody`, `"nobody"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, fmt.Sprint(row.v))
			assert.Equal(t, row.want, fmt.Sprintf("%+v", row.v))
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", row.v)
			assert.Contains(t, b.String(), `"v":`+row.log+"}")
		})
	}
}

// A cache that is printed while it looks a key up shows no hash.
func TestKeyCachePrintsNoHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := cacheSource{release: make(chan struct{})}
		hash := source.add(t, 1, nil)
		cache := bearer.CachedStore(&source, bearer.CacheConfig{})
		go func() { _, _ = cache.FindKey(t.Context(), hash) }()
		synctest.Wait()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			assert.Equal(t, "bearer.KeyCache", fmt.Sprintf(verb, cache), verb)
		}
		close(source.release)
	})
}

type secretsKey struct{}
