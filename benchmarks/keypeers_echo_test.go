package benchmarks_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

var errNobody = errors.New("nobody")

// echoStack is echo's own KeyAuth and RateLimiter.
func echoStack(_ testing.TB, s *site) http.Handler {
	recordIn := func(c *echo.Context) *record {
		rec, _ := c.Get("key").(*record)
		return rec
	}
	checkKey := middleware.KeyAuth(func(c *echo.Context, text string, _ middleware.ExtractorSource) (bool, error) {
		rec := s.find(text)
		if rec == nil {
			return false, nil
		}
		c.Set("key", rec)
		return true, nil
	})
	limit := middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		IdentifierExtractor: func(c *echo.Context) (string, error) { return recordIn(c).id, nil },
		Store: middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
			Rate: s.quota.perSecond(), Burst: s.quota.n,
		}),
	})
	checkScope := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if !recordIn(c).holds(scope) {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
	app := echo.New()
	app.GET(route, func(c *echo.Context) error {
		if recordIn(c) == nil {
			return errNobody
		}
		return nil
	}, checkKey, limit, checkScope)
	return app
}
