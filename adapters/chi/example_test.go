package bearerchi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/blockauth/bearer"
	bearerchi "github.com/blockauth/bearer/adapters/chi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// A small API: every key may list tokens, and only some may create them.
func Example() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{
		ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: "acme", Scopes: "tokens:read wallets:*",
	})
	guard, err := bearer.New(bearer.Config{
		Keys:         store,
		ErrorHandler: bearer.WriteStatusMessage,
		Observe: func(r *http.Request, p *bearer.Principal, e *bearer.Error) {
			verdict := "let in"
			if e != nil {
				verdict = e.Reason
			}
			fmt.Printf("%s: %v: %s\n", bearer.Route(r), p, verdict)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	app := chi.NewRouter()
	app.Use(middleware.Recoverer)
	app.Get("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up") })
	app.Route("/v1", func(v1 chi.Router) {
		v1.With(bearerchi.Require(guard, "tokens:read")).Get("/tokens/{id}", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "token %s of %s", chi.URLParam(r, "id"), bearer.FromContext(r.Context()).Owner)
		})
		v1.With(bearerchi.Require(guard, "tokens:write")).Post("/tokens", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
		})
		v1.With(bearerchi.Resource(guard, "wallets")).HandleFunc("/wallets", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "wallets: "+r.Method)
		})
	})

	server := httptest.NewServer(app)
	defer server.Close()
	call := func(method, path, key string) {
		r, _ := http.NewRequest(method, server.URL+path, nil)
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		fmt.Println(answer.StatusCode, strings.TrimSpace(string(body)))
	}
	call("GET", "/health", "")
	call("GET", "/v1/tokens/7", "")
	call("GET", "/v1/tokens/7", text)
	call("POST", "/v1/tokens", text)
	call("POST", "/v1/wallets", text)

	// Output:
	// 200 up
	// /v1/tokens/{id}: nobody: missing_credentials
	// 401 {"status":false,"message":"This resource needs a bearer credential."}
	// /v1/tokens/{id}: secret "key_1": let in
	// 200 token 7 of acme
	// /v1/tokens: secret "key_1": scope_insufficient
	// 403 {"status":false,"message":"The credential lacks a required scope."}
	// /v1/wallets: secret "key_1": let in
	// 200 wallets: POST
}
