// Command keys lets the customers of an application manage API keys, and serves
// an API that takes them, at http://127.0.0.1:8080: the README's second program.
package main

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
)

// caller says who is logged in, and whose keys that is. Your application knows it
// by its session cookie, say; here, every request comes from Ann, of Acme.
func caller(*http.Request) (issuer.Caller, error) {
	return issuer.Caller{ID: "ann", Owner: "acme", Scopes: bearer.FullAccess}, nil
}

func newMux() (*http.ServeMux, error) {
	iss, err := issuer.New(issuer.Config{Caller: caller}) // Store: see "Databases and fleets"
	if err != nil {
		return nil, err
	}
	guard, err := bearer.New(iss.KeyConfig())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, h := range iss.Routes() { // POST /v1/api_keys, GET /v1/api_keys, …
		mux.Handle(pattern, h)
	}
	mux.Handle("/settings/keys", page.Handler(iss, page.Config{Name: "Acme"}))
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "the tokens of", bearer.FromContext(r.Context()).Owner)
		})))
	return mux, nil
}

func main() {
	mux, err := newMux()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Print("see http://", server.Addr, "/settings/keys")
	log.Fatal(server.ListenAndServe())
}
