package benchmarks_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/blockauth/bearer/benchmarks/internal/stacks"
)

// homemade is a whole home-made stack around a limiter.
func (s *site) homemade(limit func(http.Handler) http.Handler) http.Handler {
	return s.Homemade(limit, endpoint(hasRecord))
}

// floor is what no stack over net/http can leave out, without any decision: a
// digest, a look-up, a clock reading, the request with a context, two fields.
func floor(_ testing.TB, s *site) http.Handler {
	next := endpoint(hasRecord)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := s.Find(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.Header().Set("Ratelimit-Policy", `"default";q=100;w=1`)
		w.Header().Set("Ratelimit", `"default";r=99;t=1`)
		next.ServeHTTP(w, stacks.WithRecord(r, rec))
	})
}

// endpoint is the application: it needs to know who the request comes from.
func endpoint(known func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !known(r) {
			panic("nobody")
		}
	})
}

func hasRecord(r *http.Request) bool { return stacks.RecordOf(r) != nil }

func hasPrincipal(r *http.Request) bool { return bearerPrincipal(r) != nil }
