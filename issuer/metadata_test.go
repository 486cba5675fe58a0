package issuer_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

func metadata(t *testing.T, iss *issuer.Issuer, name string) map[string]any {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://attacker.example/.well-known/"+name, nil)
	r.Header.Set("X-Forwarded-Host", "attacker.example")
	w := httptest.NewRecorder()
	iss.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, name)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"), name)
	assert.Equal(t, "public, max-age=300", w.Header().Get("Cache-Control"), name)
	assert.NotContains(t, w.Body.String(), "attacker", "URLs never come from the request")
	var body map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), name)
	return body
}

// The JWK Set holds public keys alone, and follows the signing keys (RFC 7517).
func TestKeySet(t *testing.T) {
	for _, algorithm := range algorithms {
		s := newSigned(t)
		first, second := issuer.NewSigningKey(algorithm), issuer.NewSigningKey(algorithm)
		s.config.Tokens.SigningKeys = []issuer.SigningKey{first}
		iss := s.issuer()
		for _, keys := range [][]issuer.SigningKey{{first}, {first, second}, {second, first}, {second}} {
			require.NoError(t, iss.SetSigningKeys(keys...))
			want := []any{}
			for _, key := range keys {
				if algorithm == "HS256" {
					break
				}
				want = append(want, with(privateJWK(t, key), map[string]any{
					"d": nil, "kid": key.ID, "use": "sig", "alg": algorithm,
				}))
			}
			assert.Equal(t, map[string]any{"keys": want}, metadata(t, iss, "jwks.json"), algorithm)
		}
		if algorithm == "HS256" {
			continue
		}
		public, err := issuer.ParseSigningKeys(jsonOf(t, metadata(t, iss, "jwks.json")))
		require.NoError(t, err)
		require.Len(t, public, 1)
		switch key := public[0].Key.(type) {
		case ed25519.PublicKey:
			assert.True(t, key.Equal(second.Key.(ed25519.PrivateKey).Public()))
		case *ecdsa.PublicKey:
			assert.True(t, key.Equal(second.Key.(*ecdsa.PrivateKey).Public()))
		default:
			assert.Fail(t, "not public", "%T", key)
		}
	}
}

func TestServerMetadata(t *testing.T) {
	for _, row := range []struct{ iss, base string }{
		{"https://api.example", "https://api.example"},
		{"https://api.example/", "https://api.example"},
		{"http://127.0.0.1:8081/tenant", "http://127.0.0.1:8081/tenant"},
	} {
		s := newSigned(t)
		s.config.Tokens.Issuer = row.iss
		auth := []any{"client_secret_basic", "client_secret_post"}
		want := map[string]any{
			"issuer":                                        row.iss,
			"token_endpoint":                                row.base + "/oauth/token",
			"revocation_endpoint":                           row.base + "/oauth/revoke",
			"introspection_endpoint":                        row.base + "/oauth/introspect",
			"jwks_uri":                                      row.base + "/.well-known/jwks.json",
			"response_types_supported":                      []any{},
			"grant_types_supported":                         []any{"client_credentials"},
			"token_endpoint_auth_methods_supported":         auth,
			"revocation_endpoint_auth_methods_supported":    auth,
			"introspection_endpoint_auth_methods_supported": auth,
		}
		assert.Equal(t, want, metadata(t, s.issuer(), "oauth-authorization-server"), row.iss)
		s.config.Catalogue = []bearer.Scope{"tokens:read", "tokens:write"}
		want["scopes_supported"] = []any{"tokens:read", "tokens:write"}
		assert.Equal(t, want, metadata(t, s.issuer(), "oauth-authorization-server"), row.iss)
	}
}

func TestResourceMetadata(t *testing.T) {
	for _, algorithm := range algorithms {
		s := newSigned(t)
		s.config.Tokens.SigningKeys = []issuer.SigningKey{issuer.NewSigningKey(algorithm)}
		s.config.Catalogue = []bearer.Scope{"tokens:read"}
		want := map[string]any{
			"resource":                 "https://api.example",
			"authorization_servers":    []any{"https://api.example"},
			"bearer_methods_supported": []any{"header"},
			"scopes_supported":         []any{"tokens:read"},
		}
		if algorithm != "HS256" {
			want["jwks_uri"] = "https://api.example/.well-known/jwks.json"
		}
		assert.Equal(t, want, metadata(t, s.issuer(), "oauth-protected-resource"), algorithm)
	}
}

// There are no metadata of an issuer that is no URL; its key set is there.
func TestNoMetadata(t *testing.T) {
	for _, iss := range []string{
		"acme", "ftp://id.example", "https:///path", "https://id.example?a", "https://id.example#a", "https://%zz",
	} {
		s := newSigned(t)
		s.config.Tokens.Issuer = iss
		h := s.issuer().Handler()
		for path, want := range map[string]int{
			"jwks.json": http.StatusOK, "oauth-authorization-server": http.StatusNotFound, "oauth-protected-resource": http.StatusNotFound,
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/"+path, nil))
			assert.Equal(t, want, w.Code, "%s of %s", path, iss)
		}
	}
}
