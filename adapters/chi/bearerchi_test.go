package bearerchi_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	"github.com/blockauth/bearer/bearertest"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// whoami answers with the principal and the route's parameter.
func whoami(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, bearer.FromContext(r.Context()).ID, " ", chi.URLParam(r, "id"))
}

// newGuard returns a guard, and a key with tokens:read that it lets in.
func newGuard(t *testing.T, c bearer.Config) (g *bearer.Guard, key string) {
	t.Helper()
	keys := new(bearertest.Keys)
	c.Keys = keys
	g, err := bearer.New(c)
	require.NoError(t, err)
	return g, keys.Issue(bearer.Key{ID: "reader", Scopes: "tokens:read"})
}

// send sends h a request over a connection, with the credential if it is not
// "", and records the answer.
func send(h http.Handler, method, path, credential string) *httptest.ResponseRecorder {
	server := httptest.NewServer(h)
	defer server.Close()
	r := bearertest.Request(method, server.URL+path, credential)
	r.RequestURI = "" // a client's request has none
	w := httptest.NewRecorder()
	answer, err := server.Client().Transport.RoundTrip(r)
	if err != nil {
		w.Code = 0 // the connection broke: no answer
		return w
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
	return w
}

// connect sends h a request over a connection: what a recorder cannot do.
func connect(t *testing.T, h http.Handler, path, credential string) io.Reader {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	r, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+credential)
	client := &http.Client{Timeout: 10 * time.Second} // a failure must not hang
	answer, err := client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.Body
}

func TestMiddlewares(t *testing.T) {
	var keys bearertest.Keys
	var tokens bearertest.Tokens
	g, err := bearer.New(bearer.Config{Keys: &keys, JWT: tokens.JWT()})
	require.NoError(t, err)
	full := keys.Issue(bearer.Key{ID: "full", Scopes: bearer.FullAccess})
	reader := keys.Issue(bearer.Key{ID: "reader", Scopes: "tokens:read"})
	publishable := keys.Issue(bearer.Key{ID: "publishable", Kind: bearer.PublishableKey, Scopes: bearer.FullAccess})
	app := chi.NewRouter()
	app.Get("/open", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "open") })
	app.Route("/v1", func(v1 chi.Router) {
		v1.Use(bearerchi.Handler(g))
		v1.With(bearerchi.Require(g, "tokens:read")).Get("/tokens/{id}", whoami)
		v1.With(bearerchi.Require(g, "tokens:read", "tokens:write")).Post("/tokens/{id}", whoami)
		v1.With(bearerchi.RequireAny(g, "wallets:read", "tokens:read")).Get("/either/{id}", whoami)
		v1.With(bearerchi.RequireAny(g)).Get("/none/{id}", whoami)
		v1.With(bearerchi.Resource(g, "tokens")).HandleFunc("/things/{id}", whoami)
		v1.Group(func(group chi.Router) {
			group.Use(bearerchi.Require(g, "admin:read"))
			group.Get("/group/{id}", whoami)
		})
		admin := chi.NewRouter()
		admin.Use(bearerchi.Require(g, "admin:read"))
		admin.Get("/{id}", whoami)
		v1.Mount("/admin", admin)
	})
	app.With(bearerchi.Require(g, "tokens:read")).Get("/alone/{id}", whoami)
	app.With(bearerchi.Handler(nil)).Get("/broken/{id}", whoami)

	tests := []struct {
		name, method, path, credential string
		status                         int
		body                           string // "" for a refusal
	}{
		{"outside the group", "GET", "/open", "", 200, "open"},
		{"group without a credential", "GET", "/v1/tokens/7", "", 401, ""},
		{"group and route", "GET", "/v1/tokens/7", reader, 200, "reader 7"},
		{"route wants more than the group", "POST", "/v1/tokens/7", reader, 403, ""},
		{"all scopes", "POST", "/v1/tokens/7", full, 200, "full 7"},
		{"a token", "GET", "/v1/tokens/7", tokens.Token("user_1", ""), 403, ""},
		{"one of two scopes", "GET", "/v1/either/7", reader, 200, "reader 7"},
		{"one of no scopes", "GET", "/v1/none/7", full, 403, ""},
		{"resource read", "GET", "/v1/things/7", reader, 200, "reader 7"},
		{"resource written by a reader", "POST", "/v1/things/7", reader, 403, ""},
		{"resource written", "POST", "/v1/things/7", full, 200, "full 7"},
		{"S4.2 publishable key reads", "GET", "/v1/things/7", publishable, 200, "publishable 7"},
		{"S4.2 publishable key writes", "DELETE", "/v1/things/7", publishable, 403, ""},
		{"nested group lacks the scope", "GET", "/v1/group/7", reader, 403, ""},
		{"nested group", "GET", "/v1/group/7", full, 200, "full 7"},
		{"mounted router lacks the scope", "GET", "/v1/admin/7", reader, 403, ""},
		{"mounted router", "GET", "/v1/admin/7", full, 200, "full 7"},
		{"route alone without a credential", "GET", "/alone/7", "", 401, ""},
		{"route alone", "GET", "/alone/7", reader, 200, "reader 7"},
		{"no guard refuses", "GET", "/broken/7", full, 503, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := send(app, tt.method, tt.path, tt.credential)
			assert.Equal(t, tt.status, answer.Code)
			if tt.body != "" {
				assert.Equal(t, tt.body, answer.Body.String())
			} else {
				assert.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
			}
		})
	}
}

func TestNestedGuardChargesOnce(t *testing.T) {
	var limiter bearertest.Limiter
	g, key := newGuard(t, bearer.Config{Limiter: &limiter})
	app := chi.NewRouter()
	app.Use(bearerchi.Handler(g))
	app.Route("/v1", func(v1 chi.Router) {
		v1.Use(bearerchi.Handler(g))
		v1.With(bearerchi.Require(g, "tokens:read")).Get("/", whoami)
	})

	answer := send(app, "GET", "/v1/", key)

	assert.Equal(t, http.StatusOK, answer.Code)
	assert.Len(t, limiter.Takes(), 1)
	assert.Equal(t, []string{`"default";r=99;t=1`}, answer.Header().Values("RateLimit"))
}

func TestRoute(t *testing.T) {
	type middleware = func(http.Handler) http.Handler
	tests := []struct {
		name, path, route string
		mount             func(app *chi.Mux, guard middleware)
	}{
		{"With", "/v1/tokens/7", "/v1/tokens/{id}", func(app *chi.Mux, guard middleware) {
			app.With(guard).Get("/v1/tokens/{id}", whoami)
		}},
		{"Group", "/v1/tokens/7", "/v1/tokens/{id}", func(app *chi.Mux, guard middleware) {
			app.Group(func(group chi.Router) {
				group.Use(guard)
				group.Get("/v1/tokens/{id}", whoami)
			})
		}},
		{"With in a subrouter", "/v1/tokens/7", "/v1/tokens/{id}", func(app *chi.Mux, guard middleware) {
			app.Route("/v1", func(v1 chi.Router) { v1.With(guard).Get("/tokens/{id}", whoami) })
		}},
		{"another request", "/v1/tokens/7", "/v1/tokens/{id}", func(app *chi.Mux, guard middleware) {
			app.Route("/v1", func(v1 chi.Router) {
				v1.With(func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						again, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, "/", nil)
						again.Header = r.Header
						next.ServeHTTP(w, again)
					})
				}, guard).Get("/tokens/{id}", whoami)
			})
		}},
		{"Use of a subrouter", "/v1/tokens/7", "/v1/*", func(app *chi.Mux, guard middleware) {
			app.Route("/v1", func(v1 chi.Router) {
				v1.Use(guard)
				v1.Get("/tokens/{id}", whoami)
			})
		}},
		{"Use of the router", "/v1/tokens/7", "", func(app *chi.Mux, guard middleware) {
			app.Use(guard)
			app.Get("/v1/tokens/{id}", whoami)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			accessed, observed := "unknown", "unknown"
			g, key := newGuard(t, bearer.Config{
				Access: func(r *http.Request) bearer.Access {
					accessed = bearer.Route(r)
					return bearer.Read
				},
				Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
			})
			app := chi.NewRouter()
			tt.mount(app, bearerchi.Resource(g, "tokens"))

			send(app, "GET", tt.path, key)

			assert.Equal(t, tt.route, accessed)
			assert.Equal(t, tt.route, observed)
		})
	}
}

func TestRouteOutsideChi(t *testing.T) {
	observed := "unknown"
	g, key := newGuard(t, bearer.Config{
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	mux := http.NewServeMux()
	mux.Handle("/v1/{id}", bearerchi.Handler(g)(http.HandlerFunc(whoami)))

	tests := []struct {
		name, route string
		app         http.Handler
	}{
		{"ServeMux", "/v1/{id}", mux},
		{"no router", "", bearerchi.Handler(g)(http.HandlerFunc(whoami))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, http.StatusOK, send(tt.app, "GET", "/v1/7", key).Code)
			assert.Equal(t, tt.route, observed)
		})
	}
}

func TestRefusalEndsTheChain(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{})
	var steps []string
	step := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				steps = append(steps, name)
				next.ServeHTTP(w, r)
			})
		}
	}
	app := chi.NewRouter()
	app.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			next.ServeHTTP(wrapped, r)
			assert.Equal(t, http.StatusUnauthorized, wrapped.Status())
			steps = append(steps, "after")
		})
	})
	app.With(step("before"), bearerchi.Handler(g), step("behind")).Get("/", whoami)

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestHandlerGetsTheWriterThatCame(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	var writers []http.ResponseWriter
	app := chi.NewRouter()
	app.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writers = append(writers, w)
			next.ServeHTTP(w, r)
		})
	}, bearerchi.Handler(g))
	app.Get("/", func(w http.ResponseWriter, _ *http.Request) { writers = append(writers, w) })

	send(app, "GET", "/", key)

	require.Len(t, writers, 2)
	assert.Same(t, writers[0], writers[1])
}

func TestRefusalWithoutABody(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) { w.WriteHeader(e.StatusCode()) },
	})
	app := chi.NewRouter()
	app.With(bearerchi.Handler(g)).Get("/", whoami)

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Empty(t, answer.Body.String())
}

func TestRecovery(t *testing.T) {
	tests := []struct {
		name          string
		recoveryFirst bool
		authorize     bool
		status        int
	}{
		{"recovery, guard", true, true, http.StatusInternalServerError},
		{"recovery, guard, refused", true, false, http.StatusUnauthorized},
		{"guard, recovery", false, true, http.StatusInternalServerError},
		{"guard, recovery, refused", false, false, http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, key := newGuard(t, bearer.Config{})
			guard := bearerchi.Handler(g)
			app := chi.NewRouter()
			app.Use(quietly)
			if tt.recoveryFirst {
				app.Use(middleware.Recoverer, guard)
			} else {
				app.Use(guard, middleware.Recoverer)
			}
			app.Get("/", func(http.ResponseWriter, *http.Request) { panic("boom") })
			if !tt.authorize {
				key = ""
			}
			assert.Equal(t, tt.status, send(app, "GET", "/", key).Code)
		})
	}
}

// quietly makes Recoverer log nowhere.
func quietly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, middleware.WithLogEntry(r, noLog{}))
	})
}

type noLog struct{ middleware.LogEntry }

func (noLog) Panic(any, []byte) {}

func TestPanicOfTheGuardLetsNobodyIn(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		Observe: func(*http.Request, *bearer.Principal, *bearer.Error) { panic("boom") },
	})
	app := chi.NewRouter()
	app.Use(quietly, middleware.Recoverer, bearerchi.Handler(g))
	ran := false
	app.Get("/", func(http.ResponseWriter, *http.Request) { ran = true })

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.False(t, ran)
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	guard := bearerchi.Handler(g)
	global := chi.NewRouter()
	global.Use(guard)
	global.Get("/tokens", whoami)
	sub := chi.NewRouter()
	sub.Route("/v1", func(v1 chi.Router) {
		v1.Use(guard)
		v1.Get("/tokens", whoami)
	})
	with := chi.NewRouter()
	with.With(guard).Get("/tokens", whoami)
	custom := chi.NewRouter()
	custom.With(guard).NotFound(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nothing here", http.StatusNotFound) })
	head := chi.NewRouter()
	head.Use(middleware.GetHead)
	head.With(guard).Get("/tokens", whoami)

	tests := []struct {
		name                     string
		app                      http.Handler
		method, path, credential string
		status                   int
		body                     string // what the body holds
	}{
		{"404 behind the guard, refused", global, "GET", "/other", "", 401, "missing_credentials"},
		{"404 behind the guard", global, "GET", "/other", key, 404, "404 page not found"},
		{"405 behind the guard, refused", global, "POST", "/tokens", "", 401, "missing_credentials"},
		{"405 behind the guard", global, "POST", "/tokens", key, 405, ""},
		{"404 in a subrouter, refused", sub, "GET", "/v1/other", "", 401, "missing_credentials"},
		{"404 in a subrouter", sub, "GET", "/v1/other", key, 404, "404 page not found"},
		{"405 in a subrouter", sub, "POST", "/v1/tokens", key, 405, ""},
		{"404 beside a subrouter", sub, "GET", "/other", "", 404, "404 page not found"},
		{"404 beside a route", with, "GET", "/other", "", 404, "404 page not found"},
		{"405 beside a route", with, "POST", "/tokens", "", 405, ""},
		{"own 404, refused", custom, "GET", "/other", "", 401, "missing_credentials"},
		{"own 404", custom, "GET", "/other", key, 404, "nothing here"},
		{"HEAD, refused", head, "HEAD", "/tokens", "", 401, ""},
		{"HEAD", head, "HEAD", "/tokens", key, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := send(tt.app, tt.method, tt.path, tt.credential)
			assert.Equal(t, tt.status, answer.Code)
			assert.Contains(t, answer.Body.String(), tt.body)
			if tt.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "GET", answer.Header().Get("Allow"))
			}
		})
	}
}

func TestPreflightPassesOutsideTheGuard(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := chi.NewRouter()
	app.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, bearerchi.Handler(g))
	app.Get("/", whoami)

	tests := []struct {
		name, method, credential string
		status                   int
	}{
		{"preflight", "OPTIONS", "", http.StatusNoContent},
		{"refused", "GET", "", http.StatusUnauthorized},
		{"accepted", "GET", key, http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := send(app, tt.method, "/", tt.credential)
			assert.Equal(t, tt.status, answer.Code)
			assert.Equal(t, "https://app.example", answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestStreams(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := chi.NewRouter()
	app.Use(bearerchi.Handler(g))
	goOn := make(chan struct{}, 2) // a failure must not hang
	stream := func(w http.ResponseWriter, r *http.Request, flush func() error) {
		_, _ = io.WriteString(w, "data: one\n")
		assert.NoError(t, flush())
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "data: two\n")
	}
	app.Get("/flusher", func(w http.ResponseWriter, r *http.Request) {
		stream(w, r, func() error { w.(http.Flusher).Flush(); return nil })
	})
	app.Get("/controller", func(w http.ResponseWriter, r *http.Request) {
		controller := http.NewResponseController(w)
		assert.NoError(t, controller.SetWriteDeadline(time.Now().Add(time.Minute)))
		stream(w, r, controller.Flush)
	})
	for _, path := range []string{"/flusher", "/controller"} {
		t.Run(path, func(t *testing.T) {
			body := bufio.NewReader(connect(t, app, path, key))
			first, err := body.ReadString('\n') // the handler has not returned
			goOn <- struct{}{}
			rest, restErr := io.ReadAll(body)

			require.NoError(t, err)
			require.NoError(t, restErr)
			assert.Equal(t, "data: one\n", first)
			assert.Equal(t, "data: two\n", string(rest))
		})
	}
}

// The contract hijacks by an http.ResponseController.
func TestHijacker(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := chi.NewRouter()
	app.With(bearerchi.Handler(g)).Get("/", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nraw "+bearer.FromContext(r.Context()).ID)
			_ = conn.Close()
		}
	})

	body, err := io.ReadAll(connect(t, app, "/", key))

	require.NoError(t, err)
	assert.Equal(t, "raw reader", string(body))
}
