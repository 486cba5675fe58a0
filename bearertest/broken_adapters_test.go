package bearertest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// A brokenAdapter is a row of a table: an adapter with one mistake, what the
// suite has to say about it, and whether that is hidden where the handler is
// not bearertest.Handler.
type brokenAdapter struct {
	name   string
	broken adapter
	want   string
	hidden bool
}

// namesPrincipal is a handler of an application: it needs a principal.
var namesPrincipal = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s\n", bearer.FromContext(r.Context()).ID)
})

// needsPrincipal answers nothing but that it needs a principal.
var needsPrincipal = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if bearer.FromContext(r.Context()) == nil {
		http.Error(w, "no principal", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
})

// assertBrokenAdapters tests each adapter in front of bearertest.Handler, where
// a mistake is told once, and in front of an application's handler.
func assertBrokenAdapters(t *testing.T, tests []brokenAdapter) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := bearertest.TestMiddleware(tt.broken.before(bearertest.Handler))
			assertBroken(t, "TestMiddleware", tt.want, err)
			assert.LessOrEqual(t, strings.Count(err.Error(), "\n\tfix: "), 2, "%v", err)
			if !tt.hidden {
				err = bearertest.TestMiddleware(tt.broken.before(namesPrincipal))
				require.Error(t, err, "with another handler")
				assert.LessOrEqual(t, strings.Count(err.Error(), "\n\tfix: "), 3, "%v", err)
			}
		})
	}
}

func TestAdaptersThatRefuseWrongly(t *testing.T) {
	t.Parallel()
	const (
		stopped = "a refused request never reaches the handler"
		reached = "an admitted request reaches the handler once"
		charged = "a request is judged and charged once"
		handler = "the guard's ErrorHandler answers a refusal, once"
		status  = "an answer has the status that the guard gives it"
		header  = "an answer has the header fields that the guard gives it"
		body    = "an answer has the body that the guard gives it, and nothing after it"
	)
	assertBrokenAdapters(t, []brokenAdapter{
		{"forgets to abort", afterRefusal(func(w *testWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(w.ResponseWriter, r)
		}), stopped, false},
		{"forgets to abort, whatever was decided", aborting(func(*testWriter, bool) bool { return true }), stopped, false},
		{"goes on where nothing was written", aborting(func(w *testWriter, ok bool) bool { return ok || w.status == 0 && !w.body }),
			stopped, false},
		{"runs the handler first", outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
			next.ServeHTTP(w, r)
			guarded.ServeHTTP(w, r)
		}), stopped, false},
		{"runs the handler first, for nothing", outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
			func() {
				defer func() { _ = recover() }()
				next.ServeHTTP(httptest.NewRecorder(), r)
			}()
			guarded.ServeHTTP(w, r)
		}), stopped, false},
		{"guards nothing", func(_ *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler { return next },
			"the guard that wrap was given judges each request", false},
		{"asks another guard", func(_ *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			g, _ := bearer.New(bearer.Config{Keys: new(bearertest.Keys)})
			return g.Require(scopes...)(next)
		}, "the guard that wrap was given judges each request", false},
		{"forgets the scopes", func(g *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler {
			return g.Handler(next)
		}, stopped, false},
		{"requires one of the scopes", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			if len(scopes) == 0 {
				return g.Handler(next)
			}
			return g.RequireAny(scopes...)(next)
		}, stopped, false},
		{"requires two of the scopes", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return g.Require(scopes[:min(2, len(scopes))]...)(next)
		}, "403 scope_insufficient, the third of three", false},
		{"requires a scope of its own", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return g.Require(append(scopes, "admin:read")...)(next)
		}, reached, false},
		{"never calls the handler", inside(func(http.Handler) http.Handler { return http.NotFoundHandler() }), reached, false},
		{"calls the handler twice", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				next.ServeHTTP(w, r)
			})
		}), reached, false},
		{"calls the handler twice, once for nothing", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(httptest.NewRecorder(), r)
				next.ServeHTTP(w, r)
			})
		}), reached, true},
		{"checks and requires", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			guarded := g.Require(scopes...)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = g.Check(r, scopes...)
				guarded.ServeHTTP(w, r)
			})
		}, charged, false},

		{"writes refusals itself", checked(bearer.WriteError), handler, false},
		{"writes problems of its own", checked(bearer.WriteProblem), header, false},
		{"sends the error's text", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			http.Error(w, e.Error(), e.StatusCode())
		}), header, false},
		{"answers 401 to all", checked(func(w http.ResponseWriter, _ *http.Request, _ *bearer.Error) {
			w.WriteHeader(http.StatusUnauthorized)
		}), status, false},
		{"answers 200 to a refusal", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			fmt.Fprint(w, e.Message())
		}), status, false},
		{"answers nothing", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) {}), status, false},
		{"answers 403 for 401", writing(func(w http.ResponseWriter) http.ResponseWriter { return forbidding{w} }), status, false},
		{"answers twice", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			w.ResponseWriter.WriteHeader(http.StatusUnauthorized)
		}), "a request is answered once", false},
		{"writes behind a refusal", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, `{"message":"Unauthorized"}`)
		}), body, false},
		{"fills an empty refusal", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			if !w.body {
				fmt.Fprint(w, http.StatusText(w.status))
			}
		}), "a refusal without a body", false},
		{"swallows WWW-Authenticate", dropping("WWW-Authenticate"), `Www-Authenticate: got none, want "Bearer realm=`, false},
		{"swallows Retry-After", dropping("Retry-After"), `Retry-After: got none, want "1"`, false},
		{"swallows Cache-Control", dropping("Cache-Control"), `Cache-Control: got none, want "no-store"`, false},
		{"swallows RateLimit", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Del("RateLimit")
				next.ServeHTTP(w, r)
			})
		}), "Ratelimit: got none, want", false},
		{"adds a field", outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
			w.Header().Set("X-Powered-By", "adapter")
			guarded.ServeHTTP(w, r)
		}), `X-Powered-By: got "adapter", want none`, false},
		{"panics on a refusal", checked(func(_ http.ResponseWriter, _ *http.Request, e *bearer.Error) { panic(e) }),
			"the adapter does not panic", false},
		{"aborts by a panic", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) { panic(http.ErrAbortHandler) }),
			"got the panic net/http: abort Handler (at bearertest/broken_adapters_test.go:", false},
		{"returns no handler", func(*bearer.Guard, http.Handler, []bearer.Scope) http.Handler { return nil },
			"wrap returns a handler", false},
		{"panics as it is made", func(*bearer.Guard, http.Handler, []bearer.Scope) http.Handler { panic("no route") },
			"the adapter does not panic", false},
	})
	assertBroken(t, "TestMiddleware", "wrap: got nil, want a function", bearertest.TestMiddleware(nil))
}

// The mistakes that are made most are found in front of any handler, as far as
// that shows them.
func TestBrokenAdaptersInFrontOfAnyHandler(t *testing.T) {
	t.Parallel()
	const names, needs, answers, nothing = 1, 2, 4, 8
	handlers := []struct {
		name    string
		handler http.HandlerFunc
		is      int
	}{
		{"names the principal", namesPrincipal, names},
		{"needs a principal", needsPrincipal, needs},
		{"answers 200", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, answers},
		{"answers a text", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, answers},
		{"does nothing", func(http.ResponseWriter, *http.Request) {}, nothing},
	}
	for _, tt := range []struct {
		name   string
		broken adapter
		shows  int // with these handlers
	}{
		{"forgets to abort", aborting(func(*testWriter, bool) bool { return true }), names | needs | answers},
		{"runs the handler first", outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
			next.ServeHTTP(w, r)
			guarded.ServeHTTP(w, r)
		}), names | needs | answers},
		{"loses the principal", func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					next.ServeHTTP(w, before)
				})).ServeHTTP(w, before)
			})
		}, names | needs},
		{"loses all context", setting(func(r *http.Request) { *r = *r.WithContext(context.Background()) }), names | needs},
		{"calls the handler twice", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				next.ServeHTTP(w, r)
			})
		}), names | needs | answers},
		{"answers twice", afterRefusal(func(w *testWriter, _ *http.Request, _ http.Handler) {
			w.ResponseWriter.WriteHeader(http.StatusUnauthorized)
		}), names | needs | answers | nothing},
		{"swallows WWW-Authenticate", dropping("WWW-Authenticate"), names | needs | answers | nothing},
		{"forgets the scopes", func(g *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler {
			return g.Handler(next)
		}, names | needs | answers | nothing},
		{"guards nothing", func(_ *bearer.Guard, next http.Handler, _ []bearer.Scope) http.Handler { return next },
			names | needs | answers | nothing},
		{"asks Guard.Check", checked(bearer.WriteError), names | needs | answers | nothing},
		{"caches credentials", remembering, names | needs | answers | nothing},
	} {
		for _, h := range handlers {
			if tt.shows&h.is != 0 {
				t.Run(tt.name+", "+h.name, func(t *testing.T) {
					t.Parallel()
					assert.Error(t, bearertest.TestMiddleware(tt.broken.before(h.handler)))
				})
			}
		}
	}
}

// A forbidding takes 401 for 403.
type forbidding struct{ http.ResponseWriter }

func (w forbidding) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w forbidding) Unwrap() http.ResponseWriter { return w.ResponseWriter }
