package bearer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// generous is a limit that no benchmark reaches, with fields all the same.
var generous = bearer.Limit{Rate: 1e6, Burst: 1 << 30}

func benchGuard(b *testing.B, config bearer.Config) http.Handler {
	b.Helper()
	if config.Limit == (bearer.Limit{}) {
		config.Limit = generous
	}
	return newGuard(b, config).Require("tokens:read")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if bearer.FromContext(r.Context()) == nil {
			panic("no principal")
		}
	}))
}

func benchKeys(n int) (*bearer.MemoryStore, []string) {
	store := bearer.NewMemoryStore()
	texts := make([]string, n)
	for i := range texts {
		text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
		texts[i] = text
		_ = store.Add(bearer.Key{
			ID: "key_" + strconv.Itoa(i), Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
			Owner: "acme", Scopes: "tokens:read tokens:write",
		})
	}
	return store, texts
}

// serveAll serves requests with the credentials in turn, beginning at start, or
// without one if there are none.
func serveAll(next func() bool, h http.Handler, credentials []string, start int) {
	w := &discard{header: make(http.Header)}
	r := request(http.MethodGet, "/v1/tokens", "-")
	if len(credentials) == 0 {
		r.Header.Del("Authorization")
	}
	for i := start; next(); i++ {
		if len(credentials) > 0 {
			r.Header["Authorization"][0] = credentials[i%len(credentials)]
		}
		clear(w.header) // each answer has its own
		h.ServeHTTP(w, r)
	}
}

// BenchmarkKey is the whole guard on the key path: parse, look up, limit, one
// scope, context and two header fields.
func BenchmarkKey(b *testing.B) {
	for _, n := range []int{1, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			store, texts := benchKeys(n)
			h := benchGuard(b, bearer.Config{Keys: store})
			for i, text := range texts {
				texts[i] = "Bearer " + text
			}
			b.Run("serial", func(b *testing.B) {
				b.ReportAllocs()
				serveAll(b.Loop, h, texts, 0)
			})
			b.Run("parallel", func(b *testing.B) {
				var start atomic.Int64
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					serveAll(pb.Next, h, texts, int(start.Add(1))*7919)
				})
			})
		})
	}
}

// BenchmarkJWT is the whole guard with tokens that are verified anew, or
// remembered.
func BenchmarkJWT(b *testing.B) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(b, err)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	public := func(s crypto.Signer) any { return s.Public() }
	for _, row := range []struct {
		alg          string
		sign, verify any
	}{
		{"HS256", secret, secret},
		{"ES256", ec, public(ec)},
		{"EdDSA", ed, public(ed)},
	} {
		claims := jwt.MapClaims{
			"iss": "https://issuer.example", "aud": "api", "sub": "user_1", "scope": "tokens:read",
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "jti": "1",
		}
		text, err := jwt.NewWithClaims(jwt.GetSigningMethod(row.alg), claims).SignedString(row.sign)
		require.NoError(b, err)
		keyfunc := func(*jwt.Token) (any, error) { return row.verify, nil }
		config := bearer.JWT{
			Issuer: "https://issuer.example", Audiences: []string{"api"}, Algorithms: []string{row.alg}, Keyfunc: keyfunc,
		}
		b.Run(row.alg+"/golang-jwt", func(b *testing.B) {
			parser := jwt.NewParser(jwt.WithValidMethods(config.Algorithms), jwt.WithIssuer(config.Issuer),
				jwt.WithAudience(config.Audiences[0]), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parser.Parse(text, keyfunc); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, cache := range []int{0, 1000} {
			config.Cache = cache
			h := benchGuard(b, bearer.Config{JWT: []bearer.JWT{config}})
			b.Run(fmt.Sprintf("%s/cache=%d", row.alg, cache), func(b *testing.B) {
				b.ReportAllocs()
				serveAll(b.Loop, h, []string{"Bearer " + text}, 0)
			})
		}
	}
}

// BenchmarkRefusal is what requests cost that are refused.
func BenchmarkRefusal(b *testing.B) {
	store, texts := benchKeys(1)
	good := texts[0]
	unknown, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	open := benchGuard(b, bearer.Config{Keys: store})
	limited := benchGuard(b, bearer.Config{Keys: store, Limit: bearer.Limit{Rate: 1e-3, Burst: 1}})
	limited.ServeHTTP(&discard{header: make(http.Header)}, request(http.MethodGet, "/v1/tokens", good))
	scope := newGuard(b, bearer.Config{Keys: store, Limit: generous}).Require("wallets:read")(http.NotFoundHandler())
	for _, row := range []struct {
		name    string
		handler http.Handler
		fields  []string
	}{
		{"missing", open, nil},
		{"malformed", open, []string{"Bearer a b"}},
		{"mistyped", open, []string{"Bearer " + mistyped(good)}},
		{"unknown", open, []string{"Bearer " + unknown}},
		{"scope", scope, []string{"Bearer " + good}},
		{"limited", limited, []string{"Bearer " + good}},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			serveAll(b.Loop, row.handler, row.fields, 0)
		})
	}
}

// BenchmarkFloor is the parts of the key path that no design can avoid. The
// key path is to be compared with "all": their sum as they are usually written.
// "lean" is their sum without the conversion of the text and with fields that
// share an allocation, as the guard has it.
func BenchmarkFloor(b *testing.B) {
	_, texts := benchKeys(1)
	text, raw := texts[0], []byte(texts[0])
	hash := sha256.Sum256(raw)
	keys := map[[32]byte]*bearer.Key{hash: {}}
	r := request(http.MethodGet, "/v1/tokens", text)
	w := &discard{header: make(http.Header)}
	type key struct{}
	digest := func() { hash = sha256.Sum256([]byte(text)) }
	digestRaw := func() { hash = sha256.Sum256(raw) }
	clock := func() { _ = time.Now() }
	lookUp := func() {
		if keys[hash] == nil {
			b.Fatal("not found")
		}
	}
	var attached *http.Request
	attach := func() { attached = r.WithContext(context.WithValue(r.Context(), key{}, w)) }
	defer func() { runtime.KeepAlive(attached) }()
	var n int
	left := func() string { n++; return `"default";r=` + strconv.Itoa(n%100) + `;t=1` }
	fields := func() {
		w.header.Set("Ratelimit-Policy", `"default";q=100;w=1`)
		w.header.Set("Ratelimit", left())
	}
	fieldsLean := func() {
		values := []string{`"default";q=100;w=1`, left()}
		w.header["Ratelimit-Policy"], w.header["Ratelimit"] = values[:1:1], values[1:]
	}
	for _, row := range []struct {
		name  string
		parts []func()
	}{
		{"sha256", []func(){digest}},
		{"now", []func(){clock}},
		{"map", []func(){lookUp}},
		{"context", []func(){attach}},
		{"fields", []func(){fields}},
		{"all", []func(){digest, clock, lookUp, attach, fields}},
		{"lean", []func(){digestRaw, clock, lookUp, attach, fieldsLean}},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				for _, part := range row.parts {
					part()
				}
			}
		})
	}
}

// BenchmarkChecksum is why keys are parsed without converting their text to
// bytes: "parse" is the form and the checksum, "convert" the conversion alone.
func BenchmarkChecksum(b *testing.B) {
	_, texts := benchKeys(1)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := (bearer.KeyFormat{}).Parse(texts[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	var converted []byte
	b.Run("convert", func(b *testing.B) {
		for b.Loop() {
			converted = []byte(texts[0])
		}
	})
	runtime.KeepAlive(converted)
}

// A shardedRate is rate.Limiter in the way that it is used for many callers.
type shardedRate struct {
	shards [64]struct {
		mu sync.Mutex
		m  map[string]*rate.Limiter
	}
}

func (s *shardedRate) take(id string, l bearer.Limit) (bool, float64) {
	sum := uint(0)
	for i := range len(id) {
		sum = sum*31 + uint(id[i])
	}
	shard := &s.shards[sum%64]
	shard.mu.Lock()
	limiter := shard.m[id]
	if limiter == nil {
		if shard.m == nil {
			shard.m = make(map[string]*rate.Limiter)
		}
		limiter = rate.NewLimiter(l.Rate, l.Burst)
		shard.m[id] = limiter
	}
	shard.mu.Unlock()
	now := time.Now()
	return limiter.AllowN(now, 1), limiter.TokensAt(now)
}

// BenchmarkBuckets is one take beside AllowN and TokensAt of x/time/rate.
func BenchmarkBuckets(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1, 10_000, 1_000_000} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = "key_" + strconv.Itoa(i)
		}
		slow := bearer.Limit{Rate: 1, Burst: 1 << 20}
		if n == 1 {
			slow = generous
		}
		var buckets bearer.Buckets
		var peer shardedRate
		takes := map[string]func(i int){
			"buckets": func(i int) {
				_, _ = buckets.Take(ctx, bearer.Bucket{Policy: "default", Class: "key", ID: ids[i%n]}, 1, slow)
			},
			"xtime": func(i int) { peer.take(ids[i%n], slow) },
		}
		for _, name := range []string{"buckets", "xtime"} {
			take := takes[name]
			for i := range n {
				take(i)
			}
			b.Run(fmt.Sprintf("serial/n=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					take(i)
				}
			})
			b.Run(fmt.Sprintf("goroutines=64/n=%d/%s", n, name), func(b *testing.B) {
				var next atomic.Int64
				b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
				b.RunParallel(func(pb *testing.PB) {
					for i := int(next.Add(1)) * 7919; pb.Next(); i++ {
						take(i)
					}
				})
			})
		}
	}
}
