package jwks_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/jwks"
)

// An API that accepts the tokens of an issuer that it finds by its metadata.
func Example() {
	issuer := httptest.NewServer(nil) // in production, https://login.example.com/
	defer issuer.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer.URL, issuer.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, setOf(rsaJWK("2026-11")))
	})
	issuer.Config.Handler = mux

	ctx, stop := context.WithCancel(context.Background()) // of the program
	defer stop()
	keys, err := jwks.New(ctx, jwks.Config{Issuer: issuer.URL})
	if err != nil {
		panic(err)
	}
	guard, err := bearer.New(bearer.Config{JWT: []bearer.JWT{keys.JWT("https://api.example.com")}})
	if err != nil {
		panic(err)
	}
	wallets := guard.Require("wallets:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "the wallets of", bearer.FromContext(r.Context()).Owner)
	}))

	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer.URL, "aud": "https://api.example.com", "sub": "alice", "scope": "wallets:read",
		"exp": time.Now().Add(time.Hour).Unix(),
	})
	for _, kid := range []string{"2026-11", "made up"} {
		token.Header["kid"] = kid
		text, err := token.SignedString(rsaKey())
		if err != nil {
			panic(err)
		}
		w := httptest.NewRecorder()
		wallets.ServeHTTP(w, bearertest.Request(http.MethodGet, "/v1/wallets", text))
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 the wallets of alice
	// 401 {"error":{"type":"authentication_error","code":"unauthorized","reason":"invalid_token","message":"The access token is not valid.","status":401}}
}

// What docs/jwks.md shows is compiled here.
var _ = func(ctx context.Context, store bearer.KeyStore, metrics interface {
	Fetched(ok bool, keys int, d time.Duration)
},
) (*bearer.Guard, error) {
	keys, err := jwks.New(ctx, jwks.Config{
		Issuer: "https://example.eu.auth0.com/",
		Observe: func(f jwks.Fetch) {
			metrics.Fetched(f.Err == nil, f.Keys, f.Duration)
			if err := cmp.Or(f.Err, f.Discovery); err != nil {
				log.Print(err) // "jwks: https://example.eu.auth0.com/...: status 500"
			}
		},
	})
	if err != nil {
		return nil, err // the config cannot work; the issuer was not asked
	}
	return bearer.New(bearer.Config{
		Keys: store, // API keys beside it, if there are any
		JWT:  []bearer.JWT{keys.JWT("https://api.example.com")},
	})
}

var _ = func(ctx context.Context) (*bearer.Guard, error) {
	staff, errStaff := jwks.New(ctx, jwks.Config{Issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"})
	builds, errBuilds := jwks.New(ctx, jwks.Config{Issuer: "https://token.actions.githubusercontent.com"})
	if err := errors.Join(errStaff, errBuilds); err != nil {
		return nil, err
	}
	return bearer.New(bearer.Config{
		JWT: []bearer.JWT{entra(staff), githubActions(builds)}, // chosen by iss
	})
}

// The README shows this.
var _ = func(ctx context.Context) (*bearer.Guard, error) {
	keys, err := jwks.New(ctx, jwks.Config{Issuer: "https://example.eu.auth0.com/"})
	if err != nil {
		return nil, err
	}
	return bearer.New(bearer.Config{JWT: []bearer.JWT{keys.JWT("https://api.example.com")}})
}
