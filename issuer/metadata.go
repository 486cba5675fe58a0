package issuer

import (
	"encoding/json"
	"net/http"

	"github.com/blockauth/bearer"
)

// Metadata are made from Tokens.Issuer and never from a request: a client that
// says another Host must not be able to send others there.

// A serverMetadata is what RFC 8414 section 2 describes. OAuth clients need it to
// have response_types_supported, though there are none.
type serverMetadata struct {
	Issuer                string         `json:"issuer"`
	TokenEndpoint         string         `json:"token_endpoint"`
	TokenAuth             []string       `json:"token_endpoint_auth_methods_supported"`
	RevocationEndpoint    string         `json:"revocation_endpoint"`
	RevocationAuth        []string       `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionEndpoint string         `json:"introspection_endpoint"`
	IntrospectionAuth     []string       `json:"introspection_endpoint_auth_methods_supported"`
	KeySet                string         `json:"jwks_uri"`
	ResponseTypes         []string       `json:"response_types_supported"`
	GrantTypes            []string       `json:"grant_types_supported"`
	Scopes                []bearer.Scope `json:"scopes_supported,omitempty"`
}

// A resourceMetadata is what RFC 9728 section 2 describes.
type resourceMetadata struct {
	Resource             string         `json:"resource"`
	AuthorizationServers []string       `json:"authorization_servers"`
	KeySet               string         `json:"jwks_uri,omitempty"` // if it has keys
	Methods              []string       `json:"bearer_methods_supported"`
	Scopes               []bearer.Scope `json:"scopes_supported,omitempty"`
}

func (i *Issuer) serveKeySet(w http.ResponseWriter, _ *http.Request) error {
	writePublic(w, i.signer.published())
	return nil
}

func (i *Issuer) serveServerMetadata(w http.ResponseWriter, _ *http.Request) error {
	base, auth := i.base(), []string{"client_secret_basic", "client_secret_post"}
	return answerPublic(w, serverMetadata{
		Issuer:                i.config.Tokens.Issuer,
		TokenEndpoint:         base + "/oauth/token",
		TokenAuth:             auth,
		RevocationEndpoint:    base + "/oauth/revoke",
		RevocationAuth:        auth,
		IntrospectionEndpoint: base + "/oauth/introspect",
		IntrospectionAuth:     auth,
		KeySet:                base + "/.well-known/jwks.json",
		ResponseTypes:         []string{},
		GrantTypes:            []string{"client_credentials"},
		Scopes:                i.config.Catalogue,
	})
}

func (i *Issuer) serveResourceMetadata(w http.ResponseWriter, _ *http.Request) error {
	m := resourceMetadata{
		Resource:             i.config.Tokens.Issuer,
		AuthorizationServers: []string{i.config.Tokens.Issuer},
		Methods:              []string{"header"},
		Scopes:               i.config.Catalogue,
	}
	if i.signer.algorithm() != algHS256 {
		m.KeySet = i.base() + "/.well-known/jwks.json"
	}
	return answerPublic(w, m)
}

// answerPublic writes a value as JSON that caches may keep for five minutes.
func answerPublic(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return outage(err)
	}
	writePublic(w, append(body, '\n'))
	return nil
}

// writePublic writes JSON that caches may keep for five minutes.
func writePublic(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}
