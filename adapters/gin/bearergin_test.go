package bearergin_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearergin "github.com/blockauth/bearer/adapters/gin"
	"github.com/blockauth/bearer/adapters/internal/adaptertest"
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

func TestMiddlewares(t *testing.T) {
	adaptertest.Middlewares(t, func(g *bearer.Guard) http.Handler {
		app := gin.New()
		app.GET("/open", func(c *gin.Context) { c.String(http.StatusOK, "open") })
		v1 := app.Group("/v1", bearergin.Handler(g))
		v1.GET("/tokens/:id", bearergin.Require(g, "tokens:read"), whoami)
		v1.POST("/tokens/:id", bearergin.Require(g, "tokens:read", "tokens:write"), whoami)
		v1.GET("/either/:id", bearergin.RequireAny(g, "wallets:read", "tokens:read"), whoami)
		v1.GET("/none/:id", bearergin.RequireAny(g), whoami)
		v1.Any("/things/:id", bearergin.Resource(g, "tokens"), whoami)
		v1.Group("/group", bearergin.Require(g, "admin:read")).GET("/:id", whoami)
		admin := v1.Group("/admin")
		admin.Use(bearergin.Require(g, "admin:read"))
		admin.GET("/:id", whoami)
		app.GET("/alone/:id", bearergin.Require(g, "tokens:read"), whoami)
		app.GET("/broken/:id", bearergin.Handler(nil), whoami)
		return app
	})
}

func TestNestedGuardChargesOnce(t *testing.T) {
	adaptertest.ChargesOnce(t, func(g *bearer.Guard) http.Handler {
		app := gin.New()
		app.Use(bearergin.Handler(g))
		app.Group("/", bearergin.Handler(g)).GET("/v1", bearergin.Require(g, "tokens:read"), whoami)
		return app
	})
}

func TestRoute(t *testing.T) {
	tests := []struct {
		name, path, early, route string
		mount                    func(app *gin.Engine, guard gin.HandlerFunc)
	}{
		{"route", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.GET("/v1/tokens/:id", guard, whoami)
		}},
		{"group", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.Group("/v1", guard).GET("/tokens/:id", whoami)
		}},
		{"engine", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.Use(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"no route", "/v2", "", "", func(app *gin.Engine, guard gin.HandlerFunc) {
			app.Use(guard)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			adaptertest.Route(t, tt.path, tt.early, tt.route, func(g *bearer.Guard) http.Handler {
				app := gin.New()
				tt.mount(app, bearergin.Resource(g, "tokens"))
				return app
			})
		})
	}
}

func TestRouteInsideServeMux(t *testing.T) {
	var observed string
	g, key := adaptertest.NewGuard(t, bearer.Config{
		Observe: func(r *http.Request, _ *bearer.Principal, _ *bearer.Error) { observed = bearer.Route(r) },
	})
	app := gin.New()
	app.GET("/v1/:id", bearergin.Handler(g), whoami)
	mux := http.NewServeMux()
	mux.Handle("/v1/", app)

	adaptertest.Send(mux, "GET", "/v1/7", key)

	assert.Equal(t, "/v1/:id", observed)
}

func TestRefusalAborts(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{})
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

	answer := adaptertest.Send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestContextSeesTheRequestOfTheGuard(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
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

	adaptertest.Send(app, "GET", "/", key)

	require.NotNil(t, after)
	assert.Equal(t, "reader", after.ID)
	assert.Equal(t, []*bearer.Principal{after, after, after, after}, seen)
	assert.Same(t, writer, handlersWriter)
	assert.False(t, aborted)
}

func TestOptionalDoor(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{Optional: true})
	app := gin.New()
	app.GET("/", bearergin.Handler(g), func(c *gin.Context) {
		c.String(http.StatusOK, "%v", bearergin.Principal(c))
	})
	assert.Equal(t, "nobody", adaptertest.Send(app, "GET", "/", "").Body.String())
}

func TestRecovery(t *testing.T) {
	recovery := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusTeapot) })
	adaptertest.Recovery(t, http.StatusTeapot, func(g *bearer.Guard, recoveryFirst bool) http.Handler {
		app := gin.New()
		if recoveryFirst {
			app.Use(recovery, bearergin.Handler(g))
		} else {
			app.Use(bearergin.Handler(g), recovery)
		}
		app.GET("/", func(*gin.Context) { panic("boom") })
		return app
	})
}

// gin goes on with the chain where a recovery does not abort it.
func TestPanicOfTheGuardLetsNothingThrough(t *testing.T) {
	recovery := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.Status(http.StatusTeapot) })
	adaptertest.PanicOfTheGuard(t, http.StatusTeapot, func(g *bearer.Guard, reached func()) http.Handler {
		app := gin.New()
		app.Use(recovery)
		app.GET("/", bearergin.Handler(g), func(*gin.Context) { reached() })
		return app
	})
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
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

	expect := adaptertest.Expecting(t, "GET")
	expect("404 behind the guard, refused", global, "GET", "/other", "", 401, "missing_credentials")
	expect("404 behind the guard", global, "GET", "/other", key, 404, "404 page not found")
	expect("405 behind the guard, refused", global, "POST", "/tokens", "", 401, "missing_credentials")
	expect("405 behind the guard", global, "POST", "/tokens", key, 405, "405 method not allowed")
	expect("redirect in front of the guard", global, "GET", "/tokens/", "", 301, "")
	expect("NoRoute behind the guard, refused", custom, "GET", "/other", "", 401, "missing_credentials")
	expect("NoRoute behind the guard", custom, "GET", "/other", key, 404, "nothing here")
	expect("404 beside a group", grouped, "GET", "/v1/other", "", 404, "404 page not found")
	expect("405 beside a group", grouped, "POST", "/v1/tokens", "", 405, "405 method not allowed")
	expect("HEAD beside a group", grouped, "HEAD", "/v1/tokens", "", 405, "")
}

// A status that net/http has sent is final. In gin, a status without a body could
// still be changed.
func TestRefusalWithoutABodyIsFinal(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) { w.WriteHeader(e.StatusCode()) },
	})
	app := gin.New()
	app.Use(func(c *gin.Context) {
		c.Next()
		if !c.Writer.Written() {
			c.String(http.StatusOK, "nothing was written")
		}
	})
	app.GET("/", bearergin.Handler(g), func(*gin.Context) {})
	app.NoRoute(bearergin.Handler(g))

	expect := adaptertest.Expecting(t, "GET")
	expect("refused", app, "GET", "/", "", 401, "")
	expect("refused where there is no route", app, "GET", "/other", "", 401, "")
	expect("passed", app, "GET", "/", key, 200, "nothing was written")
	for _, path := range []string{"/", "/other"} {
		assert.Empty(t, adaptertest.Send(app, "GET", path, "").Body.String(), path)
	}
}

func TestPreflightPassesOutsideTheGuard(t *testing.T) {
	adaptertest.Preflight(t, func(g *bearer.Guard) http.Handler {
		app := gin.New()
		app.Use(func(c *gin.Context) {
			c.Header("Access-Control-Allow-Origin", adaptertest.Origin)
			if c.Request.Method == http.MethodOptions {
				c.AbortWithStatus(http.StatusNoContent)
			}
		}, bearergin.Handler(g))
		app.GET("/", whoami)
		return app
	})
}

func TestWriter(t *testing.T) {
	newApp := func(g *bearer.Guard, h http.HandlerFunc) http.Handler {
		app := gin.New()
		app.GET("/", bearergin.Handler(g), func(c *gin.Context) { h(c.Writer, c.Request) })
		return app
	}
	adaptertest.Streams(t, newApp)
	adaptertest.Hijacks(t, newApp)
}
