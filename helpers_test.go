package bearer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// update rewrites the golden files instead of comparing with them.
var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// newKey makes a key and its record: full access, but for what change changes.
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

// scoped is a change for newKey.
func scoped(scopes bearer.Scopes) func(*bearer.Key) {
	return func(k *bearer.Key) { k.Scopes = scopes }
}

// named is a change for newKey.
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

// pass is what the guards of these tests guard.
var pass = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "passed\n")
})

// A discard is a ResponseWriter without a cost of its own.
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

// config says that the authority's tokens are good.
func (a *authority) config() *bearer.JWT {
	return &bearer.JWT{
		Issuer: "https://issuer.example", Audience: "api", Algorithms: []string{"HS256"},
		Keyfunc: func(*jwt.Token) (any, error) { return a.secret, nil },
	}
}

// token returns a JWT for an hour. Claims of the argument replace its own.
func (a *authority) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "api", "sub": "user_1",
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
