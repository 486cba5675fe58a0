package bearergin_test

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/bearertest"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

// whoami answers with the principal and the route's parameter.
func whoami(c *gin.Context) {
	c.String(http.StatusOK, "%s %s", bearergin.Principal(c).ID, c.Param("id"))
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
	app := gin.New()
	app.GET("/open", func(c *gin.Context) { c.String(http.StatusOK, "open") })
	v1 := app.Group("/v1", bearergin.Handler(g))
	v1.GET("/tokens/:id", bearergin.Require(g, "tokens:read"), whoami)
	v1.POST("/tokens/:id", bearergin.Require(g, "tokens:read", "tokens:write"), whoami)
	v1.GET("/either/:id", bearergin.RequireAny(g, "wallets:read", "tokens:read"), whoami)
	v1.GET("/none/:id", bearergin.RequireAny(g), whoami)
	v1.Any("/things/:id", bearergin.Resource(g, "tokens"), whoami)
	admin := v1.Group("/admin")
	admin.Use(bearergin.Require(g, "admin:read"))
	admin.GET("/:id", whoami)
	app.GET("/alone/:id", bearergin.Require(g, "tokens:read"), whoami)
	app.GET("/broken/:id", bearergin.Handler(nil), whoami)

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
	app := gin.New()
	app.Use(bearergin.Handler(g))
	app.Group("/", bearergin.Handler(g)).GET("/", bearergin.Require(g, "tokens:read"), whoami)

	answer := send(app, "GET", "/", key)

	assert.Equal(t, http.StatusOK, answer.Code)
	assert.Len(t, limiter.Takes(), 1)
	assert.Equal(t, []string{`"default";r=99;t=1`}, answer.Header().Values("RateLimit"))
}

func TestRoute(t *testing.T) {
	tests := []struct {
		name, path, route string
		mount             func(app *gin.Engine, guard gin.HandlerFunc)
	}{
		{"route", "/v1/tokens/7", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.GET("/v1/tokens/:id", guard, whoami)
		}},
		{"group", "/v1/tokens/7", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.Group("/v1", guard).GET("/tokens/:id", whoami)
		}},
		{"engine", "/v1/tokens/7", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.Use(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"no route", "/v2", "", func(app *gin.Engine, guard gin.HandlerFunc) {
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
			app := gin.New()
			tt.mount(app, bearergin.Resource(g, "tokens"))

			send(app, "GET", tt.path, key)

			assert.Equal(t, tt.route, accessed)
			assert.Equal(t, tt.route, observed)
		})
	}
}

func TestRouteInsideServeMux(t *testing.T) {
	var observed string
	g, key := newGuard(t, bearer.Config{
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	app := gin.New()
	app.GET("/v1/:id", bearergin.Handler(g), whoami)
	mux := http.NewServeMux()
	mux.Handle("/v1/", app)

	send(mux, "GET", "/v1/7", key)

	assert.Equal(t, "/v1/:id", observed)
}

func TestRefusalAborts(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{})
	var steps []string
	step := func(name string) gin.HandlerFunc {
		return func(c *gin.Context) {
			steps = append(steps, name)
			c.Next()
		}
	}
	app := gin.New()
	app.Use(func(c *gin.Context) {
		c.Next()
		assert.True(t, c.IsAborted())
		assert.Equal(t, http.StatusUnauthorized, c.Writer.Status())
		assert.Nil(t, bearergin.Principal(c))
		steps = append(steps, "after")
	})
	app.GET("/", step("before"), bearergin.Handler(g), step("middleware"), step("handler"))

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestContextSeesTheRequestOfTheGuard(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := gin.New()
	var after *bearer.Principal
	var aborted bool
	app.Use(func(c *gin.Context) {
		c.Next()
		after, aborted = bearergin.Principal(c), c.IsAborted()
	})
	var seen []*bearer.Principal
	var writer, handlersWriter gin.ResponseWriter
	app.Use(func(c *gin.Context) { writer = c.Writer }, bearergin.Handler(g))
	app.GET("/", func(c *gin.Context) {
		handlersWriter = c.Writer
		seen = append(seen, bearergin.Principal(c), bearer.FromContext(c.Request.Context()), bearergin.Principal(c.Copy()))
	}, gin.WrapF(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, bearer.FromContext(r.Context()))
	}))

	send(app, "GET", "/", key)

	require.NotNil(t, after)
	assert.Equal(t, "reader", after.ID)
	assert.Equal(t, []*bearer.Principal{after, after, after, after}, seen)
	assert.Same(t, writer, handlersWriter)
	assert.False(t, aborted)
}

func TestOptionalDoor(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{Optional: true})
	app := gin.New()
	app.GET("/", bearergin.Handler(g), func(c *gin.Context) {
		c.String(http.StatusOK, "%v", bearergin.Principal(c))
	})
	assert.Equal(t, "nobody", send(app, "GET", "/", "").Body.String())
}

func TestRefusalWithoutABody(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) { w.WriteHeader(e.StatusCode()) },
	})
	app := gin.New()
	app.GET("/", bearergin.Handler(g), whoami)

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Empty(t, answer.Body.String())
}

func TestRecovery(t *testing.T) {
	boom := func(*gin.Context) { panic("boom") }
	quiet := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusTeapot) })
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
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, key := newGuard(t, bearer.Config{})
			guard := bearergin.Handler(g)
			app := gin.New()
			if tt.recoveryFirst {
				app.Use(quiet, guard)
			} else {
				app.Use(guard, quiet)
			}
			app.GET("/", boom)
			if !tt.authorize {
				key = ""
			}
			assert.Equal(t, tt.status, send(app, "GET", "/", key).Code)
		})
	}
}

// gin goes on with the chain where a recovery does not abort it.
func TestPanicOfTheGuardLetsNobodyIn(t *testing.T) {
	g, _ := newGuard(t, bearer.Config{
		Observe: func(*http.Request, *bearer.Principal, *bearer.Error) { panic("boom") },
	})
	app := gin.New()
	app.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.Status(http.StatusTeapot) }))
	ran := false
	app.GET("/", bearergin.Handler(g), func(*gin.Context) { ran = true })

	answer := send(app, "GET", "/", "")

	assert.Equal(t, http.StatusTeapot, answer.Code)
	assert.False(t, ran)
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	guard := bearergin.Handler(g)
	global := gin.New()
	global.HandleMethodNotAllowed = true
	global.Use(guard)
	global.GET("/tokens", whoami)
	custom := gin.New()
	custom.NoRoute(guard, func(c *gin.Context) { c.String(http.StatusNotFound, "nothing here") })
	grouped := gin.New()
	grouped.HandleMethodNotAllowed = true
	grouped.Group("/v1", guard).GET("/tokens", whoami)

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
		{"405 behind the guard", global, "POST", "/tokens", key, 405, "405 method not allowed"},
		{"redirect in front of the guard", global, "GET", "/tokens/", "", 301, ""},
		{"NoRoute behind the guard, refused", custom, "GET", "/other", "", 401, "missing_credentials"},
		{"NoRoute behind the guard", custom, "GET", "/other", key, 404, "nothing here"},
		{"404 beside a group", grouped, "GET", "/v1/other", "", 404, "404 page not found"},
		{"405 beside a group", grouped, "POST", "/v1/tokens", "", 405, "405 method not allowed"},
		{"HEAD beside a group", grouped, "HEAD", "/v1/tokens", "", 405, ""},
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
	app := gin.New()
	app.Use(func(c *gin.Context) {
		c.Header("Access-Control-Allow-Origin", "https://app.example")
		if c.Request.Method == http.MethodOptions {
			c.AbortWithStatus(http.StatusNoContent)
		}
	})
	app.Use(bearergin.Handler(g))
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
			answer := send(app, tt.method, "/", tt.credential)
			assert.Equal(t, tt.status, answer.Code)
			assert.Equal(t, "https://app.example", answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestStreams(t *testing.T) {
	g, key := newGuard(t, bearer.Config{})
	app := gin.New()
	app.Use(bearergin.Handler(g))
	goOn := make(chan struct{}, 2) // a failure must not hang
	stream := func(c *gin.Context, flush func() error) {
		_, _ = c.Writer.WriteString("data: one\n")
		assert.NoError(t, flush())
		select {
		case <-goOn:
		case <-c.Request.Context().Done():
		}
		_, _ = c.Writer.WriteString("data: two\n")
	}
	app.GET("/flusher", func(c *gin.Context) {
		stream(c, func() error { c.Writer.Flush(); return nil })
	})
	app.GET("/controller", func(c *gin.Context) {
		controller := http.NewResponseController(c.Writer)
		assert.NoError(t, controller.SetWriteDeadline(time.Now().Add(time.Minute)))
		stream(c, controller.Flush)
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
	app := gin.New()
	app.GET("/", bearergin.Handler(g), func(c *gin.Context) {
		conn, _, err := c.Writer.Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nraw "+bearergin.Principal(c).ID)
			_ = conn.Close()
		}
	})

	body, err := io.ReadAll(connect(t, app, "/", key))

	require.NoError(t, err)
	assert.Equal(t, "raw reader", string(body))
}
