package page_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/page"
)

// account returns who is logged in, by the application's own session: a cookie.
func account(r *http.Request) (user, account string, ok bool) {
	cookie, err := r.Cookie("session")
	if err != nil || cookie.Value != "good" {
		return "", "", false
	}
	return "us_1", "acme", true
}

// The customers of an application manage their keys at /settings/keys, and use
// them at /v1/tokens.
func Example() {
	iss, err := issuer.New(issuer.Config{
		Catalogue: []bearer.Scope{"tokens:read", "tokens:write"},
		Caller: func(r *http.Request) (issuer.Caller, error) {
			user, owner, ok := account(r)
			if !ok {
				return issuer.Caller{}, issuer.ErrNoCaller
			}
			return issuer.Caller{ID: user, Owner: owner, Scopes: bearer.FullAccess}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := bearer.New(iss.KeyConfig())
	if err != nil {
		log.Fatal(err)
	}
	list := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") })
	mux := http.NewServeMux()
	mux.Handle("/settings/keys", page.Handler(iss, page.Config{Name: "Acme", Login: "/login"}))
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(list))

	// A customer opens the page.
	r := httptest.NewRequest(http.MethodGet, "/settings/keys", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: "good"})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "No keys yet"))
	// Output:
	// 200 true
}

// The page looks like the application: its name, its colours, and what its scopes
// are for.
func ExampleConfig() {
	iss, err := issuer.New(issuer.Config{
		Catalogue: []bearer.Scope{"payments:read", "payments:write", "reports:read"},
		Caller: func(*http.Request) (issuer.Caller, error) {
			return issuer.Caller{ID: "us_1", Owner: "acme", Scopes: bearer.FullAccess}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := page.Handler(iss, page.Config{
		Name:       "Acme",
		Logo:       "/static/logo.svg",
		Home:       "/",
		Login:      "/login",
		Accent:     "#0a6b4f",
		AccentDark: "#4fd1a5",
		Scopes: []page.ScopeGroup{{Name: "Payments", Scopes: []page.Scope{
			{Scope: "payments:read", Label: "See payments"},
			{Scope: "payments:write", Label: "Make payments", About: "Moves money."},
		}}},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/settings/keys?new", nil))
	fmt.Println(strings.Contains(w.Body.String(), "<legend>Payments</legend>"), strings.Contains(w.Body.String(), "Moves money."))
	// Output:
	// true true
}

// The texts of the page in another language: those that a table lacks stay in
// English.
func ExampleTexts() {
	german := map[string]string{
		"API keys":     "API-Schlüssel",
		"Create a key": "Schlüssel anlegen",
		"in %d days":   "in %d Tagen",
	}
	iss, err := issuer.New(issuer.Config{Caller: func(*http.Request) (issuer.Caller, error) {
		return issuer.Caller{ID: "us_1", Owner: "acme", Scopes: bearer.FullAccess}, nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	h := page.Handler(iss, page.Config{
		Language: func(*http.Request) string { return "de" },
		Text:     func(_ *http.Request, text string, _ int) string { return german[text] },
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/settings/keys", nil))
	fmt.Println(strings.Contains(w.Body.String(), "<h1>API-Schlüssel</h1>"), len(page.Texts()) > 100)
	// Output:
	// true true
}
