package bearerchi_test

import (
	"log"
	"net/http"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	"github.com/go-chi/chi/v5"
)

// docs/routers.md shows this application. It is compiled, not run: it never
// ends.
var _ = func(addr string, guard *bearer.Guard, show, wallets http.HandlerFunc) {
	r := chi.NewRouter()
	r.Route("/v1", func(v1 chi.Router) {
		v1.Use(bearerchi.Handler(guard))
		v1.With(bearerchi.Require(guard, "tokens:read")).Get("/tokens/{id}", show)
		v1.With(bearerchi.Resource(guard, "wallets")).HandleFunc("/wallets", wallets)
	})
	log.Fatal(http.ListenAndServe(addr, r))
}

// The README's table shows this line.
var _ = func(r chi.Router, guard *bearer.Guard, list http.HandlerFunc) {
	r.With(bearerchi.Require(guard, "tokens:read")).Get("/v1/tokens", list)
}
