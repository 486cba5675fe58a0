package benchmarks_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/keyauth"
	"github.com/gofiber/fiber/v3/middleware/limiter"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// fiberApp is fiber's own keyauth and limiter.
func fiberApp(s *site) *fiber.App {
	type recordKey struct{}
	recordIn := func(c fiber.Ctx) *record {
		rec, _ := c.Locals(recordKey{}).(*record)
		return rec
	}
	app := fiber.New()
	app.Use(keyauth.New(keyauth.Config{Validator: func(c fiber.Ctx, text string) (bool, error) {
		rec := s.Find(text)
		if rec == nil {
			return false, nil
		}
		c.Locals(recordKey{}, rec)
		return true, nil
	}}))
	app.Use(limiter.New(limiter.Config{
		Max: s.Quota.N, Expiration: s.Quota.Per,
		KeyGenerator: func(c fiber.Ctx) string { return recordIn(c).ID },
	}))
	app.Use(func(c fiber.Ctx) error {
		if !recordIn(c).Holds(scope) {
			return c.SendStatus(http.StatusForbidden)
		}
		return c.Next()
	})
	app.Get(route, func(c fiber.Ctx) error {
		if recordIn(c) == nil {
			return errNobody
		}
		return nil
	})
	return app
}

// fiberHandler calls the application without net/http, in fasthttp's way: one
// context is used again and again, as its server does.
func fiberHandler(_ testing.TB, s *site) func() client {
	handler := fiberApp(s).Handler()
	return func() client {
		var c fasthttp.RequestCtx
		c.Request.SetRequestURI(route)
		c.Request.Header.SetMethod(http.MethodGet)
		return func(field string) int {
			c.Request.Header.Set("Authorization", field)
			c.Response.Reset()
			c.ResetUserValues()
			handler(&c)
			return c.Response.StatusCode()
		}
	}
}

// fiberTest calls the application by its own test call, which writes the
// request out and parses the answer: most of what it costs is that.
func fiberTest(tb testing.TB, s *site) func() client {
	tb.Helper()
	app := fiberApp(s)
	return func() client {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, route, nil)
		return func(field string) int {
			r.Header.Set("Authorization", field)
			answer, err := app.Test(r, fiber.TestConfig{})
			require.NoError(tb, err)
			_ = answer.Body.Close()
			return answer.StatusCode
		}
	}
}
