package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// PrivateJWK returns the key as a JWK that [ParseSigningKeys] reads, with what is
// secret in it: for the file or the secret manager that it is kept in. That of a
// key which only verifies has no secret. It returns an error if the key is none
// that an issuer takes.
func (k SigningKey) PrivateJWK() ([]byte, error) {
	if err := k.problem(); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	private := struct {
		jwk

		D string `json:"d,omitempty"`
		K string `json:"k,omitempty"`
	}{jwk: jwkOf(k)}
	private.K = private.jwk.K
	switch key := k.Key.(type) {
	case ed25519.PrivateKey:
		private.D = base64.RawURLEncoding.EncodeToString(key.Seed())
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		if err != nil {
			return nil, fmt.Errorf("issuer: %w", err)
		}
		private.D = base64.RawURLEncoding.EncodeToString(d)
	}
	return json.Marshal(private)
}
