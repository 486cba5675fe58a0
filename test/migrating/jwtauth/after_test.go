package jwtauth_test

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
)

func after(secret []byte) (http.Handler, error) {
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{{
		Issuer:     "https://id.example", // what the tokens have in iss
		Audiences:  []string{"https://api.example"},
		Algorithms: []string{"HS256"},
		Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		OwnerClaim: "tenant",
	}}})
	if err != nil {
		return nil, err
	}
	app := chi.NewRouter()
	app.With(bearerchi.Require(guard, "wallets:read")).Get("/v1/wallets", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("wallets of " + bearer.FromContext(r.Context()).Owner))
	})
	app.With(bearerchi.Handler(guard)).Get("/v1/reports", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("reports"))
	})
	return app, nil
}
