package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// observed is what Observe was told, a line for each call.
type observed struct {
	mu    sync.Mutex
	lines []string
}

func (o *observed) observe(r *http.Request, p *bearer.Principal, e *bearer.Error) {
	reason, id := "passed", ""
	if e != nil {
		reason, id = e.Reason, e.ID
	}
	if p != nil {
		id = p.ID
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf("%s %q at %q", reason, id, bearer.Route(r)))
}

func observingGuard(t *testing.T, o *observed, change func(*bearer.Config)) *bearer.Guard {
	t.Helper()
	config := bearer.Config{Observe: o.observe}
	change(&config)
	return newGuard(t, config)
}

// routed is a router with one route.
func routed(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens", h)
	return mux
}

// copied hands on a copy of a request, as many middlewares do.
func copied(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "a value")))
	})
}

type contextKey struct{}

// Observe sees each request once, with the final decision and the route.
func TestObserve(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live, scoped("a"))
	key.ID = "key_1"
	for _, row := range []struct {
		name string
		app  func(g *bearer.Guard) http.Handler
		text string
		want string
	}{
		{"in front of a router", func(g *bearer.Guard) http.Handler { return g.Handler(routed(pass)) },
			text, `passed "key_1" at "GET /v1/tokens"`},
		{"in front of a router, refused", func(g *bearer.Guard) http.Handler { return g.Handler(routed(pass)) },
			"", `missing_credentials "" at ""`},
		{"behind a router", func(g *bearer.Guard) http.Handler { return routed(g.Handler(pass)) },
			text, `passed "key_1" at "GET /v1/tokens"`},
		{"behind a router, refused", func(g *bearer.Guard) http.Handler { return routed(g.Require("b")(pass)) },
			text, `scope_insufficient "key_1" at "GET /v1/tokens"`},
		{"Require behind Handler", func(g *bearer.Guard) http.Handler { return g.Handler(routed(g.Require("a")(pass))) },
			text, `passed "key_1" at "GET /v1/tokens"`},
		{"Require behind Handler, refused", func(g *bearer.Guard) http.Handler {
			return g.Handler(routed(g.Require("b")(pass)))
		}, text, `scope_insufficient "key_1" at "GET /v1/tokens"`},
		{"behind what copies the request", func(g *bearer.Guard) http.Handler {
			return g.Handler(copied(routed(g.Require("a")(pass))))
		}, text, `passed "key_1" at "GET /v1/tokens"`},
		{"no route", func(g *bearer.Guard) http.Handler { return g.Handler(http.NotFoundHandler()) },
			text, `passed "key_1" at ""`},
		{"a method that the router refuses", func(g *bearer.Guard) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("POST /", pass)
			return g.Handler(mux)
		}, text, `passed "key_1" at ""`},
		{"a request of the handler's own, refused", func(g *bearer.Guard) http.Handler {
			return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				own := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/v1/tokens", nil)
				g.Require("b")(pass).ServeHTTP(httptest.NewRecorder(), own)
				pass(w, r)
			}))
		}, text, `scope_insufficient "key_1" at ""`},
		{"a Check that is not answered", func(g *bearer.Guard) http.Handler {
			return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := g.Check(r, "b")
				assert.Error(t, err)
				pass(w, r)
			}))
		}, text, `passed "key_1" at ""`},
		{"a Check that is answered", func(g *bearer.Guard) http.Handler {
			return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := g.Check(r, "b")
				var refusal *bearer.Error
				if assert.ErrorAs(t, err, &refusal) {
					bearer.WriteProblem(w, r, refusal)
				}
			}))
		}, text, `scope_insufficient "key_1" at ""`},
		{"a Check alone", func(g *bearer.Guard) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := g.Check(r, "b")
				assert.Error(t, err)
				pass(w, r)
			})
		}, text, `scope_insufficient "key_1" at ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var o observed
			guard := observingGuard(t, &o, func(c *bearer.Config) { c.Keys = bearer.NewMemoryStore(key) })
			get(row.app(guard), row.text)
			assert.Equal(t, []string{row.want}, o.lines)
		})
	}
}

// The ID of a credential that is known but refused.
func TestObserveErrorID(t *testing.T) {
	withID := func(k *bearer.Key) { k.ID = "key_1" }
	a := newAuthority()
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
		config bearer.Config
		want   string
	}{
		{"revoked", func(k *bearer.Key) { k.RevokedAt = time.Unix(1, 0) }, bearer.Config{}, `key_revoked "key_1" at ""`},
		{"expired", func(k *bearer.Key) { k.ExpiresAt = time.Unix(1, 0) }, bearer.Config{}, `key_expired "key_1" at ""`},
		{"wrong address", func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32") }, bearer.Config{},
			`ip_not_allowed "key_1" at ""`},
		{"wrong environment", withID, bearer.Config{Environment: bearer.Test}, `environment_mismatch "key_1" at ""`},
		{"no tokens left", func(k *bearer.Key) { k.Limit = bearer.PerSecond(0) }, bearer.Config{},
			`rate_limit_exceeded "key_1" at ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, key := newKey(bearer.SecretKey, bearer.Live, withID, row.change)
			var o observed
			row.config.Keys, row.config.Observe = bearer.NewMemoryStore(key), o.observe
			w := get(newGuard(t, row.config).Handler(pass), text)
			assert.Equal(t, []string{row.want}, o.lines)
			assert.NotContains(t, dump(w), "key_1", "the ID is for logs")
		})
	}
	for _, row := range []struct{ name, text, want string }{
		{"a JWT that lacks a scope", a.token(t, jwt.MapClaims{"scope": "a"}), `scope_insufficient "user_1" at ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var o observed
			get(newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}, Observe: o.observe}).Require("b")(pass), row.text)
			assert.Equal(t, []string{row.want}, o.lines)
		})
	}
}

// A handler that panics has been let through, and Observe sees it.
func TestObservePanic(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	var o observed
	guard := observingGuard(t, &o, func(c *bearer.Config) { c.Keys = bearer.NewMemoryStore(key) })
	assert.Panics(t, func() {
		get(guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), text)
	})
	require.Len(t, o.lines, 1)
	assert.Contains(t, o.lines[0], "passed")
}

// A refusal is observed once it is written, and a stream once it is over.
func TestObserveTime(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	var events []string
	guard := newGuard(t, bearer.Config{
		Keys: bearer.NewMemoryStore(key),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, e *bearer.Error) {
			bearer.WriteError(w, r, e)
			events = append(events, "written")
		},
		Observe: func(*http.Request, *bearer.Principal, *bearer.Error) { events = append(events, "observed") },
	})
	stream := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, http.NewResponseController(w).Flush())
		events = append(events, "streamed")
	}))
	get(stream, text)
	get(stream, "")
	assert.Equal(t, []string{"streamed", "observed", "written", "observed"}, events)
}

// Requests that are made within another are decisions of their own.
func TestObserveRequestsWithin(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	key.ID = "key_1"
	var o observed
	guard := observingGuard(t, &o, func(c *bearer.Config) { c.Keys = bearer.NewMemoryStore(key) })
	batch := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := request(http.MethodGet, "/", mistyped(text)).WithContext(r.Context())
		guard.Handler(pass).ServeHTTP(httptest.NewRecorder(), inner)
		pass(w, r)
	}))
	get(batch, text)
	assert.Equal(t, []string{`invalid_api_key "" at ""`, `passed "key_1" at ""`}, o.lines)
}

// A handler goes on after a timeout has answered: neither waits for the other.
func TestObserveTimeout(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	var o observed
	guard := observingGuard(t, &o, func(c *bearer.Config) { c.Keys = bearer.NewMemoryStore(key) })
	release, done := make(chan struct{}), make(chan struct{})
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		guard.Require("b")(pass).ServeHTTP(w, r)
		close(done)
	})
	w := get(guard.Handler(http.TimeoutHandler(late, time.Millisecond, "late")), text)
	close(release)
	<-done
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Len(t, o.lines, 1)
	assert.Contains(t, o.lines[0], "passed")
}
