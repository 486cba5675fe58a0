package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
)

// The examples of this file are settings of a Config, and what they do.

// An ErrorHandler chooses the form of a refusal, and sees all of them: those of
// a Require behind a Handler of the same guard too.
func ExampleConfig_errorHandler() {
	refusals := make(map[bearer.Code]int)
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "tokens:read"})
	guard, err := bearer.New(bearer.Config{
		Keys: store,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
			refusals[e.Code]++ // a counter with a lock, in a server
			bearer.WriteProblem(w, r, e)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(guard.Require("tokens:write")(emptyAnswer))
	w := httptest.NewRecorder()
	app.ServeHTTP(w, request("POST", "/v1/tokens", text))
	fmt.Println(w.Code, w.Header().Get("Content-Type"), refusals)
	fmt.Print(w.Body)
	// Output:
	// 403 application/problem+json map[forbidden:1]
	// {"type":"about:blank","title":"Forbidden","status":403,"detail":"The credential lacks a required scope.","code":"forbidden","reason":"scope_insufficient"}
}

// An optional guard lets requests without a credential through: what is public
// is shown to all clients, and more to those with a key. A bad key is refused.
func ExampleConfig_optional() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Owner: "alice", Kind: bearer.SecretKey, Scopes: "posts:write"})
	guard, err := bearer.New(bearer.Config{Keys: store, Optional: true})
	if err != nil {
		log.Fatal(err)
	}
	posts := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := bearer.FromContext(r.Context())
		fmt.Fprintln(w, "for", p, "with a form:", p.Holds("posts:write"))
	}))
	for _, credential := range []string{"", text, text[:20]} {
		w := httptest.NewRecorder()
		posts.ServeHTTP(w, request("GET", "/posts", credential))
		if w.Code != http.StatusOK {
			fmt.Println(w.Code)
			continue
		}
		fmt.Print(w.Body)
	}
	// Output:
	// for nobody with a form: false
	// for secret "key_1" with a form: true
	// 401
}

// An expensive request takes more tokens than a cheap one.
func ExampleConfig_cost() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Limit: bearer.PerMinute(20)})
	guard, err := bearer.New(bearer.Config{
		Keys: store,
		Cost: func(r *http.Request) int {
			if r.URL.Path == "/v1/exports" {
				return 15
			}
			return 1
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	for _, path := range []string{"/v1/tokens", "/v1/exports", "/v1/exports"} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, request("GET", path, text))
		fmt.Println(path, w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// /v1/tokens 204 "default";r=19;t=3
	// /v1/exports 204 "default";r=4;t=48
	// /v1/exports 429 "default";r=4;t=33
}

// A client that tries unknown keys gets 429 instead of the next look-up, and so
// do all clients at its address: leave room for them.
func ExampleConfig_failureLimit() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey})
	guard, err := bearer.New(bearer.Config{Keys: store, FailureLimit: bearer.PerMinute(2)})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	guess, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	fmt.Println("good:", statusOf(app, "GET", "/", text))
	for range 3 {
		fmt.Println("guess:", statusOf(app, "GET", "/", guess))
	}
	fmt.Println("good:", statusOf(app, "GET", "/", text))
	// Output:
	// good: 204
	// guess: 401
	// guess: 401
	// guess: 429
	// good: 429
}

// A guard around a router, and again around some of its routes, authenticates
// once and charges once.
func ExampleGuard_Handler() {
	store := new(bearer.MemoryStore)
	text := addKey(store, bearer.Key{ID: "key_1", Kind: bearer.SecretKey, Scopes: "audit:read"})
	guard, err := bearer.New(bearer.Config{Keys: store})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/me", emptyAnswer) // for all callers
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(emptyAnswer))
	mux.Handle("GET /v1/log", guard.RequireAny("audit:read", "admin:read")(emptyAnswer))
	app := guard.Handler(mux)

	for _, path := range []string{"/v1/me", "/v1/tokens", "/v1/log"} {
		fmt.Println(path, statusOf(app, "GET", path, text))
	}
	// Output:
	// /v1/me 204
	// /v1/tokens 403
	// /v1/log 204
}

// The life of a key: it is made, its text replaced, and it is revoked.
func ExampleMemoryStore() {
	format := bearer.KeyFormat{Namespace: "acme"}
	text, hash := format.Generate(bearer.SecretKey, bearer.Live)
	key := bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: "alice"}
	store := bearer.NewMemoryStore(key)
	guard, err := bearer.New(bearer.Config{Keys: store, Format: format})
	if err != nil {
		log.Fatal(err)
	}
	app := guard.Handler(emptyAnswer)
	fmt.Println("made:", statusOf(app, "GET", "/", text))

	next := key // the same ID: limits and logs see one key
	var nextText string
	nextText, next.Hash = format.Generate(next.Kind, next.Environment)
	if err := store.Add(next); err != nil {
		log.Fatal(err)
	}
	fmt.Println("both:", statusOf(app, "GET", "/", text), statusOf(app, "GET", "/", nextText))

	key.RevokedAt = time.Now()
	if err := store.Update(key); err != nil {
		log.Fatal(err)
	}
	fmt.Println("one: ", statusOf(app, "GET", "/", text), statusOf(app, "GET", "/", nextText))

	fmt.Println("gone:", store.Remove("key_1"), statusOf(app, "GET", "/", nextText))
	// Output:
	// made: 204
	// both: 204 204
	// one:  401 204
	// gone: <nil> 401
}

// Keys of an older system, without a prefix, work if the store knows their
// hashes. With a pepper, a copy of the table is of no use.
func ExampleKeyFormat_foreign() {
	format := bearer.KeyFormat{
		Pepper:  []byte("at least 32 bytes, from a secret store"),
		Foreign: true,
	}
	const old = "key-of-the-older-system"
	store := bearer.NewMemoryStore(bearer.Key{ID: "customer_7", Hash: format.Hash(old), Kind: bearer.SecretKey})
	guard, err := bearer.New(bearer.Config{Keys: store, Format: format})
	if err != nil {
		log.Fatal(err)
	}
	p, err := guard.Check(request("GET", "/", old))
	fmt.Println(p, err)
	_, err = guard.Check(request("GET", "/", "key-of-no-system"))
	fmt.Println(bearer.CodeOf(err))
	// Output:
	// secret "customer_7" <nil>
	// unauthorized
}

// Tokens of a session that has ended are refused, though their signatures are
// remembered. The scopes come from a claim that is an array.
func ExampleJWT_session() {
	ended := map[any]bool{"session_2": true} // a table, in a server
	secret := []byte("at least 32 bytes, from a secret store")
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example",
		Audiences:  []string{"api"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		ScopeClaim: "permissions",
		Session: func(_ context.Context, p *bearer.Principal) (bearer.Session, error) {
			return bearer.Session{Ended: ended[p.Claims["sid"]]}, nil
		},
		Cache: 10_000,
	}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, session := range []string{"session_1", "session_2"} {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss":         "https://id.example",
			"aud":         "api",
			"sub":         "user_1",
			"sid":         session,
			"permissions": []string{"tokens:read"},
			"exp":         time.Now().Add(time.Hour).Unix(),
		}).SignedString(secret)
		if err != nil {
			log.Fatal(err)
		}
		p, err := guard.Check(request("GET", "/", text), "tokens:read")
		fmt.Println(p, err)
	}
	// Output:
	// token "user_1" <nil>
	// nobody bearer: unauthorized: token_revoked
}

// One guard for two issuers: the iss of a token chooses whose keys, algorithms and
// claims it is judged by. Roles of the second become scopes.
func ExampleJWT_issuers() {
	dashboard, partner := []byte("at least 32 bytes, from a secret store"), []byte("another secret of at least 32 bytes")
	secret := func(s []byte) jwt.Keyfunc {
		return func(*jwt.Token) (any, error) { return s, nil }
	}
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{
		{
			Issuer:     "https://id.example",
			Audiences:  []string{"api", "dashboard"},
			Algorithms: []string{"HS256"},
			Keyfunc:    secret(dashboard),
		},
		{
			Issuer:        "https://partner.example",
			AudienceClaim: "client_id",
			Audiences:     []string{"client_7"},
			Algorithms:    []string{"HS256"},
			Keyfunc:       secret(partner),
			OwnerClaim:    "tenant",
			Scopes: func(claims map[string]any) (bearer.Scopes, error) {
				if claims["role"] == "auditor" {
					return "tokens:read", nil
				}
				return "", nil
			},
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	show := func(key []byte, claims jwt.MapClaims) {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
		if err != nil {
			log.Fatal(err)
		}
		p, err := guard.Check(request("GET", "/", text), "tokens:read")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p.Issuer, p.ID, p.Owner, p.Scopes)
	}
	show(dashboard, jwt.MapClaims{"iss": "https://id.example", "aud": "api", "sub": "user_1", "scope": "tokens:read"})
	auditor := jwt.MapClaims{
		"iss": "https://partner.example", "client_id": "client_7", "sub": "user_1", "tenant": "acme", "role": "auditor",
	}
	show(partner, auditor)
	show(dashboard, auditor)
	// Output:
	// https://id.example user_1 user_1 tokens:read
	// https://partner.example user_1 acme tokens:read
	// bearer: unauthorized: invalid_token: no key verifies the signature
}

// A token that was made from a key, by a login that takes the key, lives and dies
// with it, and holds no scope that the key has lost since.
func ExampleSession() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	key := bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: "tokens:* wallets:read"}
	store := bearer.NewMemoryStore(key)
	madeFrom := map[any]bearer.KeyHash{"session_1": bearer.KeyFormat{}.Hash(text)} // a table, in a server
	secret := []byte("at least 32 bytes, from a secret store")
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example",
		Audiences:  []string{"api"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		Session: func(ctx context.Context, p *bearer.Principal) (bearer.Session, error) {
			key, err := store.FindKey(ctx, madeFrom[p.Claims["sid"]])
			if errors.Is(err, bearer.ErrKeyNotFound) {
				return bearer.Session{Ended: true}, nil
			}
			return bearer.Session{Key: key}, err
		},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://id.example", "aud": "api", "sub": "user_1", "sid": "session_1", "scope": "*",
		"exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(secret)
	if err != nil {
		log.Fatal(err)
	}
	show := func() {
		p, err := guard.Check(request("GET", "/", token))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(p, p.Scopes)
	}
	show()
	key.Scopes = "wallets:read"
	if err := store.Update(key); err != nil {
		log.Fatal(err)
	}
	show()
	key.RevokedAt = time.Now()
	if err := store.Update(key); err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// token "user_1" tokens:* wallets:read
	// token "user_1" wallets:read
	// bearer: unauthorized: key_revoked: the credential of "key_1"
}

// A handler is tested without a guard. No guard trusts what NewContext puts
// into a request.
func ExampleNewContext() {
	show := func(w http.ResponseWriter, r *http.Request) {
		p := bearer.FromContext(r.Context())
		if p == nil || p.Owner != "alice" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "a note of", p.Owner)
	}
	for _, owner := range []string{"alice", "bob"} {
		r := httptest.NewRequest(http.MethodGet, "/notes/1", nil)
		r = r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{Owner: owner}))
		w := httptest.NewRecorder()
		show(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 a note of alice
	// 404 404 page not found
}

// What an endpoint that creates keys does with the scopes that it is asked for:
// none mean all, and unknown ones are refused.
func ExampleScopes_Within() {
	grant := func(asked bearer.Scopes) (bearer.Scopes, error) {
		if asked == "" {
			return bearer.FullAccess, nil // or an error, where a key must name what it may
		}
		return asked, asked.Within("tokens:read", "tokens:write", "events:read")
	}
	for _, asked := range []bearer.Scopes{"", "tokens:read", "tokens:*", "nfts:read"} {
		fmt.Println(grant(asked))
	}
	// Output:
	// * <nil>
	// tokens:read <nil>
	// tokens:* <nil>
	// nfts:read bearer: there is no scope "nfts:read"
}

// CodeOf finds the code of a refusal, also where its error was wrapped.
func ExampleCodeOf() {
	guard, err := bearer.New(bearer.Config{Keys: new(bearer.MemoryStore)})
	if err != nil {
		log.Fatal(err)
	}
	_, err = guard.Check(request("GET", "/", ""))
	fmt.Println(bearer.CodeOf(err))
	fmt.Println(bearer.CodeOf(fmt.Errorf("while connecting: %w", err)))
	fmt.Printf("%q\n", bearer.CodeOf(errors.New("another error")))
	// Output:
	// unauthorized
	// unauthorized
	// ""
}
