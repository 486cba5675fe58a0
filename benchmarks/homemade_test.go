package benchmarks_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// This file is what applications write by hand around a rate limiter for
// net/http: the key check before it, the scope check after it.

type recordKey struct{}

func recordOf(r *http.Request) *record {
	rec, _ := r.Context().Value(recordKey{}).(*record)
	return rec
}

func idOf(r *http.Request) string { return recordOf(r).id }

// homemade is the whole stack: key check, limit, scope check, endpoint.
func (s *site) homemade(limit func(http.Handler) http.Handler) http.Handler {
	return s.checkKey(limit(checkScope(endpoint(func(r *http.Request) bool { return recordOf(r) != nil }))))
}

func (s *site) checkKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			unauthorized(w)
			return
		}
		rec := s.find(text)
		if rec == nil {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

func checkScope(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !recordOf(r).holds(scope) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// floor is what no stack over net/http can leave out, without any decision: a
// digest, a look-up, a clock reading, the request with a context, two fields.
func floor(_ testing.TB, s *site) http.Handler {
	next := endpoint(func(r *http.Request) bool { return recordOf(r) != nil })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := s.find(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.Header().Set("Ratelimit-Policy", `"default";q=100;w=1`)
		w.Header().Set("Ratelimit", `"default";r=99;t=1`)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
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

func hasPrincipal(r *http.Request) bool { return bearerPrincipal(r) != nil }
