package bearerchi_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	"github.com/blockauth/bearer/bearertest"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/assert"
)

func TestContract(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := chi.NewRouter()
		app.With(bearerchi.Require(g, scopes...)).Handle("/*", bearertest.Handler)
		return app
	}))
}
