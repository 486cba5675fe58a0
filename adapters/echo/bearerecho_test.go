package bearerecho_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/blockauth/bearer/bearertest"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newApp() *echo.Echo {
	app := echo.New()
	app.Logger = slog.New(slog.DiscardHandler)
	return app
}

// whoami answers with the principal and the route's parameter.
func whoami(c *echo.Context) error {
	return c.String(http.StatusOK, bearerecho.Principal(c).ID+" "+c.Param("id"))
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
	app := newApp()
	app.GET("/open", func(c *echo.Context) error { return c.String(http.StatusOK, "open") })
	v1 := app.Group("/v1", bearerecho.Handler(g))
	v1.GET("/tokens/:id", whoami, bearerecho.Require(g, "tokens:read"))
	v1.POST("/tokens/:id", whoami, bearerecho.Require(g, "tokens:read", "tokens:write"))
	v1.GET("/either/:id", whoami, bearerecho.RequireAny(g, "wallets:read", "tokens:read"))
	v1.GET("/none/:id", whoami, bearerecho.RequireAny(g))
	v1.Any("/things/:id", whoami, bearerecho.Resource(g, "tokens"))
	admin := v1.Group("/admin")
	admin.Use(bearerecho.Require(g, "admin:read"))
	admin.GET("/:id", whoami)
	app.GET("/alone/:id", whoami, bearerecho.Require(g, "tokens:read"))
	app.GET("/broken/:id", whoami, bearerecho.Handler(nil))

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
		{"nested group lacks the scope", "GET", "/v1/admin/7", reader, 403, ""},
		{"nested group", "GET", "/v1/admin/7", full, 200, "full 7"},
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
	app := newApp()
	app.Pre(bearerecho.Handler(g))
	app.Use(bearerecho.Handler(g))
	app.Group("", bearerecho.Handler(g)).GET("/", whoami, bearerecho.Require(g, "tokens:read"))

	answer := send(app, "GET", "/", key)

	assert.Equal(t, http.StatusOK, answer.Code)
	assert.Len(t, limiter.Takes(), 1)
	assert.Equal(t, []string{`"default";r=99;t=1`}, answer.Header().Values("RateLimit"))
}

func TestRoute(t *testing.T) {
	tests := []struct {
		name, path, route string
		mount             func(app *echo.Echo, guard echo.MiddlewareFunc)
	}{
		{"route", "/v1/tokens/7", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.GET("/v1/tokens/:id", whoami, guard)
		}},
		{"group", "/v1/tokens/7", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Group("/v1", guard).GET("/tokens/:id", whoami)
		}},
		{"application", "/v1/tokens/7", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Use(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"another request", "/v1/tokens/7", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.GET("/v1/tokens/:id", whoami, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					r, err := http.NewRequestWithContext(c.Request().Context(), http.MethodGet, "/", nil)
					r.Header = c.Request().Header
					c.SetRequest(r)
					return errors.Join(err, next(c))
				}
			}, guard)
		}},
		{"in front of the router", "/v1/tokens/7", "", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Pre(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"no route", "/v2", "", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Use(guard)
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
			app := newApp()
			tt.mount(app, bearerecho.Resource(g, "tokens"))

			send(app, "GET", tt.path, key)

			assert.Equal(t, tt.route, accessed)
			assert.Equal(t, tt.route, observed)
		})
	}
}

func TestRefusalEndsTheChain(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{})
	var steps []string
	step := func(name string) echo.MiddlewareFunc {
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				steps = append(steps, name)
				return next(c)
			}
		}
	}
	app := newApp()
	app.HTTPErrorHandler = func(*echo.Context, error) { steps = append(steps, "error handler") }
	app.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			response, status := echo.ResolveResponseStatus(c.Response(), err)
			assert.NoError(t, err)
			assert.True(t, response.Committed)
			assert.Equal(t, http.StatusUnauthorized, status)
			assert.Nil(t, bearerecho.Principal(c))
			steps = append(steps, "after")
			return err
		}
	})
	app.GET("/", whoami, step("before"), bearerecho.Handler(g), step("behind"))

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestErrorsOfHandlersReachEcho(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := newApp()
	var handled []error
	app.HTTPErrorHandler = func(c *echo.Context, err error) {
		handled = append(handled, err)
		echo.DefaultHTTPErrorHandler(false)(c, err)
	}
	app.Use(bearerecho.Handler(g))
	broken := echo.NewHTTPError(http.StatusTeapot, "broken")
	app.GET("/", func(*echo.Context) error { return broken }, bearerecho.Require(g, "tokens:read"))

	answer := send(app, "GET", "/", key)

	assert.Equal(t, http.StatusTeapot, answer.Code)
	assert.JSONEq(t, `{"message":"broken"}`, answer.Body.String())
	assert.Equal(t, []error{broken}, handled)
}

func TestContextSeesTheRequestOfTheGuard(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := newApp()
	var seen []*bearer.Principal
	var writers []http.ResponseWriter
	app.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			writers = append(writers, c.Response())
			err := next(c)
			seen = append(seen, bearerecho.Principal(c))
			return err
		}
	}, bearerecho.Handler(g))
	app.GET("/", func(c *echo.Context) error {
		writers = append(writers, c.Response())
		seen = append(seen, bearerecho.Principal(c), bearer.FromContext(c.Request().Context()))
		return echo.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			seen = append(seen, bearer.FromContext(r.Context()))
		}))(c)
	})

	send(app, "GET", "/", key)

	require.Len(t, seen, 4)
	require.NotNil(t, seen[0])
	assert.Equal(t, "reader", seen[0].ID)
	assert.Equal(t, []*bearer.Principal{seen[0], seen[0], seen[0], seen[0]}, seen)
	require.Len(t, writers, 2)
	assert.Same(t, writers[0], writers[1])
}

func TestOptionalDoor(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{Optional: true})
	app := newApp()
	app.GET("/", func(c *echo.Context) error {
		return c.String(http.StatusOK, bearerecho.Principal(c).String())
	}, bearerecho.Handler(g))
	assert.Equal(t, "nobody", send(app, "GET", "/", "").Body.String())
}

func TestRefusalWithoutABody(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) { w.WriteHeader(e.StatusCode()) },
	})
	app := newApp()
	app.GET("/", whoami, bearerecho.Handler(g))

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Empty(t, answer.Body.String())
}

func TestRecovery(t *testing.T) {
	boom := func(*echo.Context) error { panic(echo.NewHTTPError(http.StatusTeapot, "boom")) }
	tests := []struct {
		name          string
		recoveryFirst bool
		authorize     bool
		status        int
	}{
		{"recovery, guard", true, true, http.StatusTeapot},
		{"recovery, guard, refused", true, false, http.StatusUnauthorized},
		{"guard, recovery", false, true, http.StatusTeapot},
		{"guard, recovery, refused", false, false, http.StatusUnauthorized},
	}
	recovery := middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, key := newGuard(t, bearer.Config{})
			guard := bearerecho.Handler(g)
			app := newApp()
			if tt.recoveryFirst {
				app.Use(recovery, guard)
			} else {
				app.Use(guard, recovery)
			}
			app.GET("/", boom)
			if !tt.authorize {
				key = ""
			}
			assert.Equal(t, tt.status, send(app, "GET", "/", key).Code)
		})
	}
}

func TestPanicOfTheGuardLetsNobodyIn(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		Observe: func(*http.Request, *bearer.Principal, *bearer.Error) { panic("boom") },
	})
	app := newApp()
	app.Use(middleware.Recover())
	ran := false
	app.GET("/", func(*echo.Context) error { ran = true; return nil }, bearerecho.Handler(g))

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.False(t, ran)
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	guard := bearerecho.Handler(g)
	global := newApp()
	global.Use(guard)
	global.GET("/tokens", whoami)
	before := newApp()
	before.Pre(guard)
	before.GET("/tokens", whoami)
	grouped := newApp()
	grouped.Group("/v1", guard).GET("/tokens", whoami)
	custom := newApp()
	custom.RouteNotFound("/*", func(c *echo.Context) error { return c.String(http.StatusNotFound, "nothing here") }, guard)

	tests := []struct {
		name                     string
		app                      http.Handler
		method, path, credential string
		status                   int
		body                     string // what the body holds
	}{
		{"404 behind the guard, refused", global, "GET", "/other", "", 401, "missing_credentials"},
		{"404 behind the guard", global, "GET", "/other", key, 404, "Not Found"},
		{"405 behind the guard, refused", global, "POST", "/tokens", "", 401, "missing_credentials"},
		{"405 behind the guard", global, "POST", "/tokens", key, 405, "Method Not Allowed"},
		{"HEAD behind the guard", global, "HEAD", "/tokens", key, 405, ""},
		{"before the router, refused", before, "GET", "/tokens", "", 401, "missing_credentials"},
		{"before the router", before, "GET", "/tokens", key, 200, "reader"},
		{"404 before the router, refused", before, "GET", "/other", "", 401, "missing_credentials"},
		{"404 before the router", before, "GET", "/other", key, 404, "Not Found"},
		{"404 in a group, refused", grouped, "GET", "/v1/other", "", 401, "missing_credentials"},
		{"404 in a group", grouped, "GET", "/v1/other", key, 404, "Not Found"},
		{"404 beside a group", grouped, "GET", "/other", "", 404, "Not Found"},
		{"own 404, refused", custom, "GET", "/other", "", 401, "missing_credentials"},
		{"own 404", custom, "GET", "/other", key, 404, "nothing here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := send(tt.app, tt.method, tt.path, tt.credential)
			assert.Equal(t, tt.status, answer.Code)
			assert.Contains(t, answer.Body.String(), tt.body)
			if tt.status == http.StatusMethodNotAllowed {
				assert.Contains(t, answer.Header().Get("Allow"), "GET")
			}
		})
	}
}

func TestPreflightPassesOutsideTheGuard(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := newApp()
	app.Use(middleware.CORS("https://app.example"), bearerecho.Handler(g))
	app.GET("/", whoami)

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
			r := bearertest.Request(tt.method, "/", tt.credential)
			r.Header.Set("Origin", "https://app.example")
			answer := httptest.NewRecorder()
			app.ServeHTTP(answer, r)
			assert.Equal(t, tt.status, answer.Code)
			assert.Equal(t, "https://app.example", answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestStreams(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := newApp()
	app.Use(bearerecho.Handler(g))
	goOn := make(chan struct{}, 2) // a failure must not hang
	stream := func(c *echo.Context, flush func() error) error {
		_, _ = io.WriteString(c.Response(), "data: one\n")
		assert.NoError(t, flush())
		select {
		case <-goOn:
		case <-c.Request().Context().Done():
		}
		_, err := io.WriteString(c.Response(), "data: two\n")
		return err
	}
	app.GET("/flusher", func(c *echo.Context) error {
		return stream(c, func() error { c.Response().(http.Flusher).Flush(); return nil })
	})
	app.GET("/controller", func(c *echo.Context) error {
		controller := http.NewResponseController(c.Response())
		assert.NoError(t, controller.SetWriteDeadline(time.Now().Add(time.Minute)))
		return stream(c, controller.Flush)
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
	app := newApp()
	app.GET("/", func(c *echo.Context) error {
		conn, _, err := c.Response().(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nraw "+bearerecho.Principal(c).ID)
			_ = conn.Close()
		}
		return err
	}, bearerecho.Handler(g))

	body, err := io.ReadAll(connect(t, app, "/", key))

	require.NoError(t, err)
	assert.Equal(t, "raw reader", string(body))
}
