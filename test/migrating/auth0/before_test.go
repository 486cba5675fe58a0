// Package auth0 has the guide from auth0/go-jwt-middleware.
package auth0_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
)

type customClaims struct {
	Scope string `json:"scope"`
}

func (c *customClaims) Validate(context.Context) error { return nil }

func before(issuer string) (http.Handler, error) {
	issuerURL, err := url.Parse(issuer) // "https://example.eu.auth0.com/"
	if err != nil {
		return nil, err
	}
	provider, err := jwks.NewCachingProvider(jwks.WithIssuerURL(issuerURL), jwks.WithCacheTTL(5*time.Minute))
	if err != nil {
		return nil, err
	}
	tokens, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithm(validator.RS256),
		validator.WithIssuer(issuerURL.String()),
		validator.WithAudience("https://api.example"),
		validator.WithCustomClaims(func() *customClaims { return new(customClaims) }),
	)
	if err != nil {
		return nil, err
	}
	auth, err := jwtmiddleware.New(jwtmiddleware.WithValidator(tokens))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", auth.CheckJWT(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := jwtmiddleware.MustGetClaims[*validator.ValidatedClaims](r.Context())
		custom := claims.CustomClaims.(*customClaims)
		if !slices.Contains(strings.Fields(custom.Scope), "wallets:read") {
			http.Error(w, `{"message":"Insufficient scope."}`, http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("wallets of " + claims.RegisteredClaims.Subject))
	})))
	return mux, nil
}
