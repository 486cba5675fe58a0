package bearerchi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	"github.com/blockauth/bearer/adapters/internal/adaptertest"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// whoami answers with the principal and the route's parameter.
func whoami(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, bearer.FromContext(r.Context()).ID, " ", chi.URLParam(r, "id"))
}

func TestMiddlewares(t *testing.T) {
	adaptertest.Middlewares(t, func(g *bearer.Guard) http.Handler {
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
		return app
	})
}

func TestNestedGuardChargesOnce(t *testing.T) {
	adaptertest.ChargesOnce(t, func(g *bearer.Guard) http.Handler {
		app := chi.NewRouter()
		app.Use(bearerchi.Handler(g))
		app.Route("/v1", func(v1 chi.Router) {
			v1.Use(bearerchi.Handler(g))
			v1.With(bearerchi.Require(g, "tokens:read")).Get("/", whoami)
		})
		return app
	})
}

func TestRoute(t *testing.T) {
	type wrap = func(http.Handler) http.Handler
	tests := []struct {
		name, path, early, route string
		mount                    func(app *chi.Mux, guard wrap)
	}{
		{"With", "/v1/tokens/7", "/v1/tokens/{id}", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
			app.With(guard).Get("/v1/tokens/{id}", whoami)
		}},
		{"Group", "/v1/tokens/7", "/v1/tokens/{id}", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
			app.Group(func(group chi.Router) {
				group.Use(guard)
				group.Get("/v1/tokens/{id}", whoami)
			})
		}},
		{"With in a subrouter", "/v1/tokens/7", "/v1/tokens/{id}", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
			app.Route("/v1", func(v1 chi.Router) { v1.With(guard).Get("/tokens/{id}", whoami) })
		}},
		{"another request", "/v1/tokens/7", "/v1/tokens/{id}", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
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
		{"Use of a subrouter", "/v1/tokens/7", "/v1/*", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
			app.Route("/v1", func(v1 chi.Router) {
				v1.Use(guard)
				v1.Get("/tokens/{id}", whoami)
			})
		}},
		{"Use of the router", "/v1/tokens/7", "", "/v1/tokens/{id}", func(app *chi.Mux, guard wrap) {
			app.Use(guard)
			app.Get("/v1/tokens/{id}", whoami)
		}},
		{"Use of the router, no route", "/other", "", "", func(app *chi.Mux, guard wrap) {
			app.Use(guard)
			app.NotFound(whoami)
			app.Get("/v1/tokens/{id}", whoami)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			adaptertest.Route(t, tt.path, tt.early, tt.route, func(g *bearer.Guard) http.Handler {
				app := chi.NewRouter()
				tt.mount(app, bearerchi.Resource(g, "tokens"))
				return app
			})
		})
	}
}

// A route is never that of another router, which the path would match too: an
// Access that lets publishable keys search must not let them write.
func TestRouteIsOfNoOtherRouter(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{
		Access: func(r *http.Request) bearer.Access {
			if bearer.Route(r) == "/search" {
				return bearer.Read
			}
			return bearer.MethodAccess(r)
		},
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) {
			assert.NotEqual(t, "/search", bearer.Route(r))
		},
	})
	admin := chi.NewRouter()
	admin.Use(bearerchi.Handler(g))
	admin.Post("/{table}", whoami)
	app := chi.NewRouter()
	app.With(bearerchi.Handler(g)).Post("/search", whoami)
	app.Handle("/admin/*", http.StripPrefix("/admin", admin))
	assert.Equal(t, http.StatusUnauthorized, adaptertest.Send(app, "POST", "/admin/search", "").Code)
}

// What a guard refuses has the route found so far, as docs/routers.md says.
func TestRouteOfARefusal(t *testing.T) {
	observed := "unknown"
	g, _ := adaptertest.NewGuard(t, bearer.Config{
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	app := chi.NewRouter()
	app.Route("/v1", func(v1 chi.Router) {
		v1.Use(bearerchi.Handler(g))
		v1.Get("/tokens/{id}", whoami)
	})
	app.With(bearerchi.Handler(g)).Get("/v2/tokens/{id}", whoami)
	for path, want := range map[string]string{"/v1/tokens/7": "/v1/*", "/v2/tokens/7": "/v2/tokens/{id}"} {
		assert.Equal(t, http.StatusUnauthorized, adaptertest.Send(app, "GET", path, "").Code)
		assert.Equal(t, want, observed)
	}
}

func TestRouteOutsideChi(t *testing.T) {
	observed := "unknown"
	g, key := adaptertest.NewGuard(t, bearer.Config{
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	mux := http.NewServeMux()
	mux.Handle("/v1/{id}", bearerchi.Handler(g)(http.HandlerFunc(whoami)))

	inner := chi.NewRouter()
	inner.Use(bearerchi.Handler(g))
	inner.Get("/{id}", whoami)
	mounted := http.NewServeMux()
	mounted.Handle("/v1/", http.StripPrefix("/v1", inner))

	tests := []struct {
		name, route string
		app         http.Handler
	}{
		{"ServeMux", "/v1/{id}", mux},
		{"chi in ServeMux", "/{id}", mounted},
		{"no router", "", bearerchi.Handler(g)(http.HandlerFunc(whoami))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, http.StatusOK, adaptertest.Send(tt.app, "GET", "/v1/7", key).Code)
			assert.Equal(t, tt.route, observed)
		})
	}
}

func TestRefusalEndsTheChain(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{})
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

	answer := adaptertest.Send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestHandlerGetsTheWriterThatCame(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
	var writers []http.ResponseWriter
	app := chi.NewRouter()
	app.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writers = append(writers, w)
			next.ServeHTTP(w, r)
		})
	}, bearerchi.Handler(g))
	app.Get("/", func(w http.ResponseWriter, _ *http.Request) { writers = append(writers, w) })

	adaptertest.Send(app, "GET", "/", key)

	require.Len(t, writers, 2)
	assert.Same(t, writers[0], writers[1])
}

func TestRecovery(t *testing.T) {
	adaptertest.Recovery(t, http.StatusInternalServerError, func(g *bearer.Guard, recoveryFirst bool) http.Handler {
		app := chi.NewRouter()
		app.Use(quietly)
		if recoveryFirst {
			app.Use(middleware.Recoverer, bearerchi.Handler(g))
		} else {
			app.Use(bearerchi.Handler(g), middleware.Recoverer)
		}
		app.Get("/", func(http.ResponseWriter, *http.Request) { panic("boom") })
		return app
	})
}

// quietly makes Recoverer log nowhere.
func quietly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, middleware.WithLogEntry(r, noLog{}))
	})
}

type noLog struct{ middleware.LogEntry }

func (noLog) Panic(any, []byte) {}

func TestPanicOfTheGuardLetsNothingThrough(t *testing.T) {
	adaptertest.PanicOfTheGuard(t, http.StatusInternalServerError, func(g *bearer.Guard, reached func()) http.Handler {
		app := chi.NewRouter()
		app.Use(quietly, middleware.Recoverer, bearerchi.Handler(g))
		app.Get("/", func(http.ResponseWriter, *http.Request) { reached() })
		return app
	})
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
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

	expect := adaptertest.Expecting(t, "GET")
	expect("404 behind the guard, refused", global, "GET", "/other", "", 401, "missing_credentials")
	expect("404 behind the guard", global, "GET", "/other", key, 404, "404 page not found")
	expect("405 behind the guard, refused", global, "POST", "/tokens", "", 401, "missing_credentials")
	expect("405 behind the guard", global, "POST", "/tokens", key, 405, "")
	expect("404 in a subrouter, refused", sub, "GET", "/v1/other", "", 401, "missing_credentials")
	expect("404 in a subrouter", sub, "GET", "/v1/other", key, 404, "404 page not found")
	expect("405 in a subrouter", sub, "POST", "/v1/tokens", key, 405, "")
	expect("404 beside a subrouter", sub, "GET", "/other", "", 404, "404 page not found")
	expect("404 beside a route", with, "GET", "/other", "", 404, "404 page not found")
	expect("405 beside a route", with, "POST", "/tokens", "", 405, "")
	expect("own 404, refused", custom, "GET", "/other", "", 401, "missing_credentials")
	expect("own 404", custom, "GET", "/other", key, 404, "nothing here")
	expect("HEAD, refused", head, "HEAD", "/tokens", "", 401, "")
	expect("HEAD", head, "HEAD", "/tokens", key, 200, "")
}

func TestPreflightPassesOutsideTheGuard(t *testing.T) {
	adaptertest.Preflight(t, func(g *bearer.Guard) http.Handler {
		app := chi.NewRouter()
		app.Use(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Access-Control-Allow-Origin", adaptertest.Origin)
				if r.Method == http.MethodOptions {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				next.ServeHTTP(w, r)
			})
		}, bearerchi.Handler(g))
		app.Get("/", whoami)
		return app
	})
}

func TestWriter(t *testing.T) {
	newApp := func(g *bearer.Guard, h http.HandlerFunc) http.Handler {
		app := chi.NewRouter()
		app.With(bearerchi.Handler(g)).Get("/", h)
		return app
	}
	adaptertest.Streams(t, newApp)
	adaptertest.Hijacks(t, newApp)
}
