package bearertest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// An adapterTest is an adapter with one mistake, and what TestMiddleware has to
// say about it: the rule, or more of it.
type adapterTest struct {
	name   string
	broken adapter
	want   string
}

// assertBrokenAdapters asserts that a mistake is told once, by its rule alone.
func assertBrokenAdapters(t *testing.T, tests []adapterTest) {
	t.Helper()
	for _, tt := range fewer(tests) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := bearertest.TestMiddleware(tt.broken.before(bearertest.Handler))
			assertBroken(t, "TestMiddleware", tt.want, err)
			assert.Equal(t, 1, strings.Count(err.Error(), "\n\tfix: "), "%v", err)
			assert.Less(t, strings.Count(err.Error(), "\n"), 8, "%v", err)
		})
	}
}

// rightAborting is a right adapter for chains of handlers.
var rightAborting = aborting(func(_ *testWriter, ok bool) bool { return ok })

func TestRightAdapters(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	type key struct{}
	tests := []struct {
		name  string
		right adapter
	}{
		{"Guard.Require", rightAdapter},
		{"for chains of handlers", rightAborting},
		{"serves one request at a time", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			mu.Lock()
			defer mu.Unlock()
			guarded.ServeHTTP(w, r)
		})},
		{"takes its time", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			if r.URL.Path == "/v1/things" {
				time.Sleep(time.Millisecond)
			}
			guarded.ServeHTTP(w, r)
		})},
		{"watches the answer", afterRefusal(func(*testWriter, *http.Request, http.Handler) {})},
		{"adds to the context", changing(func(r *http.Request) *http.Request {
			return r.WithContext(context.WithValue(r.Context(), key{}, "a value"))
		})},
		{"adds to the context in front", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			guarded.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "a value")))
		})},
		{"hands on a clone", setting(func(*http.Request) {})},
		{"ends its context after the handler", ending(context.WithCancel)},
		{"buffers the body", setting(func(r *http.Request) {
			r.Body = struct {
				io.Reader
				io.Closer
			}{bufio.NewReaderSize(r.Body, 1000), r.Body}
		})},
		{"panics again", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			defer func() {
				if p := recover(); p != nil {
					panic(p)
				}
			}()
			guarded.ServeHTTP(w, r)
		})},
		{"panics as it is made without a guard", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if g == nil {
				panic("no guard")
			}
			return rightAdapter(g, next, scopes)
		}},
		{"behind a router", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/", rightAdapter(g, next, scopes))
			return mux
		}},
		{"in front of a router", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/", next)
			return rightAdapter(g, mux, scopes)
		}},
	}
	if testing.Short() {
		tests = tests[:2]
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, bearertest.TestMiddleware(tt.right.before(bearertest.Handler)))
		})
	}
}

// A right adapter is no use if something else than bearertest.Handler answers.
func TestMiddlewareWithoutHandler(t *testing.T) {
	t.Parallel()
	const (
		handler = "wrap serves bearertest.Handler"
		reached = "an admitted request reaches the handler once"
		routes  = "the adapter is on every path and method"
	)
	names := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, bearer.FromContext(r.Context()).ID) }
	tests := []struct {
		name    string
		pattern string
		handler http.HandlerFunc
		want    string
	}{
		{"names the principal", "/", names, handler},
		{"answers 401", "/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no session", http.StatusUnauthorized) }, handler},
		{"answers 404", "/", http.NotFound, reached},
		{"answers 200", "/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, reached},
		{"does nothing", "/", func(http.ResponseWriter, *http.Request) {}, reached},
		{"is not on the path", "/things", names, routes},
		{"GET alone", "GET /", bearertest.Handler.ServeHTTP, routes},
		{"on / alone", "/{$}", bearertest.Handler.ServeHTTP, routes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
				mux := http.NewServeMux()
				mux.Handle(tt.pattern, g.Require(scopes...)(tt.handler))
				return mux
			})
			assertBroken(t, "TestMiddleware", tt.want, err)
			assert.ErrorContains(t, err, "bearertest.Handler")
			assert.Equal(t, 1, strings.Count(err.Error(), "\n\tfix: "), "%v", err)

			mux := http.NewServeMux()
			mux.Handle(tt.pattern, tt.handler)
			require.Error(t, bearertest.TestMiddleware(adapter(rightAdapter).before(mux)), "with the adapter in front of the router")
		})
	}
}

func TestAdaptersThatRefuseWrongly(t *testing.T) {
	t.Parallel()
	const (
		stopped = "a refused request never reaches the handler"
		exactly = "the guard requires exactly the scopes that wrap was given"
		reached = "an admitted request reaches the handler once"
		charged = "a request is judged and charged once"
		handler = "the guard's ErrorHandler answers a refusal, once"
		status  = "an answer has the status that the guard gives it"
		header  = "an answer has the header fields that the guard gives it"
		body    = "an answer has the body that the guard gives it, and nothing after it"
	)
	assertBrokenAdapters(t, []adapterTest{
		{"forgets to abort", afterRefusal(func(w *testWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(w.ResponseWriter, r)
		}), stopped},
		{"forgets to abort, whatever was decided", aborting(func(*testWriter, bool) bool { return true }), stopped},
		{"goes on where nothing was written", aborting(func(w *testWriter, ok bool) bool { return ok || w.status == 0 && !w.body }),
			stopped},
		{"runs the handler first", outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
			next.ServeHTTP(w, r)
			guarded.ServeHTTP(w, r)
		}), stopped},
		{"runs the handler first, for nothing", outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
			func() {
				defer func() { _ = recover() }()
				next.ServeHTTP(httptest.NewRecorder(), r)
			}()
			guarded.ServeHTTP(w, r)
		}), stopped},
		{"guards nothing", func(_ *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler { return next },
			"the guard that wrap was given judges each request"},
		{"asks another guard", func(_ *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			g, _ := bearer.New(bearer.Config{Keys: new(bearertest.Keys)})
			return g.Require(scopes...)(next)
		}, "the guard that wrap was given judges each request"},
		{"forgets the scopes", func(g *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler {
			return g.Handler(next)
		}, exactly},
		{"requires one of the scopes", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if len(scopes) == 0 {
				return g.Handler(next)
			}
			return g.RequireAny(scopes...)(next)
		}, exactly},
		{"requires two of the scopes", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return g.Require(scopes[:min(2, len(scopes))]...)(next)
		}, "403 scope_insufficient, the third of three"},
		{"keeps the first guard", func() adapter {
			var once sync.Once
			var first http.Handler
			return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
				once.Do(func() { first = rightAdapter(g, next, scopes) })
				return first
			}
		}(), "no decision of the guard"},
		{"requires a scope of its own", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return g.Require(append(scopes, "admin:read")...)(next)
		}, reached},
		{"never calls the handler", inside(func(http.Handler) http.Handler { return http.NotFoundHandler() }), reached},
		{"calls the handler twice", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				next.ServeHTTP(w, r)
			})
		}), reached},
		{"calls the handler twice, once for nothing", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(httptest.NewRecorder(), r)
				next.ServeHTTP(w, r)
			})
		}), reached},
		{"checks and requires", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			guarded := g.Require(scopes...)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = g.Check(r, scopes...)
				guarded.ServeHTTP(w, r)
			})
		}, charged},

		{"writes refusals itself", checked(bearer.WriteError), handler},
		{"writes problems of its own", checked(bearer.WriteProblem), header},
		{"sends the error's text", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			http.Error(w, e.Error(), e.StatusCode())
		}), header},
		{"answers 401 to all", checked(func(w http.ResponseWriter, _ *http.Request, _ *bearer.Error) {
			w.WriteHeader(http.StatusUnauthorized)
		}), status},
		{"answers 200 to a refusal", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			fmt.Fprint(w, e.Message())
		}), status},
		{"answers nothing", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) {}), status},
		{"answers 403 for 401", writing(func(w http.ResponseWriter) http.ResponseWriter { return forbidding{w} }), status},
		{"answers twice", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			w.ResponseWriter.WriteHeader(http.StatusUnauthorized)
		}), "a request is answered once"},
		{"writes behind a refusal", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, `{"message":"Unauthorized"}`)
		}), body},
		{"fills an empty refusal", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			if !w.body {
				fmt.Fprint(w, http.StatusText(w.status))
			}
		}), "a refusal without a body"},
		{"drops WWW-Authenticate", dropping("WWW-Authenticate"), `Www-Authenticate: got none, want "Bearer realm=`},
		{"drops Retry-After", dropping("Retry-After"), `Retry-After: got none, want "1"`},
		{"drops Cache-Control", dropping("Cache-Control"), `Cache-Control: got none, want "no-store"`},
		{"drops RateLimit", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Del("RateLimit")
				next.ServeHTTP(w, r)
			})
		}), "Ratelimit: got none, want"},
		{"adds a field", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			w.Header().Set("X-Powered-By", "adapter")
			guarded.ServeHTTP(w, r)
		}), `X-Powered-By: got "adapter", want none`},
		{"closes connections", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			w.Header().Set("Connection", "close")
			guarded.ServeHTTP(w, r)
		}), header},
		{"panics on a refusal", checked(func(_ http.ResponseWriter, _ *http.Request, e *bearer.Error) { panic(e) }),
			"the adapter does not panic"},
		{"aborts by a panic", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) { panic(http.ErrAbortHandler) }),
			"got the panic net/http: abort Handler (at bearertest/testmiddleware_test.go:"},
		{"returns no handler", func(*bearer.Guard, http.Handler, []bearer.Scope) http.Handler { return nil },
			"wrap returns a handler"},
		{"panics as it is made", func(*bearer.Guard, http.Handler, []bearer.Scope) http.Handler { panic("no route") },
			"the adapter does not panic"},
	})
	assertBroken(t, "TestMiddleware", "wrap: got nil, want a function", bearertest.TestMiddleware(nil))
}

func TestAdaptersThatLetPass(t *testing.T) {
	t.Parallel()
	const (
		every   = "the guard answers every method, and whatever else the request says"
		stopped = "a refused request never reaches the handler"
		unread  = "the body is the handler's to read"
		panics  = "a panic passes through"
	)
	cookie := func(r *http.Request) string {
		c, err := r.Cookie("access_token")
		if err != nil {
			return ""
		}
		return c.Value
	}
	address := func(field string) adapter {
		return arriving(func(r *http.Request) {
			if ip := r.Header.Get(field); ip != "" {
				r.RemoteAddr = ip + ":1"
			}
		})
	}
	assertBrokenAdapters(t, []adapterTest{
		{"lets OPTIONS through", method(http.MethodOptions), every},
		{"lets PUT through", method(http.MethodPut), every},
		{"lets PATCH through", method(http.MethodPatch), every},
		{"lets DELETE through", method(http.MethodDelete), every},
		{"lets TRACE through", method(http.MethodTrace), every},
		{"lets HEAD through", method(http.MethodHead), every},
		{"lets preflights through", having("Access-Control-Request-Method", ""), every},
		{"lets WebSockets through", having("Upgrade", "websocket"), every},
		{"lets this machine through", having("X-Forwarded-For", "127.0.0.1"), every},
		{"lets overridden methods through", having("X-HTTP-Method-Override", ""), every},
		{"lets / through", onPath("/"), every},
		{"lets /health through", onPath("/health"), every},
		{"lets /metrics through", onPath("/metrics"), every},
		{"answers preflights itself", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			guarded.ServeHTTP(w, r)
		}), every},
		{"lets all through where there is no guard", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if g == nil {
				return next
			}
			return g.Require(scopes...)(next)
		}, "without a guard, no request is let through"},

		{"takes the address from X-Forwarded-For", address("X-Forwarded-For"), "RemoteAddr: got 127.0.0.1:1, want 127.0.0.1:"},
		{"takes the address from X-Real-IP", address("X-Real-IP"), "RemoteAddr: got 127.0.0.1:1, want 127.0.0.1:"},
		{"takes keys from the query", credentialFrom(func(r *http.Request) string {
			return r.URL.Query().Get("access_token")
		}), "a key in the query"},
		{"takes keys from X-API-Key", credentialFrom(func(r *http.Request) string {
			return r.Header.Get("X-API-Key")
		}), "a key in X-API-Key"},
		{"takes keys from a cookie", credentialFrom(cookie), "a key in a cookie"},
		{"takes keys from Proxy-Authorization", credentialFrom(func(r *http.Request) string {
			return strings.TrimPrefix(r.Header.Get("Proxy-Authorization"), "Bearer ")
		}), "a key in Proxy-Authorization"},
		{"takes keys from a form", credentialFrom(func(r *http.Request) string { return r.PostFormValue("access_token") }), unread},
		{"takes a tab for a space", spelling(func(field string) string {
			return strings.ReplaceAll(field, "\t", " ")
		}), "400 malformed_credentials, a tab"},
		{"overrides the method", arriving(func(r *http.Request) {
			if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
				r.Method = m
				r.Header.Del("X-HTTP-Method-Override")
			}
		}), "a publishable key with X-HTTP-Method-Override: Method: got DELETE, want GET"},
		{"drops the override", arriving(func(r *http.Request) {
			r.Header.Del("X-HTTP-Method-Override")
		}), "a publishable key with X-HTTP-Method-Override"},
		{"reads the body first", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			guarded.ServeHTTP(w, r)
		}), unread},

		{"recovers, and goes on", aborting(func(w *testWriter, ok bool) bool { return ok || w.status == 0 }), stopped},
		{"recovers panics", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			defer func() { _ = recover() }()
			guarded.ServeHTTP(w, r)
		}), panics},
		{"recovers panics of the handler", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { _ = recover() }()
				next.ServeHTTP(w, r)
			})
		}), panics},
		{"recovers errors", recovering(func(p any) bool {
			_, ok := p.(error)
			return ok
		}, func(any) {}), "a handler that panics with an error"},
		{"recovers what ends a connection", recovering(func(p any) bool {
			err, _ := p.(error)
			return errors.Is(err, http.ErrAbortHandler)
		}, func(any) {}),
			"got 200 \"first\\n\", want the panic net/http: abort Handler"},
		{"panics with a text", recovering(func(any) bool { return true }, func(p any) { panic(fmt.Sprint(p)) }),
			"the type of the panic bearertest: out of order: got string, want *errors.errorString"},
		{"reads the body of a refused request", afterRefusal(func(_ *testWriter, r *http.Request, _ http.Handler) {
			_, _ = io.Copy(io.Discard, r.Body)
		}), "a refused POST: reads of the body of a refused request: got "},
	})
}

func TestAdaptersThatHandOnAnotherRequest(t *testing.T) {
	t.Parallel()
	const (
		principal = "the handler finds the principal"
		same      = "the handler finds the principal that the guard decided on"
		known     = "the guard knows the request that it let through"
		ends      = "the handler's context ends when the client goes, and not before"
		request   = "the request arrives as it was sent"
	)
	background := func(_, admitted context.Context) context.Context {
		return bearer.NewContext(context.Background(), bearer.FromContext(admitted))
	}
	assertBrokenAdapters(t, []adapterTest{
		{"loses the principal", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					next.ServeHTTP(w, before)
				})).ServeHTTP(w, before)
			})
		}, principal},
		{"hides the principal", setting(func(r *http.Request) {
			*r = *r.WithContext(bearer.NewContext(r.Context(), nil))
		}), principal},
		{"loses all context", setting(func(r *http.Request) { *r = *r.WithContext(context.Background()) }),
			"the handler's context descends from the request's"},
		{"loses the context", replacing(background), "the handler's context descends from the request's"},
		{"loses the guard's trust", replacing(func(before, admitted context.Context) context.Context {
			return bearer.NewContext(before, bearer.FromContext(admitted))
		}), known},

		{"copies the principal", replacingPrincipal(func(*bearer.Principal) {}), same},
		{"forgets what is read-only", replacingPrincipal(func(p *bearer.Principal) { p.ReadOnly = false }), "with another ReadOnly, want"},
		{"forgets the key", replacingPrincipal(func(p *bearer.Principal) { p.Key = nil }), "with another Key, want"},
		{"forgets the claims", replacingPrincipal(func(p *bearer.Principal) { p.Claims = nil }), "with another Claims, want"},
		{"forgets the environment", replacingPrincipal(func(p *bearer.Principal) { p.Environment = 0 }), "with another Environment, want"},
		{"takes all for live", replacingPrincipal(func(p *bearer.Principal) { p.Environment = bearer.Live }), same},
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
		{"outlives the client, but not the request", ending(func(ctx context.Context) (context.Context, context.CancelFunc) {
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

		{"reads the body", changing(func(r *http.Request) *http.Request {
			_, _ = io.Copy(io.Discard, r.Body)
			return r
		}), request},
		{"changes the body", changing(func(r *http.Request) *http.Request {
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSpace(text)))
			return r
		}), request},
		{"cuts bodies to 4096 bytes", setting(func(r *http.Request) {
			r.Body = io.NopCloser(io.LimitReader(r.Body, 4096))
		}), request},
		{"reads forms", setting(func(r *http.Request) { _ = r.ParseForm() }), request},
		{"drops the body", setting(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("")) }), request},
		{"takes DELETE for GET", changing(func(r *http.Request) *http.Request {
			if r.Method == http.MethodDelete {
				r.Method = http.MethodGet
			}
			return r
		}), request},
		{"strips the path", inside(func(next http.Handler) http.Handler { return http.StripPrefix("/v1", next) }), request},
		{"drops the escaped path", setting(func(r *http.Request) { r.URL.RawPath = "" }), "a path with an escaped slash: URL: got"},
		{"drops the query", setting(func(r *http.Request) { r.URL.RawQuery = "" }), "URL: got"},
		{"drops header fields", setting(func(r *http.Request) { r.Header.Del("Bearertest-Field") }), request},
		{"drops Authorization", setting(func(r *http.Request) { r.Header.Del("Authorization") }), request},
		{"collapses spaces", spelling(func(field string) string {
			before, after, _ := strings.Cut(field, "  ")
			return strings.TrimSpace(before + " " + strings.TrimLeft(after, " "))
		}), "spaces behind the scheme: the header field Authorization: got"},
		{"sets another host", setting(func(r *http.Request) { r.Host = "internal.test" }), "Host: got internal.test, want"},
		{"sets another host in front", arriving(func(r *http.Request) { r.Host = "internal.test" }), "Host: got internal.test, want"},
		{"sets another address", setting(func(r *http.Request) { r.RemoteAddr = "192.0.2.7:1" }), "RemoteAddr: got 192.0.2.7:1, want"},
		{"drops the URI", setting(func(r *http.Request) { r.RequestURI = "" }), "RequestURI: got none, want"},
		{"forgets the length", setting(func(r *http.Request) { r.ContentLength = -1 }), "ContentLength: got -1, want"},
		{"says HTTP/1.0", setting(func(r *http.Request) { r.Proto, r.ProtoMinor = "HTTP/1.0", 0 }), "Proto: got HTTP/1.0"},
		{"adds a field to the request", setting(func(r *http.Request) { r.Header.Set("X-User", "a") }), "the header field X-User: got"},
		{"forgets the trailer", setting(func(r *http.Request) { r.Trailer = nil }), "Trailer: got none, want Bearertest-Trailer"},
		{"ends the connection", setting(func(r *http.Request) { r.Close = true }), "Close: got true, want false"},
		{"forgets certificates", setting(func(r *http.Request) {
			if r.TLS != nil {
				r.TLS = &tls.ConnectionState{HandshakeComplete: true}
			}
		}), "TLS: got "},
		{"forgets the pattern", setting(func(r *http.Request) { r.Pattern = "" }), "Pattern: got none, want the route's"},
		{"makes another request", changing(func(r *http.Request) *http.Request {
			c := &http.Request{
				Method: r.Method, URL: r.URL, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
				Header: r.Header, Body: r.Body, ContentLength: r.ContentLength, TransferEncoding: r.TransferEncoding,
				Host: r.Host, RemoteAddr: r.RemoteAddr, RequestURI: r.RequestURI, Pattern: r.Pattern,
			}
			return c.WithContext(r.Context())
		}), `PathValue: got "", want "kept"`},
	})
}

func TestAdaptersThatHideTheWriter(t *testing.T) {
	t.Parallel()
	const writer = "a handler can flush, hijack and set deadlines"
	assertBrokenAdapters(t, []adapterTest{
		{"hides the writer", writing(func(w http.ResponseWriter) http.ResponseWriter { return plainWriter{w} }), writer},
		{"has to be unwrapped", writing(func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} }),
			"the ResponseWriter is no http.Flusher"},
		{"cannot be unwrapped", writing(func(w http.ResponseWriter) http.ResponseWriter {
			return flusher{w, w.(http.Flusher), w.(http.Hijacker)}
		}), "cannot set a deadline to read: feature not supported"},
		{"buffers answers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			recorded := httptest.NewRecorder() // it takes Flush, and does nothing
			guarded.ServeHTTP(recorded, r)
			clear(w.Header())
			maps.Copy(w.Header(), recorded.Header())
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(recorded.Body.Bytes())
		}), writer},
		{"holds bodies back", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			h := &holder{ResponseWriter: w}
			guarded.ServeHTTP(h, r)
			_, _ = w.Write(h.held.Bytes())
		}), writer},
		{"compresses answers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				guarded.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			guarded.ServeHTTP(zipped{w, z}, r)
		}), `Content-Encoding: got "gzip", want none`},
		{"drops trailers", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			guarded.ServeHTTP(&testWriter{ResponseWriter: w, drop: "Trailer"}, r)
		}), "Trailer"},
	})
}

func TestAdaptersThatKeepSomething(t *testing.T) {
	t.Parallel()
	const (
		known = "the guard knows the request that it let through"
		anew  = "each request is judged anew"
		state = "no request knows of another"
	)
	assertBrokenAdapters(t, []adapterTest{
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
		}, state},
		{"keeps the first principal", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var first atomic.Pointer[bearer.Principal]
			return g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if first.CompareAndSwap(nil, bearer.FromContext(r.Context())) {
					next.ServeHTTP(w, r)
					return
				}
				next.ServeHTTP(w, bearertest.WithPrincipal(r, first.Load()))
			}))
		}, state},
		{"keeps the connections of good keys", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var good sync.Map // by the client's address and port
			guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				good.Store(r.RemoteAddr, true)
				next.ServeHTTP(w, r)
			}))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok := good.Load(r.RemoteAddr); ok {
					next.ServeHTTP(w, r)
					return
				}
				guarded.ServeHTTP(w, r)
			})
		}, state},
		{"caches refusals", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var refused sync.Map
			guarded := rightAdapter(g, next, scopes)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				credential := r.Header.Get("Authorization")
				if _, ok := refused.Load(credential); ok && credential != "" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				s := &testWriter{ResponseWriter: w}
				guarded.ServeHTTP(s, r)
				if s.refused() {
					refused.Store(credential, true)
				}
			})
		}, anew},
		{"caches principals", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var principals sync.Map // by their IDs
			return g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if p := bearer.FromContext(r.Context()); p != nil {
					first, _ := principals.LoadOrStore(p.ID, p)
					r = bearertest.WithPrincipal(r, first.(*bearer.Principal))
				}
				next.ServeHTTP(w, r)
			}))
		}, anew},
		{"caches credentials", remembering, anew},
		{"answers on the last writer", sharing(func(n *sharedNext, _ http.ResponseWriter, r *http.Request, next http.Handler) {
			w, _, _ := n.last()
			next.ServeHTTP(w, r)
		}, nothingMore), state},
		{"hands on the last request with its own principal", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, before, _ := n.last()
				next.ServeHTTP(w, before.WithContext(bearer.NewContext(before.Context(), bearer.FromContext(r.Context()))))
			}, nothingMore), known},
		{"hands on the last request with the guard's context", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, before, _ := n.last()
				next.ServeHTTP(w, before.WithContext(r.Context()))
			}, nothingMore), state},
		{"hands on the request that was admitted last", sharing(
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				n.mu.Lock()
				n.r = r
				n.mu.Unlock()
				runtime.Gosched()
				_, latest, _ := n.last()
				next.ServeHTTP(w, latest)
			}, nothingMore), state},
		{"goes on where another request passed", sharing(
			func(*sharedNext, http.ResponseWriter, *http.Request, http.Handler) {},
			func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler) {
				if _, _, passed := n.last(); passed {
					next.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), &bearer.Principal{ID: "key_a"})))
				}
			}), "got"},
		{"answers nothing beside another request", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
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
		}, state},
		{"panics beside another request", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			var inside atomic.Int32
			guarded := g.Require(scopes...)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer inside.Add(-1)
				if inside.Add(1) > 1 {
					panic("concurrent use")
				}
				guarded.ServeHTTP(w, r)
			})
		}, "got the panic concurrent use (at bearertest/testmiddleware_test.go:"},
	})
}
