package jwks_test

import (
	"context"
	"net/http"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/httprc/v3"
	jwxjwk "github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/blockauth/bearer/jwks"
)

const (
	issuer   = "https://issuer.example"
	setURL   = issuer + "/keys"
	audience = "https://api.example"
)

// A verify judges the text of a token.
type verify func(token string) error

// A peer is a package that finds keys. It starts with the set at a URL, and its
// goroutines end with the context.
type peer struct {
	name  string
	start func(ctx context.Context, client *http.Client, place string) (verify, error)
}

var peers = []peer{
	{"this module", startBearer},
	{"keyfunc v3.9.2", startKeyfunc},
	{"go-oidc v3.21.0", startOIDC},
	{"jwx v3.4.0", startJWX},
}

var parser = jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer),
	jwt.WithAudience(audience), jwt.WithExpirationRequired())

func startBearer(ctx context.Context, client *http.Client, place string) (verify, error) {
	keys, err := jwks.New(ctx, jwks.Config{URL: place, Client: client})
	if err != nil {
		return nil, err
	}
	return func(token string) error {
		_, err := parser.Parse(token, keys.Keyfunc)
		return err
	}, nil
}

func startKeyfunc(ctx context.Context, client *http.Client, place string) (verify, error) {
	quiet := func(string) func(context.Context, error) { return func(context.Context, error) {} }
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{place},
		keyfunc.Override{Client: client, RefreshErrorHandlerFunc: quiet})
	if err != nil {
		return nil, err
	}
	return func(token string) error {
		_, err := parser.Parse(token, keys.Keyfunc)
		return err
	}, nil
}

func startOIDC(ctx context.Context, client *http.Client, place string) (verify, error) {
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(ctx, client), place)
	verifier := oidc.NewVerifier(issuer, keys, &oidc.Config{ClientID: audience})
	return func(token string) error {
		_, err := verifier.Verify(ctx, token)
		return err
	}, nil
}

func startJWX(ctx context.Context, client *http.Client, place string) (verify, error) {
	cache, err := jwxjwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return nil, err
	}
	day, cancel := context.WithTimeout(ctx, 24*time.Hour) // it waits for the first answer
	defer cancel()
	if err := cache.Register(day, place, jwxjwk.WithHTTPClient(client)); err != nil {
		return nil, err
	}
	return func(token string) error {
		set, err := cache.Lookup(ctx, place)
		if err != nil {
			return err
		}
		_, err = jwxjwt.Parse([]byte(token), jwxjwt.WithKeySet(set), jwxjwt.WithIssuer(issuer),
			jwxjwt.WithAudience(audience), jwxjwt.WithRequiredClaim("exp"))
		return err
	}, nil
}
