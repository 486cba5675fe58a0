//go:build !race

package bearertest_test

import (
	"net/http"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

const withRace = false

// A rest is the rest of the chain of a request, as adapters for frameworks
// have one.
type rest struct {
	w    http.ResponseWriter
	r    *http.Request
	ok   bool
	next http.Handler
}

func (n *rest) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	n.r, n.ok = r, true
	n.next.ServeHTTP(n.w, n.r)
}

// The race detector would report this adapter by itself.
func TestBrokenAdapterWithARace(t *testing.T) {
	t.Parallel()
	racy := adapter(func(g *bearer.Guard, next http.Handler, scopes []bearer.Scope) http.Handler {
		n := &rest{next: next}
		guarded := g.Require(scopes...)(n)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.w, n.r, n.ok = w, r, false
			guarded.ServeHTTP(w, r)
		})
	})
	err := bearertest.TestMiddleware(racy.before(bearertest.Handler))
	assertBroken(t, "TestMiddleware", "no request knows of another", err)
}
