package bearertest_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// rightAborting is a right adapter for chains of handlers.
var rightAborting = aborting(func(_ *testWriter, ok bool) bool { return ok })

// A right adapter is one in front of any handler.
func TestRightAdapters(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	principal := func(r *http.Request) *bearer.Principal { return bearer.FromContext(r.Context()) }
	tests := []struct {
		name    string
		handler http.HandlerFunc
	}{
		{"bearertest.Handler", bearertest.Handler.ServeHTTP},
		{"names the principal", namesPrincipal},
		{"needs a principal", needsPrincipal},
		{"needs a principal, or says 401", func(w http.ResponseWriter, r *http.Request) {
			if principal(r) == nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}},
		{"needs a key", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, principal(r).Key.Owner) }},
		{"does nothing", func(http.ResponseWriter, *http.Request) {}},
		{"answers 200", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }},
		{"answers 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		{"answers 302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }},
		{"answers 418", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }},
		{"answers 501", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusNotImplemented) }},
		{"answers the same", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }},
		{"has an opinion of its own", func(w http.ResponseWriter, r *http.Request) {
			if !principal(r).Holds("tokens:read") {
				w.WriteHeader(http.StatusForbidden)
			}
		}},
		{"has a field", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Owner", principal(r).Owner)
			http.SetCookie(w, &http.Cookie{Name: "a", Value: principal(r).ID})
		}},
		{"echoes", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }},
		{"flushes", func(w http.ResponseWriter, r *http.Request) {
			for range 3 {
				fmt.Fprintf(w, "data: %s\n\n", principal(r).ID)
				w.(http.Flusher).Flush()
			}
		}},
		{"hijacks", func(w http.ResponseWriter, _ *http.Request) {
			h, ok := w.(http.Hijacker)
			if !ok {
				http.Error(w, "no connection", http.StatusNotImplemented)
				return
			}
			conn, _, err := h.Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				_ = conn.Close()
			}
		}},
		{"tells the time", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, time.Now()) }},
		{"tells the second", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, time.Now().Unix()) }},
		{"counts", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, count.Add(1)) }},
		{"has a random ID", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", fmt.Sprint(rand.Int64()))
			fmt.Fprint(w, principal(r).ID)
		}},
		{"names the client", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) }},
		{"times out", http.TimeoutHandler(namesPrincipal, time.Minute, "").ServeHTTP},
		{"reads GET alone", func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				http.Error(w, "read only", http.StatusMethodNotAllowed)
				return
			}
			fmt.Fprint(w, principal(r).ID)
		}},
		{"panics at a POST", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				panic("no POST")
			}
			fmt.Fprint(w, principal(r).ID)
		}},
		{"recovers", func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			fmt.Fprint(w, principal(r).ID)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, bearertest.TestMiddleware(adapter(rightAdapter).before(tt.handler)))
			assert.NoError(t, bearertest.TestMiddleware(rightAborting.before(tt.handler)))
		})
	}
}

// An application's router may serve more or less than the path that is asked
// for.
func TestRightAdaptersBehindARouter(t *testing.T) {
	t.Parallel()
	const notFound = "the adapter is on every path and method"
	tests := []struct {
		pattern string
		handler http.Handler
		want    string // of the error, if there is one
	}{
		{"/", bearertest.Handler, ""},
		{"/", namesPrincipal, ""},
		{"GET /", namesPrincipal, ""},
		{"/{$}", namesPrincipal, ""},
		{"GET /{$}", namesPrincipal, ""},
		{"/v1/things", namesPrincipal, ""},
		{"GET /v1/things", namesPrincipal, ""},
		{"GET /v1/{thing}", namesPrincipal, ""},
		{"GET /", bearertest.Handler, notFound},
		{"/{$}", bearertest.Handler, notFound},
		{"GET /things", namesPrincipal, notFound},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.pattern, "/", "|"), func(t *testing.T) {
			t.Parallel()
			err := bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
				mux := http.NewServeMux()
				mux.Handle(tt.pattern, g.Require(scopes...)(tt.handler))
				return mux
			})
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assertBroken(t, "TestMiddleware", tt.want, err)
			assert.Equal(t, 1, strings.Count(err.Error(), "\n\tfix: "), "%v", err)
		})
		t.Run("before "+strings.ReplaceAll(tt.pattern, "/", "|"), func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle(tt.pattern, tt.handler)
			err := bearertest.TestMiddleware(adapter(rightAdapter).before(mux))
			if tt.pattern != "GET /things" && tt.handler != bearertest.Handler {
				assert.NoError(t, err)
				return
			}
			if tt.pattern != "/" {
				require.Error(t, err)
			}
		})
	}
}
