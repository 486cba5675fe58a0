package bearer_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
)

func Example() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	store := bearer.NewMemoryStore(bearer.Key{
		ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Test,
		Scopes: "tokens:read",
	})
	guard, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	tokens := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello,", bearer.FromContext(r.Context()).ID)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(tokens))
	mux.Handle("POST /v1/tokens", guard.Require("tokens:write")(tokens))

	for _, method := range []string{"GET", "POST"} {
		r := httptest.NewRequest(method, "/v1/tokens", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r) // a server does this: http.ListenAndServe(addr, mux)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 hello, key_1
	// 403 {"error":{"type":"permission_error","code":"forbidden","reason":"scope_insufficient","message":"The credential lacks a required scope.","status":403}}
}

// One line guards a whole resource: reading needs wallets:read, writing needs
// wallets:write, and a publishable key only reads.
func ExampleGuard_Resource() {
	store := new(bearer.MemoryStore)
	secret := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "wallets:*"})
	publishable := addKey(store, bearer.Key{ID: "key_2", Kind: bearer.PublishableKey, Scopes: "wallets:*"})
	guard, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/wallets/", guard.Resource("wallets")(emptyAnswer))

	fmt.Println(statusOf(mux, "GET", "/v1/wallets/7", secret))
	fmt.Println(statusOf(mux, "DELETE", "/v1/wallets/7", secret))
	fmt.Println(statusOf(mux, "GET", "/v1/wallets/7", publishable))
	fmt.Println(statusOf(mux, "DELETE", "/v1/wallets/7", publishable))
	// Output:
	// 204
	// 204
	// 204
	// 403
}

// Check decides and writes nothing, so that a handler can decide what to do
// with the connection: here, to leave HTTP, as a WebSocket does. The guard does
// not wrap the ResponseWriter, so it can be hijacked.
func ExampleGuard_Check() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "events:read"})
	guard, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := guard.Check(r, "events:read")
		if refused := new(bearer.Error); errors.As(err, &refused) {
			bearer.WriteStatusMessage(w, r, refused) // and the challenge of a 401
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		fmt.Fprintf(conn, "hello, %s\n", p.ID)
	}))
	defer server.Close()

	for _, authorization := range []string{"", "Bearer " + text} {
		r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"lines"}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			continue
		}
		line, _ := bufio.NewReader(response.Body).ReadString('\n')
		fmt.Print(response.StatusCode, " ", line)
		response.Body.Close()
	}
	// Output:
	// 401 {"status":false,"message":"This resource needs a bearer credential."}
	// 101 hello, key_1
}

// An API and a dashboard have two guards: what one takes, the other refuses.
func ExampleNew_twoDoors() {
	store := new(bearer.MemoryStore)
	key := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: bearer.FullAccess})
	api, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	secret := []byte("at least 32 bytes, from a secret store")
	dashboard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example",
		Audiences:  []string{"dashboard"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
	}}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", api.Handler(emptyAnswer))
	mux.Handle("/auth/", dashboard.Handler(emptyAnswer))

	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://id.example",
		"aud": "dashboard",
		"sub": "user_1",
		"exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(secret)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("key at /v1:  ", statusOf(mux, "GET", "/v1/tokens", key))
	fmt.Println("JWT at /v1:  ", statusOf(mux, "GET", "/v1/tokens", token))
	fmt.Println("key at /auth:", statusOf(mux, "GET", "/auth/me", key))
	fmt.Println("JWT at /auth:", statusOf(mux, "GET", "/auth/me", token))
	// Output:
	// key at /v1:   204
	// JWT at /v1:   401
	// key at /auth: 401
	// JWT at /auth: 204
}

// A keySet is a client of a JWKS endpoint that fetches keys in the background.
type keySet map[string]any

func (s keySet) Keyfunc(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	if key, ok := s[kid]; ok {
		return key, nil
	}
	return nil, fmt.Errorf("no key %q", kid)
}

// The errors of a client that answers from what it has fetched mean that the key
// is not known: 401. Without that, a token with a made-up kid would be an outage.
func ExampleJWT_keySet() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	client := keySet{"2026": public}
	keyfunc := func(t *jwt.Token) (any, error) {
		key, err := client.Keyfunc(t)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", bearer.ErrKeyNotFound, err)
		}
		return key, nil
	}
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example",
		Audiences:  []string{"api"},
		Algorithms: []string{"EdDSA"},
		Keyfunc:    keyfunc,
	}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, kid := range []string{"2026", "made up"} {
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": "https://id.example",
			"aud": "api",
			"sub": "user_1",
			"exp": time.Now().Add(time.Hour).Unix(),
		})
		token.Header["kid"] = kid
		text, err := token.SignedString(private)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(kid, statusOf(guard.Handler(emptyAnswer), "GET", "/v1/tokens", text))
	}
	// Output:
	// 2026 204
	// made up 401
}

// Observe feeds logs and metrics. The labels take few values: the codes are a
// fixed set, and Route is the pattern, not the path. Requests come at the same
// time, and so the counter has a lock; in a client library of Prometheus it is a
// CounterVec, which has its own.
func ExampleConfig_observe() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{} // for an output that is always the same
			}
			return a
		},
	}))
	var mu sync.Mutex
	counts := make(map[string]int)
	observe := func(r *http.Request, p *bearer.Principal, err *bearer.Error) {
		code := "ok"
		if err != nil {
			code = string(err.Code)
			logger.Warn("refused", "principal", p, "error", err.Error())
		}
		mu.Lock()
		defer mu.Unlock()
		counts[fmt.Sprintf("{code=%q,route=%q}", code, bearer.Route(r))]++
	}

	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "tokens:read"})
	guard, err := bearer.New(bearer.Config{Keys: store, Observe: observe})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens/{id}", guard.Require("tokens:read")(emptyAnswer))
	mux.Handle("POST /v1/tokens", guard.Require("tokens:write")(emptyAnswer))
	statusOf(mux, "GET", "/v1/tokens/1", text)
	statusOf(mux, "GET", "/v1/tokens/2", text)
	statusOf(mux, "GET", "/v1/tokens/3", "")
	statusOf(mux, "POST", "/v1/tokens", text)

	for _, labels := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("requests_total%s %d\n", labels, counts[labels])
	}
	// Output:
	// level=WARN msg=refused principal=nobody error="bearer: unauthorized: missing_credentials"
	// level=WARN msg=refused principal.id=key_1 principal.owner="" principal.kind=secret principal.environment=test principal.read_only=false principal.scopes=tokens:read error="bearer: forbidden: scope_insufficient"
	// requests_total{code="forbidden",route="POST /v1/tokens"} 1
	// requests_total{code="ok",route="GET /v1/tokens/{id}"} 2
	// requests_total{code="unauthorized",route="GET /v1/tokens/{id}"} 1
}

// A key's text is shown once, to its owner. Its hash goes to the store, and its
// hint to the list of keys and to logs.
func ExampleKeyFormat() {
	format := bearer.KeyFormat{Namespace: "acme"}
	text, hash := format.Generate(bearer.SecretKey, bearer.Live)
	fmt.Println(len(text), "characters")
	fmt.Println(regexp.MustCompile(`^acme_sk_live_[0-9A-Za-z]{8}$`).MatchString(format.Hint(text)))
	fmt.Println(format.Hash(text) == hash)
	fmt.Println(len(hash.String()), "hexadecimal digits")

	kind, env, err := format.Parse(text)
	fmt.Println(kind, env, err)
	_, _, err = format.Parse(text[:len(text)-1] + "~")
	fmt.Println(err)
	// Output:
	// 52 characters
	// true
	// true
	// 64 hexadecimal digits
	// secret live <nil>
	// bearer: not a key of this format
}

// The proxies are named; what a client writes into X-Forwarded-For itself stands
// to the left of what they add, and is not read.
func ExampleForwardedFor() {
	clientIP := bearer.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	for _, request := range []struct{ peer, forwarded string }{
		{"10.0.0.2:1234", "198.51.100.7"},
		{"10.0.0.2:1234", "192.0.2.1, 198.51.100.7, 10.0.0.9"},
		{"198.51.100.7:1234", "192.0.2.1"},
		{"10.0.0.2:1234", "unknown"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = request.peer
		r.Header.Set("X-Forwarded-For", request.forwarded)
		fmt.Println(clientIP(r))
	}
	// Output:
	// 198.51.100.7
	// 198.51.100.7
	// 198.51.100.7
	// invalid IP
}

func ExampleScopes() {
	granted := bearer.JoinScopes("tokens:read", "wallets:*")
	fmt.Println(granted)
	fmt.Println(granted.Contain("tokens:read", "wallets:write"))
	fmt.Println(granted.Contain("tokens:write"))
	fmt.Println(bearer.FullAccess.Contain("anything:at_all"))
	for scope := range granted.All() {
		fmt.Println("-", scope)
	}
	fmt.Println(bearer.Scopes("tokens:read, wallets:read\n").Validate())
	// Output:
	// tokens:read wallets:*
	// true
	// false
	// true
	// - tokens:read
	// - wallets:*
	// bearer: scope "wallets:read\n" has a character that RFC 6749 does not allow
}

// Buckets also limits what no guard sees: here, the attempts to log in to one
// account.
func ExampleBuckets() {
	var buckets bearer.Buckets
	account := bearer.Bucket{Class: "login", ID: "user@example.com"}
	for range 4 {
		u, err := buckets.Take(context.Background(), account, 1, bearer.PerMinute(3))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(u.Allowed, u.Remaining, u.Wait.Round(time.Second))
	}
	// Output:
	// true 2 0s
	// true 1 0s
	// true 0 0s
	// false 0 20s
}

// A search is sent by POST, and yet it only reads: publishable keys may send it.
func ExampleReadRoutes() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.PublishableKey, Scopes: "tokens:read"})
	guard, err := bearer.New(bearer.Config{
		Keys:   store,
		Access: bearer.ReadRoutes("POST /v1/tokens/search"),
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens := guard.Resource("tokens")(emptyAnswer)
	fmt.Println(statusOf(tokens, "POST", "/v1/tokens/search", text))
	fmt.Println(statusOf(tokens, "POST", "/v1/tokens", text))
	// Output:
	// 204
	// 403
}

// A keyTable is a KeyStore over a map. As a database does, it finds a key or
// not, or is out of order.
type keyTable struct {
	rows map[bearer.KeyHash]bearer.Key
	down error
}

func (t *keyTable) FindKey(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	if t.down != nil {
		return nil, t.down
	}
	key, ok := t.rows[hash]
	if !ok {
		return nil, fmt.Errorf("table: %w", bearer.ErrKeyNotFound)
	}
	return &key, nil
}

// An unknown key is answered with 401, a store that fails with 503.
func ExampleKeyStore() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	store := &keyTable{rows: map[bearer.KeyHash]bearer.Key{
		hash: {ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live},
	}}
	guard, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	handler := guard.Handler(emptyAnswer)
	unknown, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	fmt.Println("known:  ", statusOf(handler, "GET", "/", text))
	fmt.Println("unknown:", statusOf(handler, "GET", "/", unknown))

	store.down = errors.New("connection refused")
	fmt.Println("down:   ", statusOf(handler, "GET", "/", text))
	_, err = guard.Check(request("GET", "/", text))
	fmt.Println("log:    ", err)
	// Output:
	// known:   204
	// unknown: 401
	// down:    503
	// log:     bearer: service_unavailable: store_unavailable: connection refused
}

// The rest is what the examples share.

var emptyAnswer = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
})

// addKey adds a test key to the store and returns its text.
func addKey(store *bearer.MemoryStore, key bearer.Key) string {
	var text string
	key.Environment = bearer.Test
	text, key.Hash = bearer.KeyFormat{}.Generate(key.Kind, key.Environment)
	if err := store.Add(key); err != nil {
		panic(err)
	}
	return text
}

// statusOf returns the status of the handler's answer.
func statusOf(h http.Handler, method, path, credential string) int {
	return serve(h, request(method, path, credential)).Code
}
