package bearertest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

func TestShippedMiddleware(t *testing.T) {
	t.Parallel()
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return g.Require(scopes...)(bearertest.Handler)
	}))
}

// fewer returns the tests of a table: all of them, or each fifth in a short run and
// with the race detector.
func fewer[T any](tests []T) []T {
	if !testing.Short() && !withRace {
		return tests
	}
	var some []T
	for i := 0; i < len(tests); i += 5 {
		some = append(some, tests[i])
	}
	return some
}

// assertBroken asserts that a suite found a broken rule, and told what it got,
// what it wanted and how to do about it.
func assertBroken(t *testing.T, suite, rule string, err error) {
	t.Helper()
	require.ErrorContains(t, err, rule)
	assert.ErrorContains(t, err, "bearertest: "+suite+" found broken rules:\n")
	assert.ErrorContains(t, err, "got ")
	assert.ErrorContains(t, err, ", want ")
	assert.ErrorContains(t, err, "\n\tfix: ")
}
