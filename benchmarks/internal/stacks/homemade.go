package stacks

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/httprate"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
)

// This file is what applications write by hand around a rate limiter for
// net/http: the key check before it, the scope check after it.

type recordKey struct{}

// RecordOf returns the record of the key that a request came with, or nil.
func RecordOf(r *http.Request) *Record {
	rec, _ := r.Context().Value(recordKey{}).(*Record)
	return rec
}

// WithRecord returns the request with a record in its context.
func WithRecord(r *http.Request, rec *Record) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
}

// IDOf is what a home-made stack limits by.
func IDOf(r *http.Request) string { return RecordOf(r).ID }

// Homemade is the whole stack: key check, limit, scope check, handler.
func (s *Site) Homemade(limit func(http.Handler) http.Handler, handler http.Handler) http.Handler {
	return s.checkKey(limit(checkScope(handler)))
}

func (s *Site) checkKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			unauthorized(w)
			return
		}
		rec := s.Find(text)
		if rec == nil {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, WithRecord(r, rec))
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

func checkScope(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !RecordOf(r).Holds(Scope) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// HTTPRate limits by a sliding window of github.com/go-chi/httprate.
func HTTPRate(q Quota) func(http.Handler) http.Handler {
	return httprate.LimitBy(q.N, q.Per, func(r *http.Request) (string, error) { return IDOf(r), nil })
}

// NewThrottled returns the limiter of github.com/throttled/throttled.
func NewThrottled(q Quota) (*throttled.GCRARateLimiterCtx, error) {
	store, err := memstore.NewCtx(0) // no LRU: it would forget spent keys
	if err != nil {
		return nil, err
	}
	l, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{
		MaxRate: throttled.PerDuration(q.N, q.Per), MaxBurst: q.N - 1,
	})
	if err != nil {
		return nil, err
	}
	l.SetMaxCASAttemptsLimit(1 << 30) // by default, contention is answered with errors
	return l, nil
}

type byRecord struct{}

func (byRecord) Key(r *http.Request) string { return IDOf(r) }

// Throttled limits by the cell rate algorithm of throttled.
func Throttled(q Quota) (func(http.Handler) http.Handler, error) {
	l, err := NewThrottled(q)
	if err != nil {
		return nil, err
	}
	return (&throttled.HTTPRateLimiterCtx{RateLimiter: l, VaryBy: byRecord{}}).RateLimit, nil
}
