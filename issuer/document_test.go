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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// docs/issuer.md shows the functions of this file.

// A user of the application whom its own session cookie names.
type account struct {
	ID, Company string
	IsAdmin     bool
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
	_, err := iss.RevokeKeys(ctx, issuer.Operator(owner), issuer.KeyQuery{CreatedBy: "bob"}, "left the company")
	return err
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
