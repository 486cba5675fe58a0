package issuer_test

import (
	"context"
	"crypto/rand"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/client"
)

// docs/issuer.md shows the functions of this file.

// A user of the application whom its own session cookie names.
type account struct {
	ID, Company, Version string
	IsAdmin              bool
}

func accountOf(r *http.Request) *account {
	if r.Header.Get("Cookie") != "session=ann" {
		return nil
	}
	return &account{ID: "ann", Company: "acme", IsAdmin: true}
}

func caller(r *http.Request) (issuer.Caller, error) {
	user := accountOf(r) // the application's own login
	if user == nil {
		return issuer.Caller{}, issuer.ErrNoCaller
	}
	return issuer.Caller{
		ID: user.ID, Owner: user.Company, OwnOnly: !user.IsAdmin, Scopes: bearer.FullAccess,
	}, nil
}

func keysOnly(mux *http.ServeMux, list http.Handler) error {
	iss, err := issuer.New(issuer.Config{Caller: caller})
	if err != nil {
		return err
	}
	guard, err := bearer.New(iss.KeyConfig())
	if err != nil {
		return err
	}
	for pattern, h := range iss.Routes() {
		mux.Handle(pattern, h)
	}
	mux.Handle("GET /v1/tokens", guard.Require("tokens:read")(list))
	return nil
}

func platform(mux *http.ServeMux, signingKeys []issuer.SigningKey, list http.Handler) (*issuer.Issuer, error) {
	store := issuer.NewMemoryStore()
	users := issuer.NewPasswords(store)
	iss, err := issuer.New(issuer.Config{
		Store:     store,
		Catalogue: []bearer.Scope{"tokens:read", "tokens:write"},
		Tokens: &issuer.Tokens{
			Issuer:      "https://api.example",
			Audience:    "https://api.example",
			SigningKeys: signingKeys,
		},
		Users:     users,
		Registrar: users,
	})
	if err != nil {
		return nil, err
	}
	api, err := bearer.New(iss.KeyConfig())
	if err != nil {
		return nil, err
	}
	dashboard, err := bearer.New(iss.TokenConfig())
	if err != nil {
		return nil, err
	}
	for pattern, h := range iss.Routes() {
		mux.Handle(pattern, h)
	}
	mux.Handle("GET /v1/tokens", api.Require("tokens:read")(list))
	mux.Handle("GET /dashboard/tokens", dashboard.Require("tokens:read")(list))
	return iss, nil
}

func afterSSO(iss *issuer.Issuer, w http.ResponseWriter, r *http.Request, user *account) {
	grant, err := iss.StartSession(r.Context(), issuer.User{
		ID: user.ID, Owner: user.Company, Scopes: bearer.FullAccess,
		Version: user.Version, // as Users.FindUser returns it at each refresh
	}, "single sign-on")
	if err != nil {
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	grant.Write(w)
}

func seed(ctx context.Context, iss *issuer.Issuer) (string, error) {
	text, _, err := iss.CreateKey(ctx, issuer.Operator("acme"), issuer.APIKey{
		Name: "first", Kind: bearer.SecretKey, Environment: bearer.Test,
		Limit: bearer.PerSecond(10),
	})
	return text, err
}

func machines(ctx context.Context, iss *issuer.Issuer) error {
	by := issuer.Operator("acme")
	secret, oauth, err := iss.CreateClient(ctx, by, issuer.Client{
		Name: "nightly export", Environment: bearer.Live, Scopes: "tokens:read",
	}) // for POST /oauth/token: oauth.ID and secret
	if err != nil {
		return err
	}
	apiSecret, credential, err := iss.CreateClient(ctx, by, issuer.Client{
		Name: "shop", Environment: bearer.Live, Scopes: "tokens:read", Credential: true,
	}) // for POST /auth/token: credential.ID is the apiKey
	if err != nil {
		return err
	}
	return handOver(oauth.ID, secret, credential.ID, apiSecret)
}

func handOver(...string) error { return nil }

// It is compiled, not run.
var _ = func(mux *http.ServeMux, iss *issuer.Issuer) {
	metadata := iss.Route("GET /.well-known/oauth-authorization-server")
	mux.Handle("GET /.well-known/oauth-authorization-server/auth-server", metadata)
}

// It is compiled, not run: there is no such API.
var _ = func(apiKey, apiSecret string) (*http.Response, error) {
	transport, err := client.New(client.Config{
		Source: client.Credential("https://api.example/auth/token", apiKey, apiSecret),
	})
	if err != nil {
		return nil, err
	}
	api := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return api.Get("https://api.example/v1/tokens")
}

// It is compiled, not run: it writes a file.
var _ = func() {
	jwk, err := issuer.NewSigningKey("ES256").PrivateJWK()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("signing-keys.json", jwk, 0o600); err != nil {
		log.Fatal(err)
	}
}

// It is compiled, not run.
var _ = func(ctx context.Context, iss *issuer.Issuer, leaked string) error {
	report, err := iss.ReportLeak(ctx, leaked, issuer.Leak{Source: "support"})
	if err != nil {
		return err
	}
	log.Print(report.Status, " ", report.Key.ID) // "revoked ak_…"
	return nil
}

// It is compiled, not run: it reads a file, and ends with the process.
var _ = func(ctx context.Context, config issuer.Config) {
	jwks, err := os.ReadFile("signing-keys.json")
	if err != nil {
		log.Fatal(err)
	}
	keys, err := issuer.ParseSigningKeys(jwks)
	if err != nil {
		log.Fatal(err)
	}
	config.Tokens.SigningKeys = keys
	iss, err := issuer.New(config)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if err := iss.Run(ctx); err != nil {
			log.Print(err)
		}
	}()
}

// It is compiled, not run.
var _ = func(iss *issuer.Issuer, old, next issuer.SigningKey) error {
	if err := iss.SetSigningKeys(old, next); err != nil { // then (next, old), then (next)
		return err
	}
	return iss.Healthy()
}

// It is compiled, not run.
var _ = func(ctx context.Context, iss *issuer.Issuer, owner string) error {
	if err := iss.CloseAccount(ctx, owner, "closed"); err != nil {
		return err
	}

	by := issuer.Operator(owner)
	if _, err := iss.RevokeKeys(ctx, by, issuer.KeyQuery{CreatedBy: "bob"}, "left the company"); err != nil {
		return err
	}
	if _, err := iss.DeleteClients(ctx, by, issuer.ClientQuery{CreatedBy: "bob"}); err != nil {
		return err
	}
	return iss.EndSessions(ctx, "user:bob")
}

// The ten lines of docs/issuer.md: a key is made by who is logged in, works, and
// is revoked (S1.1, S4.13).
func TestDocumentKeysOnly(t *testing.T) {
	mux := http.NewServeMux()
	require.NoError(t, keysOnly(mux, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))
	call := func(method, target, body, cookie, credential string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", cookie)
		if credential != "" {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	const create = `{"name":"ci","type":"secret","environment":"test"}`
	assert.Equal(t, http.StatusUnauthorized, call("POST", "/v1/api_keys", create, "", "").Code)
	made := decoded(t, call("POST", "/v1/api_keys", create, "session=ann", ""))
	text, id := made["key"].(string), made["id"].(string)
	assert.Equal(t, http.StatusOK, call("GET", "/v1/tokens", "", "", text).Code)
	assert.Equal(t, http.StatusOK, call("DELETE", "/v1/api_keys/"+id, "", "session=ann", "").Code)
	assert.Equal(t, http.StatusUnauthorized, call("GET", "/v1/tokens", "", "", text).Code)
}

// The platform of docs/issuer.md.
func TestDocumentPlatform(t *testing.T) {
	mux := http.NewServeMux()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	keys := []issuer.SigningKey{{ID: "2026-11", Algorithm: "HS256", Key: secret}}
	iss, err := platform(mux, keys, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.NoError(t, err)
	require.NoError(t, machines(t.Context(), iss))
	text, err := seed(t.Context(), iss)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)

	w = httptest.NewRecorder()
	afterSSO(iss, w, r, &account{ID: "ann", Company: "acme"})
	token := decoded(t, w)["access_token"].(string)
	r = httptest.NewRequest(http.MethodGet, "/dashboard/tokens", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)
}
