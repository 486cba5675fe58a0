package bearertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// This file is a small application and its tests. docs/testing.md walks
// through it.

// listNotes is a handler: it lists the notes of the caller.
func listNotes(w http.ResponseWriter, r *http.Request) {
	owner := bearer.FromContext(r.Context()).Owner
	_ = json.NewEncoder(w).Encode(map[string]string{"notes of": owner})
}

// newApp returns the application behind its guard.
func newApp(config bearer.Config) (http.Handler, error) {
	guard, err := bearer.New(config)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /notes", guard.Require("notes:read")(http.HandlerFunc(listNotes)))
	return mux, nil
}

// A noteStore is the application's own key store.
type noteStore struct {
	mu   sync.RWMutex
	keys map[bearer.KeyHash]bearer.Key
}

func (s *noteStore) insert(key bearer.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = make(map[bearer.KeyHash]bearer.Key)
	}
	s.keys[key.Hash] = key
	return nil
}

// FindKey implements [bearer.KeyStore].
func (s *noteStore) FindKey(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, ok := s.keys[hash]
	if !ok {
		return nil, bearer.ErrKeyNotFound
	}
	return &key, nil
}

// serve returns the app's answer to a request.
func serve(t *testing.T, config bearer.Config, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	app, err := newApp(config)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	return w
}

func TestListNotes(t *testing.T) {
	r := bearertest.Request("GET", "/notes", "")
	w := httptest.NewRecorder()
	listNotes(w, bearertest.WithPrincipal(r, &bearer.Principal{Owner: "alice"}))
	if got, want := w.Body.String(), "{\"notes of\":\"alice\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNotesNeedAScope(t *testing.T) {
	var keys bearertest.Keys
	var tokens bearertest.Tokens
	config := bearer.Config{Keys: &keys, JWT: []bearer.JWT{tokens.JWT()}}
	tests := []struct {
		name       string
		credential string
		want       int
	}{
		{"nothing", "", 401},
		{"key", keys.Issue(bearer.Key{Scopes: "notes:read"}), 200},
		{"key without the scope", keys.Issue(bearer.Key{Scopes: "notes:write"}), 403},
		{"token", tokens.Token("alice", "notes:read"), 200},
		{"token of another issuer", new(bearertest.Tokens).Token("alice", "notes:read"), 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := serve(t, config, bearertest.Request("GET", "/notes", tt.credential))
			if w.Code != tt.want {
				t.Errorf("got %d, want %d: %s", w.Code, tt.want, w.Body)
			}
		})
	}
}

// docs/testing.md: two issuers at one guard.
func TestNotesOfTwoIssuers(t *testing.T) {
	var staff, customers bearertest.Tokens
	other := customers.JWT()
	other.Issuer = "https://customers.test"
	config := bearer.Config{JWT: []bearer.JWT{staff.JWT(), other}}

	claims := customers.Claims("bob", "notes:read")
	claims["iss"] = other.Issuer
	forged := staff.Claims("bob", "notes:read")
	forged["iss"] = other.Issuer
	for token, want := range map[string]int{
		staff.Token("alice", "notes:read"): 200,
		customers.Sign(claims, nil):        200,
		staff.Sign(forged, nil):            401, // signed by one, in the name of the other
	} {
		if w := serve(t, config, bearertest.Request("GET", "/notes", token)); w.Code != want {
			t.Errorf("got %d, want %d: %s", w.Code, want, w.Body)
		}
	}
}

func TestNoteStore(t *testing.T) {
	var store noteStore
	if err := bearertest.TestKeyStore(&store, store.insert); err != nil {
		t.Error(err)
	}
}

func TestNoteStoreWithoutAddresses(t *testing.T) {
	var store noteStore
	issue := func(key bearer.Key) error {
		if len(key.AllowedIPs) > 0 {
			return fmt.Errorf("there is no column for addresses: %w", errors.ErrUnsupported)
		}
		return store.insert(key)
	}
	if err := bearertest.TestKeyStore(&store, issue); err != nil {
		t.Error(err)
	}
}

func TestNoteStoreInOperation(t *testing.T) {
	var keys bearertest.Keys // the database
	store := bearer.CachedStore(&keys, bearer.CacheConfig{})
	err := bearertest.TestKeyStore(store, keys.Add, bearertest.StoreHooks{
		Outage: func(on bool) {
			if on {
				keys.Fail(errors.New("connection refused"))
			} else {
				keys.Fail(nil)
			}
		},
		Revoke: func(key bearer.Key) error {
			keys.Revoke(key.ID)
			store.Forget(key.Hash)
			return nil
		},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNotesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys bearertest.Keys
		text := keys.Issue(bearer.Key{Scopes: "notes:read", Limit: bearer.PerMinute(1)})
		app, err := newApp(bearer.Config{Keys: &keys})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{200, 429, 200} {
			w := httptest.NewRecorder()
			app.ServeHTTP(w, bearertest.Request("GET", "/notes", text))
			if w.Code != want {
				t.Errorf("got %d, want %d: %s", w.Code, want, w.Body)
			}
			time.Sleep(30 * time.Second) // of the bubble's clock
		}
	})
}

func TestNotesDuringAnOutage(t *testing.T) {
	var keys bearertest.Keys
	var limiter bearertest.Limiter
	config := bearer.Config{Keys: &keys, Limiter: &limiter}
	r := bearertest.Request("GET", "/notes", keys.Issue(bearer.Key{Scopes: "notes:read"}))

	keys.Fail(errors.New("connection refused"))
	if w := serve(t, config, r); w.Code != 503 {
		t.Errorf("the store is down: got %d, want 503", w.Code)
	}
	keys.Fail(nil)
	limiter.Fail(errors.New("connection refused"))
	if w := serve(t, config, r); w.Code != 503 {
		t.Errorf("the limiter is down: got %d, want 503", w.Code)
	}
	limiter.Fail(nil)
	if w := serve(t, config, r); w.Code != 200 {
		t.Errorf("all is well again: got %d, want 200", w.Code)
	}
}

// An application tests its handlers behind a guard with keys of its own: good
// ones, one that is revoked, and an outage.
func ExampleKeys() {
	var keys bearertest.Keys
	app, err := newApp(bearer.Config{Keys: &keys})
	if err != nil {
		panic(err)
	}
	get := func(credential string) {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, bearertest.Request("GET", "/notes", credential))
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	text := keys.Issue(bearer.Key{ID: "key_a", Scopes: "notes:read"})
	get(text)
	get("")
	keys.Revoke("key_a")
	get(text)
	keys.Fail(errors.New("connection refused"))
	get(text)
	fmt.Println(keys.Calls(), "look-ups")
	// Output:
	// 200 ""
	// 401 "Bearer realm=\"api\""
	// 401 "Bearer realm=\"api\", error=\"invalid_token\""
	// 503 ""
	// 3 look-ups
}

// A store that knows its keys by their whole hash passes.
func ExampleTestKeyStore() {
	var store noteStore
	err := bearertest.TestKeyStore(&store, store.insert)
	fmt.Println(err)
	// Output: <nil>
}

// An adapter has to do what the guard does under net/http.
func ExampleTestMiddleware() {
	err := bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return g.Require(scopes...)(bearertest.Handler)
	})
	fmt.Println(err)
	// Output: <nil>
}

// A limiter is made anew for each group of rules.
func ExampleTestLimiter() {
	err := bearertest.TestLimiter(func() bearer.Limiter { return new(bearer.Buckets) })
	fmt.Println(err)
	// Output: <nil>
}

// An answer of 429 needs no hundred requests.
func ExampleLimiter() {
	var keys bearertest.Keys
	var limiter bearertest.Limiter
	app, err := newApp(bearer.Config{Keys: &keys, Limiter: &limiter})
	if err != nil {
		panic(err)
	}
	limiter.Refuse(1500 * time.Millisecond)
	w := httptest.NewRecorder()
	app.ServeHTTP(w, bearertest.Request("GET", "/notes", keys.Issue(bearer.Key{})))
	fmt.Println(w.Code, "Retry-After:", w.Header().Get("Retry-After"))
	for _, take := range limiter.Takes() {
		fmt.Println(take.Bucket, take.N, take.Allowed)
	}
	// Output:
	// 429 Retry-After: 2
	// {default key key_1} 1 false
}
