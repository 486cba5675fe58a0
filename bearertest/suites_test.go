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
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		return g.Require(scopes...)(bearertest.Handler)
	}))
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
