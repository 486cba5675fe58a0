package bearer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raceEnabled reports whether the tests run under the race detector, which
// allocates by itself and is slow.
var raceEnabled = func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}()

// fewer returns n for a full run, and a part of it with -short or under the
// race detector.
func fewer(n int) int {
	switch {
	case raceEnabled:
		return n / 32
	case testing.Short():
		return n / 8
	}
	return n
}

// update rewrites the golden files instead of comparing with them.
var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// newKey makes a key and its record, which has full access unless change says
// otherwise.
func newKey(kind bearer.Kind, env bearer.Environment, change ...func(*bearer.Key)) (string, bearer.Key) {
	text, hash := bearer.KeyFormat{}.Generate(kind, env)
	key := bearer.Key{
		ID: bearer.KeyFormat{}.Hint(text), Hash: hash, Kind: kind, Environment: env,
		Owner: "acme", Scopes: bearer.FullAccess,
	}
	for _, f := range change {
		f(&key)
	}
	return text, key
}

// scoped sets the scopes of a new key.
func scoped(scopes bearer.Scopes) func(*bearer.Key) {
	return func(k *bearer.Key) { k.Scopes = scopes }
}

// named sets the ID of a new key.
func named(id string) func(*bearer.Key) {
	return func(k *bearer.Key) { k.ID = id }
}

func newGuard(tb testing.TB, config bearer.Config) *bearer.Guard {
	tb.Helper()
	guard, err := bearer.New(config)
	require.NoError(tb, err)
	return guard
}

// request has the credential in its Authorization field, or none if it is "".
func request(method, target, credential string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// get serves a GET request with the credential.
func get(h http.Handler, credential string) *httptest.ResponseRecorder {
	return serve(h, request(http.MethodGet, "/v1/tokens", credential))
}

// pass is the handler behind the guards of these tests.
var pass = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "passed\n")
})

// A discard is a ResponseWriter that drops what is written, at no cost.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// verdict is "passed", or the status and the reason of a refusal.
func verdict(w *httptest.ResponseRecorder) string {
	return verdictOf(w.Code, w.Body.Bytes())
}

func verdictOf(status int, body []byte) string {
	var answer struct {
		Error struct{ Reason string }
	}
	switch {
	case string(body) == "passed\n":
		return "passed"
	case json.Unmarshal(body, &answer) != nil:
		return fmt.Sprint(status)
	}
	return fmt.Sprint(status, " ", answer.Error.Reason)
}

// dump is a whole answer as text, its fields sorted.
func dump(w *httptest.ResponseRecorder) string {
	var b bytes.Buffer
	fmt.Fprintln(&b, w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		for _, value := range w.Header()[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\n%s", w.Body)
	return b.String()
}

// A storeFunc is a KeyStore.
type storeFunc func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error)

func (f storeFunc) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	return f(ctx, hash)
}

var errDatabase = errors.New("dial tcp 10.0.0.7:5432: connection refused")

// counting counts the look-ups of a store.
func counting(store bearer.KeyStore, n *int) bearer.KeyStore {
	return storeFunc(func(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
		*n++
		return store.FindKey(ctx, hash)
	})
}

// A limiterFunc is a Limiter.
type limiterFunc func(b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error)

func (f limiterFunc) Take(_ context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return f(b, n, l)
}

// An authority issues JWTs.
type authority struct{ secret []byte }

func newAuthority() *authority {
	a := &authority{secret: make([]byte, 32)}
	_, _ = rand.Read(a.secret)
	return a
}

// config accepts the authority's tokens.
func (a *authority) config() bearer.JWT {
	return bearer.JWT{
		Issuer: jwtIssuer, Audiences: []string{jwtAudience}, Algorithms: []string{"HS256"}, Keyfunc: jwtKeyfunc(a.secret),
	}
}

// token returns a JWT that is good for an hour, unless claims say otherwise.
func (a *authority) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": jwtIssuer, "aud": jwtAudience, "sub": "user_1",
		"exp": time.Now().Add(time.Hour).Unix(), "scope": "*",
	}
	maps.Copy(all, claims)
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString(a.secret)
	require.NoError(t, err)
	return text
}

// mistyped returns text with its last character changed.
func mistyped(text string) string {
	last := "A"
	if strings.HasSuffix(text, last) {
		last = "B"
	}
	return text[:len(text)-1] + last
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

const (
	jwtIssuer   = "https://issuer.example"
	jwtAudience = "api"
	jwtExp      = "946688400" // an hour after a synctest bubble begins
	jwtPast     = "946684700"
)

// jwtKeys are the keys of the tests. They are made once, since RSA keys take a
// while.
type jwtKeys struct {
	secret           []byte // long enough for HS512
	rsa, weak        *rsa.PrivateKey
	p256, p384, p521 *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
	otherRSA         *rsa.PrivateKey
	otherEd          ed25519.PrivateKey
	otherP256        *ecdsa.PrivateKey
	otherSecret      []byte
}

var jwtTestKeys = sync.OnceValue(func() *jwtKeys {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	k := &jwtKeys{secret: make([]byte, 64), otherSecret: make([]byte, 64)}
	_, _ = rand.Read(k.secret)
	_, _ = rand.Read(k.otherSecret)
	var err error
	for key, bits := range map[**rsa.PrivateKey]int{&k.rsa: 2048, &k.weak: 1024, &k.otherRSA: 2048} {
		*key, err = rsa.GenerateKey(rand.Reader, bits)
		must(err)
	}
	for key, curve := range map[**ecdsa.PrivateKey]elliptic.Curve{
		&k.p256: elliptic.P256(), &k.p384: elliptic.P384(), &k.p521: elliptic.P521(), &k.otherP256: elliptic.P256(),
	} {
		*key, err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	_, k.otherEd, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	return k
})

// jwtMembers are the members of a JSON object as they are to be written, so
// that a test can write what no encoder would.
type jwtMembers []string

// with replaces the member of the same name, or adds it.
func (m jwtMembers) with(members ...string) jwtMembers {
	m = slices.Clone(m)
	for _, member := range members {
		name, _, _ := strings.Cut(member, ":")
		i := slices.IndexFunc(m, func(s string) bool { return strings.HasPrefix(s, name+":") })
		if i < 0 {
			m = append(m, member)
			continue
		}
		m[i] = member
	}
	return m
}

// and adds members, whether or not their names are there.
func (m jwtMembers) and(members ...string) jwtMembers { return append(slices.Clone(m), members...) }

func (m jwtMembers) without(name string) jwtMembers {
	return slices.DeleteFunc(slices.Clone(m), func(s string) bool { return strings.HasPrefix(s, `"`+name+`":`) })
}

func (m jwtMembers) String() string { return "{" + strings.Join(m, ",") + "}" }

var jwtClaims = jwtMembers{
	`"iss":"` + jwtIssuer + `"`, `"aud":"` + jwtAudience + `"`, `"sub":"user_1"`, `"exp":` + jwtExp,
	`"nbf":946684800`, `"iat":946684800`, `"scope":"tokens:read"`, `"jti":"token_1"`,
}

func jwtHeader(alg string) jwtMembers { return jwtMembers{`"alg":"` + alg + `"`, `"typ":"JWT"`} }

func jwtSegment(data string) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }

// jwtSigned returns a token of a header and a payload, written as they are.
func jwtSigned(tb testing.TB, method jwt.SigningMethod, key any, header, payload string) string {
	tb.Helper()
	text := jwtSegment(header) + "." + jwtSegment(payload)
	signature, err := method.Sign(text, key)
	require.NoError(tb, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// jwtMinted returns a token that is signed with the tests' secret.
func jwtMinted(tb testing.TB, claims jwtMembers) string {
	tb.Helper()
	return jwtSigned(tb, jwt.SigningMethodHS256, jwtTestKeys().secret, jwtHeader("HS256").String(), claims.String())
}

func jwtKeyfunc(key any) jwt.Keyfunc {
	return func(*jwt.Token) (any, error) { return key, nil }
}

// jwtKeyfuncOfKid hides a key from New, which asks without a kid.
func jwtKeyfuncOfKid(key any) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if t.Header["kid"] == nil {
			return nil, bearer.ErrKeyNotFound
		}
		return key, nil
	}
}

// jwtConfig takes HS256 and the tests' secret.
func jwtConfig() bearer.JWT {
	return bearer.JWT{
		Issuer: jwtIssuer, Audiences: []string{jwtAudience}, Algorithms: []string{"HS256"}, Keyfunc: jwtKeyfunc(jwtTestKeys().secret),
	}
}

func jwtGuard(tb testing.TB, config bearer.JWT) *bearer.Guard {
	tb.Helper()
	return newGuard(tb, bearer.Config{JWT: []bearer.JWT{config}})
}

// jwtServe returns the answer of a guard's handler.
func jwtServe(guard *bearer.Guard, text string) *httptest.ResponseRecorder {
	return get(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, bearer.FromContext(r.Context()).ID)
	})), text)
}

// jwtAnswer is what a client is told, such as "401 unauthorized invalid_token".
func jwtAnswer(w *httptest.ResponseRecorder) string {
	var body struct {
		Error struct{ Code, Reason string }
	}
	if w.Code == http.StatusOK || json.Unmarshal(w.Body.Bytes(), &body) != nil {
		return fmt.Sprint(w.Code)
	}
	return fmt.Sprint(w.Code, " ", body.Error.Code, " ", body.Error.Reason)
}

const (
	jwtGood    = "200"
	jwtBad     = "401 unauthorized invalid_token"
	jwtExpired = "401 token_expired " + "token_expired"
	jwtLimited = "429 rate_limit_exceeded " + "rate_limit_exceeded"
	jwtRevoked = "401 unauthorized token_revoked"
	jwtNoStore = "503 service_unavailable store_unavailable"
	jwtNoKeys  = "503 service_unavailable keys_unavailable"
)

// jwtLeaks are texts that a client must not see: golang-jwt's, and causes.
var jwtLeaks = []string{
	"signature", "malformed", "unverifiable", "claim", "algorithm", "segment", "panic", "golang", "key is", "illegal base64",
	"used before", "not valid yet", "issuer", "audience",
}

func assertJWTRefusal(t *testing.T, want string, w *httptest.ResponseRecorder, text string) {
	t.Helper()
	assert.Equal(t, want, jwtAnswer(w))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.True(t, strings.HasPrefix(w.Header().Get("WWW-Authenticate"), `Bearer realm="api", error="invalid_token"`))
	body := strings.ToLower(w.Body.String())
	for _, leak := range jwtLeaks {
		assert.NotContains(t, body, leak)
	}
	for piece := range strings.SplitSeq(text, ".") {
		if len(piece) >= 8 {
			assert.NotContains(t, w.Body.String(), piece)
			assert.NotContains(t, fmt.Sprint(w.Header()), piece)
		}
	}
}

func jwtPublic(key crypto.Signer) any { return key.Public() }
