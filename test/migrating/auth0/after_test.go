package auth0_test

import (
	"context"
	"net/http"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/jwks"
)

func after(ctx context.Context, issuer string) (http.Handler, error) {
	keys, err := jwks.New(ctx, jwks.Config{Issuer: issuer}) // "https://example.eu.auth0.com/"
	if err != nil {
		return nil, err
	}
	guard, err := bearer.New(bearer.Config{
		JWT:          []bearer.JWT{keys.JWT("https://api.example")},
		ErrorHandler: bearer.WriteOAuthError,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", guard.Require("wallets:read")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("wallets of " + bearer.FromContext(r.Context()).ID))
		})))
	return mux, nil
}
