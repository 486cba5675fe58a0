package stacks

import (
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

// EchoRecord returns the record of the key that a request of Echo came with, or
// nil.
func EchoRecord(c *echo.Context) *Record {
	rec, _ := c.Get("key").(*Record)
	return rec
}

// Echo is echo's own KeyAuth and RateLimiter in front of a handler.
func (s *Site) Echo(handler echo.HandlerFunc) http.Handler {
	checkKey := middleware.KeyAuth(func(c *echo.Context, text string, _ middleware.ExtractorSource) (bool, error) {
		rec := s.Find(text)
		if rec == nil {
			return false, nil
		}
		c.Set("key", rec)
		return true, nil
	})
	limit := middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		IdentifierExtractor: func(c *echo.Context) (string, error) { return EchoRecord(c).ID, nil },
		Store: middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
			Rate: s.Quota.PerSecond(), Burst: s.Quota.N,
		}),
	})
	checkScope := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if !EchoRecord(c).Holds(Scope) {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	app := echo.New()
	app.GET(Route, handler, checkKey, limit, checkScope)
	return app
}
