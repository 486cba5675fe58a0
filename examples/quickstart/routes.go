package main

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
)

// newHandler returns the application: API routes that take keys, and one
// dashboard route that takes JWTs.
func newHandler(store bearer.KeyStore, secret []byte, log *slog.Logger) (http.Handler, error) {
	observe := logDecisions(log)
	api, err := bearer.New(bearer.Config{Keys: store, Observe: observe})
	if err != nil {
		return nil, err
	}
	dashboard, err := bearer.New(bearer.Config{
		JWT: []bearer.JWT{{
			Issuer:     issuer,
			Audiences:  []string{audience},
			Algorithms: []string{"HS256"},
			Keyfunc:    func(*jwt.Token) (any, error) { return secret, nil },
		}},
		Observe: observe,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/tokens", api.Require("tokens:read")(caller(http.StatusOK)))
	mux.Handle("POST /v1/tokens", api.Require("tokens:write")(caller(http.StatusCreated)))
	mux.Handle("/v1/wallets", api.Resource("wallets")(caller(http.StatusOK)))
	mux.Handle("GET /v1/events", api.Require("events:read")(caller(http.StatusOK)))
	mux.Handle("GET /auth/me", dashboard.Handler(caller(http.StatusOK)))
	return mux, nil
}

// caller returns a handler that says who called which route.
func caller(status int) http.HandlerFunc {
	type answer struct {
		Route  string        `json:"route"`
		ID     string        `json:"id"`
		Owner  string        `json:"owner"`
		Kind   string        `json:"kind"`
		Scopes bearer.Scopes `json:"scopes"`
	}
	return func(w http.ResponseWriter, r *http.Request) {
		p := bearer.FromContext(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer{bearer.Route(r), p.ID, p.Owner, p.Kind.String(), p.Scopes})
	}
}

// logDecisions returns a function for Config.Observe that logs each decision.
// It logs no credential: a guard hands none out.
func logDecisions(log *slog.Logger) func(*http.Request, *bearer.Principal, *bearer.Error) {
	return func(r *http.Request, p *bearer.Principal, err *bearer.Error) {
		attrs := []slog.Attr{slog.String("route", bearer.Route(r)), slog.Any("principal", p)}
		if err != nil {
			attrs = append(attrs, slog.String("refused", err.Error()))
		}
		log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
	}
}
