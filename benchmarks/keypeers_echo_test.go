package benchmarks_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/blockauth/bearer/benchmarks/internal/stacks"
	"github.com/labstack/echo/v5"
)

var errNobody = errors.New("nobody")

// echoStack is echo's own KeyAuth and RateLimiter.
func echoStack(_ testing.TB, s *site) http.Handler {
	return s.Echo(func(c *echo.Context) error {
		if stacks.EchoRecord(c) == nil {
			return errNobody
		}
		return nil
	})
}
