package bearerchi_test

import (
	"io"
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

// The same in front of an application's own handler.
func TestContractOfAnApplication(t *testing.T) {
	assert.NoError(t, bearertest.TestMiddleware(func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
		app := chi.NewRouter()
		app.With(bearerchi.Require(g, scopes...)).Get("/", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, bearer.FromContext(r.Context()).ID)
		})
		return app
	}))
}
