package bearertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/assert"
)

// An adapter may stand in front of a handler of the application's: the suite
// then goes by the answers.
func TestMiddlewareInFrontOfAnotherHandler(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer.FromContext(r.Context()) == nil && r.Header.Get("Authorization") != "" {
			http.Error(w, "nobody", http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "hello\n")
	})
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, row := range []struct {
		name string
		wrap func(*bearer.Guard, ...bearer.Scope) http.Handler
		want string // a part of the error, or none
	}{
		{"right", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler { return g.Require(scopes...)(app) }, ""},
		{"right, without a body", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return g.Require(scopes...)(empty)
		}, ""},
		{"forgets to stop", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(_ http.ResponseWriter, guarded *http.Request) {
					r = guarded
				})).ServeHTTP(w, r)
				app.ServeHTTP(w, r)
			})
		}, "and nothing after it"},
		{"loses the principal", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				g.Require(scopes...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					app.ServeHTTP(w, r)
				})).ServeHTTP(w, r)
			})
		}, "an admitted request reaches the handler once"},
		{"swallows a field", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				g.Require(scopes...)(app).ServeHTTP(rec, r)
				w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(rec.Body.Bytes())
			})
		}, "an answer has the header fields"},
		{"forgets the scopes", func(g *bearer.Guard, _ ...bearer.Scope) http.Handler { return g.Handler(app) }, "403 scope_insufficient"},
		{"charges twice", func(g *bearer.Guard, scopes ...bearer.Scope) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := g.Check(r); err == nil {
					_, _ = g.Check(r)
				}
				g.Require(scopes...)(app).ServeHTTP(w, r)
			})
		}, "judged and charged once"},
		{"lets everything through", func(*bearer.Guard, ...bearer.Scope) http.Handler { return app }, "an answer has the status"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := bearertest.TestMiddleware(row.wrap)
			if row.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, row.want)
		})
	}
}
