package bearertest_test

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// remembering keeps what the guard said to a credential.
func remembering(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
	var admitted sync.Map // principals by Authorization
	guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if credential := r.Header.Get("Authorization"); credential != "" {
			admitted.Store(credential, bearer.FromContext(r.Context()))
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := admitted.Load(r.Header.Get("Authorization")); ok {
			next.ServeHTTP(w, bearertest.WithPrincipal(r, p.(*bearer.Principal)))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func TestAdaptersThatKeepSomething(t *testing.T) {
	t.Parallel()
	const (
		known = "the guard knows the request that it let through"
		anew  = "each request is judged anew"
		state = "no request knows of another"
	)
	assertBrokenAdapters(t, []brokenAdapter{
		{"keeps a flag between requests", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var admitted atomic.Bool
			guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				admitted.Store(true)
				next.ServeHTTP(w, r)
			}))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if admitted.Load() {
					next.ServeHTTP(w, r)
					return
				}
				guarded.ServeHTTP(w, r)
			})
		}, state, false},
		{"keeps the first principal", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var first atomic.Pointer[bearer.Principal]
			return g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if first.CompareAndSwap(nil, bearer.FromContext(r.Context())) {
					next.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(w, bearertest.WithPrincipal(r, first.Load()))
			}))
		}, state, false},
		{"caches credentials", remembering, anew, false},
		{"answers on the last writer", sharing(func(n *sharedNext, _ http.ResponseWriter, r *http.Request, next http.Handler) {
			w, _, _ := n.last()
			next.ServeHTTP(w, r)
		}, nothingMore), state, false},
		{"hands on the last request with its own principal", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, before, _ := n.last()
				next.ServeHTTP(w, before.WithContext(bearer.NewContext(before.Context(), bearer.FromContext(r.Context()))))
			}, nothingMore), known, true},
		{"hands on the last request with the guard's context", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, before, _ := n.last()
				next.ServeHTTP(w, before.WithContext(r.Context()))
			}, nothingMore), state, true},
		{"hands on the request that was admitted last", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				n.mu.Lock()
				n.r = r
				n.mu.Unlock()
				runtime.Gosched()
				_, latest, _ := n.last()
				next.ServeHTTP(w, latest)
			}, nothingMore), state, false},
		{"goes on where another request passed", sharing(
			func(*sharedNext, http.ResponseWriter, *http.Request, http.Handler) {},
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				if _, _, passed := n.last(); passed {
					next.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{ID: "key_a"})))
				}
			}), "got", false},
		{"says nothing where it meets another request", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var inside atomic.Int32
			guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if inside.Load() == 1 {
					next.ServeHTTP(w, r)
				}
			}))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer inside.Add(-1)
				inside.Add(1)
				guarded.ServeHTTP(w, r)
			})
		}, state, false},
		{"panics where it meets another request", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var inside atomic.Int32
			guarded := g.Require(scopes...)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer inside.Add(-1)
				if inside.Add(1) > 1 {
					panic("concurrent use")
				}
				guarded.ServeHTTP(w, r)
			})
		}, "got the panic concurrent use (at bearertest/broken_state_test.go:", false},
	})
}

// An adapter that lets in one request at a time is slow, not broken.
func TestSlowAdapter(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	slow := outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		guarded.ServeHTTP(w, r)
	})
	assert.NoError(t, bearertest.TestMiddleware(slow.before(bearertest.Handler)))
}
