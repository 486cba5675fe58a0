// Package handwritten has the guide from keys that the application checks itself,
// with httprate for the limits.
package handwritten_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
)

type account struct {
	ID       string
	CanWrite bool
}

type accountKey struct{}

func accountOf(r *http.Request) account {
	a, _ := r.Context().Value(accountKey{}).(account)
	return a
}

func before(db *sql.DB) http.Handler {
	app := chi.NewRouter()
	app.Use(authenticate(db))
	app.Use(httprate.LimitBy(100, time.Minute, func(r *http.Request) (string, error) {
		return accountOf(r).ID, nil
	}))
	app.Get("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("wallets of " + accountOf(r).ID))
	})
	app.Post("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
		if !accountOf(r).CanWrite {
			http.Error(w, "read-only key", http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("a wallet of " + accountOf(r).ID))
	})
	return app
}

func authenticate(db *sql.DB) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(key))
			var a account
			err := db.QueryRowContext(r.Context(),
				`SELECT account_id, can_write FROM api_keys WHERE key_sha256 = $1 AND revoked_at IS NULL`,
				hex.EncodeToString(sum[:])).Scan(&a.ID, &a.CanWrite)
			if err != nil {
				http.Error(w, "invalid API key", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), accountKey{}, a)))
		})
	}
}
