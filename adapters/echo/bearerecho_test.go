package bearerecho_test

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerecho "github.com/blockauth/bearer/adapters/echo"
	"github.com/blockauth/bearer/adapters/internal/adaptertest"
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

func TestMiddlewares(t *testing.T) {
	adaptertest.Middlewares(t, func(g *bearer.Guard) http.Handler {
		app := newApp()
		app.GET("/open", func(c *echo.Context) error { return c.String(http.StatusOK, "open") })
		v1 := app.Group("/v1", bearerecho.Handler(g))
		v1.GET("/tokens/:id", whoami, bearerecho.Require(g, "tokens:read"))
		v1.POST("/tokens/:id", whoami, bearerecho.Require(g, "tokens:read", "tokens:write"))
		v1.GET("/either/:id", whoami, bearerecho.RequireAny(g, "wallets:read", "tokens:read"))
		v1.GET("/none/:id", whoami, bearerecho.RequireAny(g))
		v1.Any("/things/:id", whoami, bearerecho.Resource(g, "tokens"))
		v1.Group("/group", bearerecho.Require(g, "admin:read")).GET("/:id", whoami)
		admin := v1.Group("/admin")
		admin.Use(bearerecho.Require(g, "admin:read"))
		admin.GET("/:id", whoami)
		app.GET("/alone/:id", whoami, bearerecho.Require(g, "tokens:read"))
		app.GET("/broken/:id", whoami, bearerecho.Handler(nil))
		return app
	})
}

func TestNestedGuardChargesOnce(t *testing.T) {
	adaptertest.ChargesOnce(t, func(g *bearer.Guard) http.Handler {
		app := newApp()
		app.Pre(bearerecho.Handler(g))
		app.Use(bearerecho.Handler(g))
		app.Group("", bearerecho.Handler(g)).GET("/v1", whoami, bearerecho.Require(g, "tokens:read"))
		return app
	})
}

func TestRoute(t *testing.T) {
	tests := []struct {
		name, path, early, route string
		mount                    func(app *echo.Echo, guard echo.MiddlewareFunc)
	}{
		{"route", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.GET("/v1/tokens/:id", whoami, guard)
		}},
		{"group", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Group("/v1", guard).GET("/tokens/:id", whoami)
		}},
		{"application", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Use(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"another request", "/v1/tokens/7", "/v1/tokens/:id", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.GET("/v1/tokens/:id", whoami, func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					r, err := http.NewRequestWithContext(c.Request().Context(), http.MethodGet, "/", nil)
					r.Header = c.Request().Header
					c.SetRequest(r)
					return errors.Join(err, next(c))
				}
			}, guard)
		}},
		{"in front of the router", "/v1/tokens/7", "", "/v1/tokens/:id", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Pre(guard)
			app.GET("/v1/tokens/:id", whoami)
		}},
		{"no route", "/v2", "", "", func(app *echo.Echo, guard echo.MiddlewareFunc) {
			app.Use(guard)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			adaptertest.Route(t, tt.path, tt.early, tt.route, func(g *bearer.Guard) http.Handler {
				app := newApp()
				tt.mount(app, bearerecho.Resource(g, "tokens"))
				return app
			})
		})
	}
}

func TestRefusalEndsTheChain(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{})
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

	answer := adaptertest.Send(app, "GET", "/", "")

	assert.Equal(t, http.StatusUnauthorized, answer.Code)
	assert.Equal(t, []string{"before", "after"}, steps)
}

func TestErrorsOfHandlersReachEcho(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
	app := newApp()
	var handled []error
	app.HTTPErrorHandler = func(c *echo.Context, err error) {
		handled = append(handled, err)
		echo.DefaultHTTPErrorHandler(false)(c, err)
	}
	app.Use(bearerecho.Handler(g))
	broken := echo.NewHTTPError(http.StatusTeapot, "broken")
	app.GET("/", func(*echo.Context) error { return broken }, bearerecho.Require(g, "tokens:read"))

	answer := adaptertest.Send(app, "GET", "/", key)

	assert.Equal(t, http.StatusTeapot, answer.Code)
	assert.JSONEq(t, `{"message":"broken"}`, answer.Body.String())
	assert.Equal(t, []error{broken}, handled)
}

func TestContextSeesTheRequestOfTheGuard(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
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

	adaptertest.Send(app, "GET", "/", key)

	require.Len(t, seen, 4)
	require.NotNil(t, seen[0])
	assert.Equal(t, "reader", seen[0].ID)
	assert.Equal(t, []*bearer.Principal{seen[0], seen[0], seen[0], seen[0]}, seen)
	require.Len(t, writers, 2)
	assert.Same(t, writers[0], writers[1])
}

func TestOptionalDoor(t *testing.T) {
	g, _ := adaptertest.NewGuard(t, bearer.Config{Optional: true})
	app := newApp()
	app.GET("/", func(c *echo.Context) error {
		return c.String(http.StatusOK, bearerecho.Principal(c).String())
	}, bearerecho.Handler(g))
	assert.Equal(t, "nobody", adaptertest.Send(app, "GET", "/", "").Body.String())
}

func TestRecovery(t *testing.T) {
	recovery := middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true})
	adaptertest.Recovery(t, http.StatusTeapot, func(g *bearer.Guard, recoveryFirst bool) http.Handler {
		app := newApp()
		if recoveryFirst {
			app.Use(recovery, bearerecho.Handler(g))
		} else {
			app.Use(bearerecho.Handler(g), recovery)
		}
		app.GET("/", func(*echo.Context) error { panic(echo.NewHTTPError(http.StatusTeapot, "boom")) })
		return app
	})
}

func TestPanicOfTheGuardLetsNothingThrough(t *testing.T) {
	adaptertest.PanicOfTheGuard(t, http.StatusInternalServerError, func(g *bearer.Guard, reached func()) http.Handler {
		app := newApp()
		app.Use(middleware.Recover())
		app.GET("/", func(*echo.Context) error { reached(); return nil }, bearerecho.Handler(g))
		return app
	})
}

func TestOutsideTheRoutes(t *testing.T) {
	g, key := adaptertest.NewGuard(t, bearer.Config{})
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

	expect := adaptertest.Expecting(t, "OPTIONS, GET")
	expect("404 behind the guard, refused", global, "GET", "/other", "", 401, "missing_credentials")
	expect("404 behind the guard", global, "GET", "/other", key, 404, "Not Found")
	expect("405 behind the guard, refused", global, "POST", "/tokens", "", 401, "missing_credentials")
	expect("405 behind the guard", global, "POST", "/tokens", key, 405, "Method Not Allowed")
	expect("HEAD behind the guard", global, "HEAD", "/tokens", key, 405, "")
	expect("before the router, refused", before, "GET", "/tokens", "", 401, "missing_credentials")
	expect("before the router", before, "GET", "/tokens", key, 200, "reader")
	expect("404 before the router, refused", before, "GET", "/other", "", 401, "missing_credentials")
	expect("404 before the router", before, "GET", "/other", key, 404, "Not Found")
	expect("404 in a group, refused", grouped, "GET", "/v1/other", "", 401, "missing_credentials")
	expect("404 in a group", grouped, "GET", "/v1/other", key, 404, "Not Found")
	expect("404 beside a group", grouped, "GET", "/other", "", 404, "Not Found")
	expect("own 404, refused", custom, "GET", "/other", "", 401, "missing_credentials")
	expect("own 404", custom, "GET", "/other", key, 404, "nothing here")
}

func TestPreflightPassesOutsideTheGuard(t *testing.T) {
	adaptertest.Preflight(t, func(g *bearer.Guard) http.Handler {
		app := newApp()
		app.Use(middleware.CORS(adaptertest.Origin), bearerecho.Handler(g))
		app.GET("/", whoami)
		return app
	})
}

func TestWriter(t *testing.T) {
	handled := func(g *bearer.Guard, h http.HandlerFunc) http.Handler {
		app := newApp()
		app.GET("/", func(c *echo.Context) error { h(c.Response(), c.Request()); return nil }, bearerecho.Handler(g))
		return app
	}
	adaptertest.Streams(t, handled)
	adaptertest.Hijacks(t, handled)
}
