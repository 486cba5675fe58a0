package bearertest_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// replacing hands on a request with another context.
func replacing(change func(before, admitted context.Context) context.Context) wrapFunc {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
			g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				bearertest.Handler.ServeHTTP(w, r.WithContext(change(before.Context(), r.Context())))
			})).ServeHTTP(w, before)
		})
	}
}

// ending hands on a context with another end.
func ending(change func(context.Context) (context.Context, context.CancelFunc)) wrapFunc {
	return inside(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := change(r.Context())
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	})
}

// posing hands on a changed copy of the principal, behind the guard's context.
func posing(change func(*bearer.Principal)) wrapFunc {
	return changing(func(r *http.Request) *http.Request {
		p := bearer.FromContext(r.Context())
		if p == nil {
			return r
		}
		c := *p
		change(&c)
		return bearertest.WithPrincipal(r, &c)
	})
}

// skipping lets some requests pass the guard by.
func skipping(such func(*http.Request) bool) wrapFunc {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
		if such(r) {
			bearertest.Handler.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func method(m string) wrapFunc { return skipping(func(r *http.Request) bool { return r.Method == m }) }

func having(field, value string) wrapFunc {
	return skipping(func(r *http.Request) bool {
		return strings.EqualFold(r.Header.Get(field), value) || value == "" && r.Header.Get(field) != ""
	})
}

// setting changes a field of the request that is handed on.
func setting(set func(*http.Request)) wrapFunc {
	return changing(func(r *http.Request) *http.Request {
		c := r.Clone(r.Context())
		set(c)
		return c
	})
}

// remembering keeps what the guard said to a credential.
func remembering(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
	var admitted sync.Map // principals by Authorization
	guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if credential := r.Header.Get("Authorization"); credential != "" {
			admitted.Store(credential, bearer.FromContext(r.Context()))
		}
		bearertest.Handler.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := admitted.Load(r.Header.Get("Authorization")); ok {
			bearertest.Handler.ServeHTTP(w, bearertest.WithPrincipal(r, p.(*bearer.Principal)))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// A sharedNext is the rest of the chain of whichever request came last.
type sharedNext struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	r       *http.Request
	passed  bool
	handler func(n *sharedNext, w http.ResponseWriter, r *http.Request)
}

func (n *sharedNext) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.passed = true
	n.mu.Unlock()
	n.handler(n, w, r)
}

// sharing keeps one sharedNext for all requests.
func sharing(handler, after func(n *sharedNext, w http.ResponseWriter, r *http.Request)) wrapFunc {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		n := &sharedNext{handler: handler}
		guarded := g.Require(scopes...)(n)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.w, n.r, n.passed = w, r, false
			n.mu.Unlock()
			guarded.ServeHTTP(w, r)
			after(n, w, r)
		})
	}
}

func last(n *sharedNext) (w http.ResponseWriter, r *http.Request, passed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.w, n.r, n.passed
}

func nothingMore(*sharedNext, http.ResponseWriter, *http.Request) {}

func TestBrokenAdapters(t *testing.T) {
	t.Parallel()
	const (
		every   = "the guard answers every method, and whatever else the request says"
		same    = "the handler finds the principal that the guard decided on"
		known   = "the guard knows the request that it let through"
		ends    = "the handler's context ends when the client goes, and not before"
		anew    = "each request is judged anew"
		state   = "no request knows of another"
		request = "the request arrives as it was sent"
	)
	tests := []struct {
		name   string
		broken wrapFunc
		rule   string
	}{
		{"answers on the last writer", sharing(func(n *sharedNext, _ http.ResponseWriter, r *http.Request) {
			w, _, _ := last(n)
			bearertest.Handler.ServeHTTP(w, r)
		}, nothingMore), state},
		{"hands on the last request with its own principal", sharing(func(n *sharedNext, w http.ResponseWriter, r *http.Request) {
			_, before, _ := last(n)
			bearertest.Handler.ServeHTTP(w, before.WithContext(bearer.NewContext(before.Context(), bearer.FromContext(r.Context()))))
		}, nothingMore), known},
		{"hands on the last request with the guard's context", sharing(func(n *sharedNext, w http.ResponseWriter, r *http.Request) {
			_, before, _ := last(n)
			bearertest.Handler.ServeHTTP(w, before.WithContext(r.Context()))
		}, nothingMore), state},
		{"hands on the request that was admitted last", sharing(func(n *sharedNext, w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.r = r
			n.mu.Unlock()
			runtime.Gosched()
			_, latest, _ := last(n)
			bearertest.Handler.ServeHTTP(w, latest)
		}, nothingMore), state},
		{"goes on where another request passed", sharing(
			func(*sharedNext, http.ResponseWriter, *http.Request) {},
			func(n *sharedNext, w http.ResponseWriter, r *http.Request) {
				if _, _, passed := last(n); passed {
					bearertest.Handler.ServeHTTP(w, r)
				}
			}), state},
		{"panics where it meets another request", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			var inside atomic.Int32
			guarded := g.Require(scopes...)(bearertest.Handler)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer inside.Add(-1)
				if inside.Add(1) > 1 {
					panic("concurrent use")
				}
				guarded.ServeHTTP(w, r)
			})
		}, "got the panic concurrent use"},
		{"caches credentials", remembering, anew},

		{"lets OPTIONS through", method(http.MethodOptions), every},
		{"lets PUT through", method(http.MethodPut), every},
		{"lets PATCH through", method(http.MethodPatch), every},
		{"lets DELETE through", method(http.MethodDelete), every},
		{"lets TRACE through", method(http.MethodTrace), every},
		{"lets HEAD through", method(http.MethodHead), every},
		{"lets preflights through", having("Access-Control-Request-Method", ""), every},
		{"lets WebSockets through", having("Upgrade", "websocket"), every},
		{"lets this machine through", having("X-Forwarded-For", "127.0.0.1"), every},
		{"answers preflights itself", outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			guarded.ServeHTTP(w, r)
		}), every},

		{"loses the guard's trust", replacing(func(before, admitted context.Context) context.Context {
			return bearer.NewContext(before, bearer.FromContext(admitted))
		}), known},
		{"asks Guard.Check", checked(bearer.WriteError), known},

		{"copies the principal", posing(func(*bearer.Principal) {}), same},
		{"forgets what is read-only", posing(func(p *bearer.Principal) { p.ReadOnly = false }), "with another ReadOnly, want"},
		{"forgets the key", posing(func(p *bearer.Principal) { p.Key = nil }), "with another Key, want"},
		{"forgets the claims", posing(func(p *bearer.Principal) { p.Claims = nil }), "with another Claims, want"},
		{"forgets the environment", posing(func(p *bearer.Principal) { p.Environment = 0 }), "with another Environment, want"},
		{"takes all for live", posing(func(p *bearer.Principal) { p.Environment = bearer.Live }), same},
		{"changes the principal in its place", changing(func(r *http.Request) *http.Request {
			if p := bearer.FromContext(r.Context()); p != nil {
				p.Environment = bearer.Live
			}
			return r
		}), "with another Environment, want"},
		{"changes the claims in their place", changing(func(r *http.Request) *http.Request {
			if p := bearer.FromContext(r.Context()); p != nil {
				maps.DeleteFunc(p.Claims, func(name string, _ any) bool { return name == "aud" })
			}
			return r
		}), "with another Claims, want"},

		{"outlives the client", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithoutCancel(ctx), func() {}
		}), "got a context that was not done afterwards, want one that was"},
		{"outlives the client, but not for good", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithoutCancel(ctx))
		}), ends},
		{"ends the context at once", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}), "got a context that was done before"},
		{"has a context that has expired", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Unix(0, 0))
		}), ends},
		{"sets a deadline", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}), "got a context with a deadline"},

		{"drops Authorization", setting(func(r *http.Request) { r.Header.Del("Authorization") }), request},
		{"sets another host", setting(func(r *http.Request) { r.Host = "internal.test" }), "Host: got internal.test, want"},
		{"sets another address", setting(func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1" }), "RemoteAddr: got 192.0.2.7:1, want"},
		{"drops the URI", setting(func(r *http.Request) { r.RequestURI = "" }), "RequestURI: got none, want"},
		{"forgets the length", setting(func(r *http.Request) { r.ContentLength = -1 }), "ContentLength: got -1, want"},
		{"drops the query", setting(func(r *http.Request) { r.URL.RawQuery = "" }), "URL: got"},
		{"says HTTP/1.0", setting(func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }), "Proto: got HTTP/1.0"},
		{"adds a field", setting(func(r *http.Request) { r.Header.Set("X-User", "a") }), "the header field X-User: got"},
		{"reads forms", setting(func(r *http.Request) { _ = r.ParseForm() }), request},
		{"drops the body", setting(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) }), request},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assertBroken(t, "TestMiddleware", tt.rule, bearertest.TestMiddleware(tt.broken))
		})
	}
}

// An adapter that lets in one request at a time is slow, not broken.
func TestSlowAdapter(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	err := bearertest.TestMiddleware(outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		guarded.ServeHTTP(w, r)
	}))
	assert.NoError(t, err)
}
