// Package jwtauth has the guide from go-chi/jwtauth.
package jwtauth_test

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/jwtauth/v5"
)

func before(secret []byte) http.Handler {
	auth := jwtauth.New("HS256", secret, nil)
	app := chi.NewRouter()
	app.Group(func(r chi.Router) {
		r.Use(jwtauth.Verifier(auth))
		r.Use(jwtauth.Authenticator(auth))
		r.Get("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
			_, claims, _ := jwtauth.FromContext(r.Context())
			owner, _ := claims["tenant"].(string)
			_, _ = w.Write([]byte("wallets of " + owner))
		})
	})
	app.Group(func(r chi.Router) {
		r.Use(jwtauth.Verifier(auth)) // and no Authenticator: the route is open
		r.Get("/v1/reports", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("reports")) })
	})
	return app
}
