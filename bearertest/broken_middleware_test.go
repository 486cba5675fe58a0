package bearertest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

type wrapFunc func(*bearer.Guard, ...bearer.Scope) http.Handler

// inside puts something between the guard and the handler.
func inside(between func(next http.Handler) http.Handler) wrapFunc {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return g.Require(scopes...)(between(bearertest.Handler))
	}
}

// outside puts something in front of the guard.
func outside(front func(w http.ResponseWriter, r *http.Request, guarded http.Handler)) wrapFunc {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		guarded := g.Require(scopes...)(bearertest.Handler)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front(w, r, guarded) })
	}
}

// checked is an adapter over Guard.Check.
func checked(refuse func(http.ResponseWriter, *http.Request, *bearer.Error)) wrapFunc {
	return func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := g.Check(r, scopes...)
			var refusal *bearer.Error
			if errors.As(err, &refusal) {
				refuse(w, r, refusal)
				return
			}
			bearertest.Handler.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), p)))
		})
	}
}

// changing hands on a changed request.
func changing(change func(*http.Request) *http.Request) wrapFunc {
	return inside(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, change(r)) })
	})
}

// A plainWriter hides what else a ResponseWriter can do.
type plainWriter struct{ http.ResponseWriter }

func (plainWriter) Unwrap() {} // not the method that http.ResponseController looks for

// A fieldWriter drops a header field as the status is written.
type fieldWriter struct {
	http.ResponseWriter
	drop string
}

func (w fieldWriter) WriteHeader(status int) {
	w.Header().Del(w.drop)
	w.ResponseWriter.WriteHeader(status)
}

func (w fieldWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func dropping(field string) wrapFunc {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
		guarded.ServeHTTP(fieldWriter{w, field}, r)
	})
}

// A statusWriter sees the status, and whether there is a body.
type statusWriter struct {
	http.ResponseWriter
	status int
	body   bool
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.body = true
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// afterRefusal does something where the guard has answered.
func afterRefusal(do func(w http.ResponseWriter, r *http.Request)) wrapFunc {
	return outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
		s := &statusWriter{ResponseWriter: w}
		guarded.ServeHTTP(s, r)
		if s.status >= http.StatusBadRequest && s.status != http.StatusTeapot {
			do(w, r)
		}
	})
}

func TestBrokenMiddleware(t *testing.T) {
	const (
		stopped   = "a refused request never reaches the handler"
		reached   = "an admitted request reaches the handler once"
		principal = "the handler finds the principal"
		charged   = "a request is judged and charged once"
		handler   = "the guard's ErrorHandler answers a refusal, once"
		status    = "an answer has the status that the guard gives it"
		header    = "an answer has the header fields that the guard gives it"
		body      = "an answer has the body that the guard gives it, and nothing after it"
		request   = "the request arrives as it was sent"
		writer    = "a handler can flush and hijack"
		state     = "no request knows of another"
	)
	tests := []struct {
		name   string
		broken wrapFunc
		rule   string
	}{
		{"forgets to abort", afterRefusal(bearertest.Handler.ServeHTTP), stopped},
		{"runs the handler first", outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
			bearertest.Handler.ServeHTTP(httptest.NewRecorder(), r)
			guarded.ServeHTTP(w, r)
		}), stopped},
		{"guards nothing", func(*bearer.Guard, ...bearer.Scope) http.Handler { return bearertest.Handler }, stopped},
		{"forgets the scopes", func(g *bearer.Guard, _ ...bearer.Scope) http.Handler { return g.Handler(bearertest.Handler) }, stopped},
		{"requires one of the scopes", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			if len(scopes) == 0 {
				return g.Handler(bearertest.Handler)
			}
			return g.RequireAny(scopes...)(bearertest.Handler)
		}, stopped},
		{"never calls the handler", inside(func(http.Handler) http.Handler { return http.NotFoundHandler() }), reached},
		{"calls the handler twice", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(httptest.NewRecorder(), r)
				next.ServeHTTP(w, r)
			})
		}), reached},
		{"loses the principal", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, before *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					bearertest.Handler.ServeHTTP(w, before)
				})).ServeHTTP(w, before)
			})
		}, principal},
		{"loses the context", changing(func(r *http.Request) *http.Request {
			return r.WithContext(bearer.NewContext(context.Background(), bearer.FromContext(r.Context())))
		}), "the handler's context descends from the request's"},
		{"checks and requires", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			guarded := g.Require(scopes...)(bearertest.Handler)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = g.Check(r, scopes...)
				guarded.ServeHTTP(w, r)
			})
		}, charged},
		{"writes refusals itself", checked(bearer.WriteError), handler},
		{"writes problems of its own", checked(bearer.WriteProblem), body},
		{"sends the error's text", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			http.Error(w, e.Error(), e.StatusCode())
		}), header},
		{"answers 401 to all", checked(func(w http.ResponseWriter, _ *http.Request, _ *bearer.Error) {
			w.WriteHeader(http.StatusUnauthorized)
		}), status},
		{"answers 200 to a refusal", checked(func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			_, _ = io.WriteString(w, e.Message())
		}), status},
		{"answers nothing", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) {}), status},
		{"answers twice", afterRefusal(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
		}), "a request is answered once"},
		{"writes behind a refusal", afterRefusal(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"message":"Unauthorized"}`)
		}), body},
		{"fills an empty refusal", outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
			s := &statusWriter{ResponseWriter: w}
			guarded.ServeHTTP(s, r)
			if s.status >= http.StatusBadRequest && s.status != http.StatusTeapot && !s.body {
				_, _ = io.WriteString(w, http.StatusText(s.status))
			}
		}), "a refusal without a body"},
		{"swallows WWW-Authenticate", dropping("WWW-Authenticate"), "Www-Authenticate: got []"},
		{"swallows Retry-After", dropping("Retry-After"), "Retry-After: got []"},
		{"swallows Cache-Control", dropping("Cache-Control"), "Cache-Control: got []"},
		{"swallows RateLimit", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Del("RateLimit")
				next.ServeHTTP(w, r)
			})
		}), "Ratelimit: got []"},
		{"hides the writer", outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
			guarded.ServeHTTP(plainWriter{w}, r)
		}), writer},
		{"buffers answers", outside(func(w http.ResponseWriter, r *http.Request, guarded http.Handler) {
			recorded := httptest.NewRecorder() // it takes Flush, and does nothing
			guarded.ServeHTTP(recorded, r)
			maps.Copy(w.Header(), recorded.Header())
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(recorded.Body.Bytes())
		}), "a handler that flushes: Content-Length: got"},
		{"recovers panics", inside(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { _ = recover() }()
				next.ServeHTTP(w, r)
			})
		}), "a panic of the handler passes through"},
		{"reads the body", changing(func(r *http.Request) *http.Request {
			_, _ = io.Copy(io.Discard, r.Body)
			return r
		}), request},
		{"changes the body", changing(func(r *http.Request) *http.Request {
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSpace(text)))
			return r
		}), request},
		{"takes DELETE for GET", changing(func(r *http.Request) *http.Request {
			if r.Method == http.MethodDelete {
				r.Method = http.MethodGet
			}
			return r
		}), request},
		{"strips the path", inside(func(next http.Handler) http.Handler { return http.StripPrefix("/v1", next) }), request},
		{"drops header fields", changing(func(r *http.Request) *http.Request {
			r.Header.Del("Bearertest-Field")
			return r
		}), request},
		{"keeps a flag between requests", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			var admitted atomic.Bool
			guarded := g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				admitted.Store(true)
				bearertest.Handler.ServeHTTP(w, r)
			}))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if admitted.Load() {
					bearertest.Handler.ServeHTTP(w, r)
					return
				}
				guarded.ServeHTTP(w, r)
			})
		}, state},
		{"keeps the first principal", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			var first atomic.Pointer[bearer.Principal]
			return g.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				first.CompareAndSwap(nil, bearer.FromContext(r.Context()))
				bearertest.Handler.ServeHTTP(w, bearertest.WithPrincipal(r, first.Load()))
			}))
		}, state},
		{"panics on a refusal", checked(func(_ http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			panic(e)
		}), "the adapter does not panic"},
		{"aborts by a panic", checked(func(http.ResponseWriter, *http.Request, *bearer.Error) {
			panic(http.ErrAbortHandler)
		}), "got panic true, want false"},
		{"returns no handler", func(*bearer.Guard, ...bearer.Scope) http.Handler { return nil }, "wrap returns a handler"},
		{"panics as it is made", func(*bearer.Guard, ...bearer.Scope) http.Handler { panic("no route") }, "the adapter does not panic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := bearertest.TestMiddleware(tt.broken)
			assertBroken(t, "TestMiddleware", tt.rule, err)
		})
	}
}

func TestReportIsShort(t *testing.T) {
	err := bearertest.TestMiddleware(func(*bearer.Guard, ...bearer.Scope) http.Handler { return bearertest.Handler })
	require.Error(t, err)
	assert.Less(t, strings.Count(err.Error(), "\n"), 80, "a rule that is broken everywhere is listed a few times")
	assert.Regexp(t, `\n\tand \d+ more\n\tfix: `, err.Error())
}
