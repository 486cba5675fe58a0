package bearer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKindString(t *testing.T) {
	for kind, want := range map[bearer.Kind]string{
		0: "Kind(0)", bearer.SecretKey: "secret", bearer.PublishableKey: "publishable", bearer.Token: "token", 4: "Kind(4)", -1: "Kind(-1)",
	} {
		assert.Equal(t, want, kind.String())
	}
}

func TestEnvironmentString(t *testing.T) {
	for env, want := range map[bearer.Environment]string{
		0: "", bearer.Test: "test", bearer.Live: "live", 3: "Environment(3)", -1: "Environment(-1)",
	} {
		assert.Equal(t, want, env.String())
	}
}

func TestKeyString(t *testing.T) {
	key := bearer.Key{ID: "key_\n1", Hash: bearer.KeyFormat{}.Hash("x"), Kind: bearer.PublishableKey, Environment: bearer.Live}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, `key "key_\n1" (publishable, live)`, fmt.Sprintf(verb, key), verb)
		assert.Equal(t, `key "key_\n1" (publishable, live)`, fmt.Sprintf(verb, &key), verb)
	}
}

// A key's JSON is the whole record, and comes back as it was.
func TestKeyJSON(t *testing.T) {
	at := time.Date(2026, 11, 30, 1, 2, 3, 4, time.UTC)
	full := bearer.Key{
		ID: "key_1", Hash: bearer.KeyFormat{}.Hash("x"), Kind: bearer.PublishableKey, Environment: bearer.Live,
		Owner: "a < \"b\" é", Scopes: "tokens:read wallets:*", AllowedIPs: prefixes("192.0.2.0/24", "2001:db8::/32"),
		AllowedOrigins: []string{"https://app.example", "null"}, Limit: bearer.PerMinute(600),
		ExpiresAt: at.Add(time.Hour), EndsAt: at.Add(time.Minute), RevokedAt: at, Data: "pro",
	}
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
	}{
		{"every field", func(*bearer.Key) {}},
		{"the zero key", func(k *bearer.Key) { *k = bearer.Key{} }},
		{"without a limit", func(k *bearer.Key) { k.Limit = bearer.Unlimited }},
		{"a limit that lets nothing through", func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }},
		{"a rate that is no decimal", func(k *bearer.Key) { k.Limit = bearer.PerMinute(7) }},
		{"restricted to no address", func(k *bearer.Key) { k.AllowedIPs = make([]netip.Prefix, 1) }},
		{"data of its own", func(k *bearer.Key) { k.Data = map[string]any{"plan": "pro", "seats": 3.0} }},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := full
			row.change(&want)
			text, err := json.Marshal(want)
			require.NoError(t, err)
			assert.Contains(t, string(text), `"Hash":"`+want.Hash.String()+`"`)
			var got bearer.Key
			require.NoError(t, json.Unmarshal(text, &got))
			assert.Equal(t, want, got)
		})
	}
}

// A handler that sends its principal to the client sends no hash, and nothing of
// what the application keeps with the key.
func TestPrincipalJSONHasNoKey(t *testing.T) {
	key := bearer.Key{ID: "key_1", Hash: bearer.KeyFormat{}.Hash("x"), Data: "internal"}
	text, err := json.Marshal(&bearer.Principal{ID: "key_1", Scopes: "tokens:read", Key: &key})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"Scopes":"tokens:read"`)
	assertAbsent(t, string(text), key.Hash.String())
	assertAbsent(t, string(text), "internal")
}

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

// noTime makes equal records equal texts.
var noTime = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// show writes v in all the ways in which it may end up in a log. The JSON of a key
// is not among them: it is the whole record.
func show(w io.Writer, v any) {
	for _, h := range []slog.Handler{slog.NewTextHandler(w, noTime), slog.NewJSONHandler(w, noTime)} {
		slog.New(h).Info("all", "v", v, slog.Group("g", "v", v))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, form := range []any{v, []any{v}, struct{ V any }{v}} {
			fmt.Fprintf(w, verb+"\n", form)
		}
	}
	switch v.(type) {
	case bearer.Key, *bearer.Key:
	default:
		text, err := json.Marshal(v) // a Config has functions: it cannot be encoded
		fmt.Fprintln(w, string(text), err)
	}
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
	key.Data = map[string]string{"plan": "plan-of-the-application"}
	store := bearer.NewMemoryStore(key)
	cache := bearer.CachedStore(store, bearer.CacheConfig{})
	_, err := cache.FindKey(t.Context(), hash)
	require.NoError(t, err)
	config := bearer.Config{Keys: store, JWT: []bearer.JWT{a.config()}, Format: format}
	config.JWT[0].Cache = 10
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
		[]string{"plan-of", text[len("sk_live_")+8:], token[strings.LastIndexByte(token, '.')+1:]})
	for _, row := range []struct {
		name string
		v    any
	}{
		{"Key", key},
		{"*Key", &key},
		{"KeyFormat", format},
		{"*KeyFormat", &format},
		{"Config", config},
		{"*Config", &config},
		{"*Guard", guard},
		{"Guard", *guard},
		{"*MemoryStore", store},
		{"*KeyCache", cache},
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

// What is not secret is shown in logs.
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

type secretsKey struct{}

// A logRecorder holds all that the guards of a test logged, in every form that
// an application might choose. It holds no record twice, so that it can be
// searched quickly.
type logRecorder struct {
	records    strings.Builder
	seen       map[string]bool
	text, json *slog.Logger
}

func newLogRecorder() *logRecorder {
	l := &logRecorder{seen: make(map[string]bool)}
	l.text = slog.New(slog.NewTextHandler(l, noTime))
	l.json = slog.New(slog.NewJSONHandler(l, noTime))
	return l
}

func (l *logRecorder) Write(record []byte) (int, error) {
	if !l.seen[string(record)] {
		l.seen[string(record)] = true
		l.records.Write(record)
	}
	return len(record), nil
}

// observe is a Config.Observe that logs all it sees.
func (l *logRecorder) observe(r *http.Request, p *bearer.Principal, err *bearer.Error) {
	l.text.Info("decision", "method", r.Method, "principal", p, "error", err)
	l.json.Info("decision", "method", r.Method, "principal", p, "error", err)
	show(l, p)
	if p != nil && p.Key != nil {
		show(l, p.Key)
		show(l, *p.Key)
		l.text.Info("hash", "hash", p.Key.Hash)
		l.json.Info("hash", "hash", &p.Key.Hash)
	}
	if err != nil {
		show(l, err)
		show(l, errors.Unwrap(err))
		fmt.Fprintln(l, err.Error(), err.Message())
	}
}

// A loggedGuard is a guard of which everything is logged, and its secrets.
type loggedGuard struct {
	log     *logRecorder
	config  bearer.Config
	keys    map[string]bearer.Key // by text
	secrets [][]byte              // as bytes
	texts   []string              // as sent
}

func newLoggedGuard(format bearer.KeyFormat) *loggedGuard {
	g := &loggedGuard{log: newLogRecorder(), keys: make(map[string]bearer.Key)}
	store := new(bearer.MemoryStore)
	for name, change := range map[string]func(*bearer.Key){
		"good":    func(*bearer.Key) {},
		"revoked": func(k *bearer.Key) { k.RevokedAt = time.Now() },
		"ended":   func(k *bearer.Key) { k.EndsAt = time.Now() },
		"expired": func(k *bearer.Key) { k.ExpiresAt = time.Now() },
		"limited": func(k *bearer.Key) { k.Limit = bearer.Limit{Rate: 1e-9, Burst: 1} },
	} {
		text, hash := format.Generate(bearer.SecretKey, bearer.Live)
		key := bearer.Key{ID: "key_" + name, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "tokens:read"}
		change(&key)
		g.keys[text] = key
		_ = store.Add(key)
		_ = store.Add(key) // its error is logged below
		show(g.log, store.Add(key))
		show(g.log, store)
	}
	unknown, hash := format.Generate(bearer.PublishableKey, bearer.Test)
	g.keys[unknown] = bearer.Key{Hash: hash}
	show(g.log, store.Update(g.keys[unknown]))
	g.config = bearer.Config{Keys: store, JWT: []bearer.JWT{jwtConfig()}, Format: format, Observe: g.log.observe}
	g.secrets = append(g.secrets, jwtTestKeys().secret)
	if format.Pepper != nil {
		g.secrets = append(g.secrets, format.Pepper)
	}
	for text, key := range g.keys {
		g.secrets = append(g.secrets, key.Hash[:])
		g.texts = append(g.texts, text, text[:len(text)-1]+"-", "Basic "+text, text+" "+text)
	}
	return g
}

// tokens adds JWTs of all kinds.
func (g *loggedGuard) tokens(t *testing.T) {
	t.Helper()
	claims := jwtClaims.with(`"iat":0`, `"nbf":0`, `"exp":253402300799`)
	for i, fault := range jwtFaults() {
		if i%8 != 0 {
			continue // all of them would take long
		}
		payload := strings.ReplaceAll(fault.payload, jwtExp, "253402300799")
		g.texts = append(g.texts, jwtSigned(t, jwt.SigningMethodHS256, jwtTestKeys().secret, fault.header, payload))
	}
	for _, member := range []string{`"x":1`, `"exp":1`, `"sub":"revoked"`, `"sub":"outage"`, `"sub":"panic"`} {
		g.texts = append(g.texts, jwtMinted(t, claims.with(member)))
	}
	g.config.JWT[0].Cache = 10
	g.config.JWT[0].Session = func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
		switch p.ID {
		case "outage":
			return bearer.Session{}, errors.New("connection refused")
		case "panic":
			panic("nil map")
		}
		return bearer.Session{Ended: p.ID == "revoked"}, nil
	}
}

// serve sends every text to a guard, in a handler that logs its context.
func (g *loggedGuard) serve(t *testing.T, config bearer.Config) {
	t.Helper()
	guard := newGuard(t, config)
	show(g.log, guard)
	show(g.log, *guard)
	show(g.log, config)
	show(g.log, &config)
	show(g.log, config.Format)
	show(g.log, &config.Format)
	h := guard.Handler(guard.Require("tokens:read")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), g, g.log.text))
		defer cancel()
		show(g.log, r.Context())
		show(g.log, ctx)
		show(g.log, bearer.FromContext(ctx))
	})))
	for _, text := range g.texts {
		for _, method := range []string{http.MethodGet, http.MethodPost} { // the second may come from the cache, or be limited
			r := request(method, "/v1/tokens", text)
			w := serve(h, r)
			fmt.Fprintln(g.log, w.Body, w.Header())
			_, err := guard.Check(r, "wallets:write")
			show(g.log, err)
		}
		show(g.log, config.Format.Hint(text))
	}
}

// No log, error, answer or print has a key, a token, a hash, a secret or an
// Authorization value in it.
func TestLogsHoldNoSecret(t *testing.T) {
	for _, row := range []struct {
		name   string
		format bearer.KeyFormat
	}{
		{"SHA-256", bearer.KeyFormat{}},
		{"pepper and namespace", bearer.KeyFormat{Namespace: "acme", Pepper: keysPepper()}},
		{"foreign keys", bearer.KeyFormat{Foreign: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := newLoggedGuard(row.format)
			g.tokens(t)
			g.serve(t, g.config)
			for _, change := range []func(*bearer.Config){
				func(c *bearer.Config) {
					c.Keys = storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, errDatabase })
				},
				func(c *bearer.Config) { c.Keys = nil },
				func(c *bearer.Config) { c.JWT = nil },
				func(c *bearer.Config) { c.FailureLimit = bearer.Limit{Rate: 1e-9, Burst: 3} },
				func(c *bearer.Config) { c.Environment = bearer.Test },
			} {
				config := g.config
				change(&config)
				g.serve(t, config)
			}
			g.assertClean(t)
		})
	}
}

func (g *loggedGuard) assertClean(t *testing.T) {
	t.Helper()
	log := g.log.records.String()
	for _, reason := range []string{ // the log has something to search
		"invalid_api_key", "key_revoked", "key_expired", "rate_limit_exceeded", "store_unavailable", "connection refused", "nil map",
		"invalid_token", "token_expired", "token_revoked", "malformed_credentials", "wrong_credential_type", "scope_insufficient",
		"environment_mismatch", "secret", "user_1", "key_good", "method=GET", `"method":"POST"`, "[redacted]", "bearer.Guard",
	} {
		assert.Contains(t, log, reason)
	}
	for _, secret := range g.secrets {
		for _, form := range spellings(secret) {
			assertAbsent(t, log, form)
		}
	}
	for _, text := range g.texts {
		assertAbsent(t, log, text)
		for piece := range strings.SplitSeq(text, ".") {
			if len(piece) >= 16 {
				assertAbsent(t, log, piece)
				assertAbsent(t, log, hex.EncodeToString([]byte(piece[len(piece)-16:])))
			}
		}
	}
	for text := range g.keys { // the part behind the public id
		assertAbsent(t, log, text[len(text)-30:len(text)-6])
		assertAbsent(t, log, text[len(text)-12:])
	}
	for _, field := range []string{"Bearer sk", "Bearer pk", "Bearer acme", "Bearer ey", "Bearer Basic"} {
		assertAbsent(t, log, field)
	}
}
