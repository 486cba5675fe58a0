package coexist_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
)

// shadow returns the older middleware. Beside it, the guard judges each request and
// decides nothing: where the two differ, the log says so.
func shadow(
	guard *bearer.Guard, logger *slog.Logger, old func(http.Handler) http.Handler, scopes ...bearer.Scope,
) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		judged := old(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if admitted, ok := r.Context().Value(admittedKey{}).(*bool); ok {
				*admitted = true
			}
			next.ServeHTTP(w, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			judgement := look(guard, r, scopes)
			admitted := false
			judged.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), admittedKey{}, &admitted)))
			if admitted != (judgement == nil) {
				logger.WarnContext(r.Context(), "the guard differs",
					"route", bearer.Route(r), "admitted", admitted, "guard", fmt.Sprint(judgement))
			}
		})
	}
}

type admittedKey struct{}

// look asks the guard, and waits for it no longer than a client would notice. It
// returns nil if the guard admits the request.
func look(guard *bearer.Guard, r *http.Request, scopes []bearer.Scope) error {
	ctx, cancel := context.WithTimeout(r.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := guard.Check(r.WithContext(ctx), scopes...)
	return err
}
