package bearertest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// An adapter puts a guard that requires the scopes in front of a handler.
type adapter func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler

// before returns what TestMiddleware tests.
func (a adapter) before(next http.Handler) func(*bearer.Guard, ...bearer.Scope) http.Handler {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler { return a(g, next, scopes) }
}

func rightAdapter(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
	return g.Require(scopes...)(next)
}

// inside puts something between the guard and the handler.
func inside(between func(next http.Handler) http.Handler) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		return g.Require(scopes...)(between(next))
	}
}

// outside puts something in front of the guard.
func outside(front func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler)) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		guarded := g.Require(scopes...)(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front(w, r, guarded, next) })
	}
}

// arriving changes a request in front of the guard.
func arriving(change func(*http.Request)) adapter {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
		c := r.Clone(r.Context())
		change(c)
		guarded.ServeHTTP(w, c)
	})
}

// changing hands on a changed request.
func changing(change func(*http.Request) *http.Request) adapter {
	return inside(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, change(r)) })
	})
}

// setting changes a field of the request that is handed on.
func setting(set func(*http.Request)) adapter {
	return changing(func(r *http.Request) *http.Request {
		c := r.Clone(r.Context())
		set(c)
		return c
	})
}

// spelling changes the Authorization field in front of the guard.
func spelling(change func(string) string) adapter {
	return arriving(func(r *http.Request) {
		if fields := r.Header["Authorization"]; len(fields) == 1 {
			r.Header["Authorization"] = []string{change(fields[0])}
		}
	})
}

// replacing hands on a request with another context.
func replacing(change func(before, admitted context.Context) context.Context) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
			g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(change(before.Context(), r.Context())))
			})).ServeHTTP(w, before)
		})
	}
}

// ending hands on a context with another end.
func ending(change func(context.Context) (context.Context, context.CancelFunc)) adapter {
	return inside(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := change(r.Context())
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	})
}

// replacingPrincipal hands on a changed copy of the principal, behind the guard's context.
func replacingPrincipal(change func(*bearer.Principal)) adapter {
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

// checked is an adapter over Guard.Check.
func checked(refuse func(http.ResponseWriter, *http.Request, *bearer.Error)) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := g.Check(r, scopes...)
			var refusal *bearer.Error
			if errors.As(err, &refusal) {
				refuse(w, r, refusal)
				return
			}
			next.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), p)))
		})
	}
}

// skipping lets some requests pass the guard by.
func skipping(such func(*http.Request) bool) adapter {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
		if such(r) {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

func method(m string) adapter { return skipping(func(r *http.Request) bool { return r.Method == m }) }

func onPath(p string) adapter { return skipping(func(r *http.Request) bool { return r.URL.Path == p }) }

// having lets requests through that have a field, of a value if that is not "".
func having(field, value string) adapter {
	return skipping(func(r *http.Request) bool {
		got := r.Header.Get(field)
		return got != "" && (value == "" || strings.EqualFold(got, value))
	})
}

// credentialFrom takes a credential from elsewhere, if there is one.
func credentialFrom(find func(*http.Request) string) adapter {
	return arriving(func(r *http.Request) {
		if text := find(r); text != "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+text)
		}
	})
}

// A testWriter is a ResponseWriter with a change.
type testWriter struct {
	http.ResponseWriter
	status int
	body   bool
	drop   string
}

func (w *testWriter) WriteHeader(status int) {
	w.status = status
	w.Header().Del(w.drop)
	w.ResponseWriter.WriteHeader(status)
}

func (w *testWriter) Write(b []byte) (int, error) {
	if w.body = true; w.status == 0 {
		w.Header().Del(w.drop)
	}
	return w.ResponseWriter.Write(b)
}

func (w *testWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *testWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *testWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *testWriter) refused() bool { return w.status >= 400 && w.status != http.StatusTeapot }

// writing hands on another writer.
func writing(change func(http.ResponseWriter) http.ResponseWriter) adapter {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded, _ http.Handler) {
		guarded.ServeHTTP(change(w), r)
	})
}

func dropping(field string) adapter {
	return writing(func(w http.ResponseWriter) http.ResponseWriter {
		return &testWriter{ResponseWriter: w, drop: field}
	})
}

// afterRefusal does something where the guard has answered.
func afterRefusal(do func(w *testWriter, r *http.Request, next http.Handler)) adapter {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded, next http.Handler) {
		s := &testWriter{ResponseWriter: w}
		guarded.ServeHTTP(s, r)
		if s.refused() {
			do(s, r, next)
		}
	})
}

// recovering recovers such panics of the handler, and does something then.
func recovering(such func(any) bool, then func(any)) adapter {
	return inside(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch p := recover(); {
				case p == nil:
				case such(p):
					then(p)
				default:
					panic(p)
				}
			}()
			next.ServeHTTP(w, r)
		})
	})
}

// aborting is how adapters for chains of handlers are made: the guard's next
// only notes that it was called. It goes on where goesOn says so, also after a
// panic of the guard.
func aborting(goesOn func(w *testWriter, ok bool) bool) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, ok := &testWriter{ResponseWriter: w}, false
			func() {
				defer func() {
					if p := recover(); p != nil && !goesOn(s, ok) {
						panic(p)
					}
				}()
				g.Require(scopes...)(http.HandlerFunc(func(_ http.ResponseWriter, guarded *http.Request) {
					ok, r = true, guarded
				})).ServeHTTP(s, r)
			}()
			if goesOn(s, ok) {
				next.ServeHTTP(w, r)
			}
		})
	}
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

func (n *sharedNext) last() (w http.ResponseWriter, r *http.Request, passed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.w, n.r, n.passed
}

// A shared does something with the rest of the chain.
type shared func(n *sharedNext, w http.ResponseWriter, r *http.Request, next http.Handler)

// sharing keeps one sharedNext for all requests.
func sharing(handler, after shared) adapter {
	return func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		n := &sharedNext{handler: func(n *sharedNext, w http.ResponseWriter, r *http.Request) { handler(n, w, r, next) }}
		guarded := g.Require(scopes...)(n)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.w, n.r, n.passed = w, r, false
			n.mu.Unlock()
			guarded.ServeHTTP(w, r)
			after(n, w, r, next)
		})
	}
}

func nothingMore(*sharedNext, http.ResponseWriter, *http.Request, http.Handler) {}

// A forbidding takes 401 for 403.
type forbidding struct{ http.ResponseWriter }

func (w forbidding) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w forbidding) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A plainWriter hides what else a ResponseWriter can do.
type plainWriter struct{ http.ResponseWriter }

func (plainWriter) Unwrap() {} // not the method that http.ResponseController looks for

// An unwrapper lacks what is not found by unwrapping.
type unwrapper struct{ http.ResponseWriter }

func (w unwrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A flusher flushes and hijacks, and that is all.
type flusher struct {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
}

// A holder holds the body back until the end. Flush only sends the header.
type holder struct {
	http.ResponseWriter
	held bytes.Buffer
}

func (h *holder) Write(b []byte) (int, error) { return h.held.Write(b) }

func (h *holder) Flush() { _ = http.NewResponseController(h.ResponseWriter).Flush() }

func (h *holder) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// A zipped compresses.
type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (w zipped) Write(b []byte) (int, error) { return w.z.Write(b) }

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
