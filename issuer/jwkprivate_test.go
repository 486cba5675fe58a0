package issuer_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
)

// A key that was saved is the same key.
func TestPrivateJWK(t *testing.T) {
	ed, es := issuer.NewSigningKey("EdDSA"), issuer.NewSigningKey("ES256")
	for _, row := range []struct {
		name string
		key  issuer.SigningKey
	}{
		{"HS256", issuer.NewSigningKey("HS256")},
		{"EdDSA", ed},
		{"ES256", es},
		{"EdDSA, public", issuer.SigningKey{ID: "1", Algorithm: "EdDSA", Key: ed.Key.(ed25519.PrivateKey).Public()}},
		{"ES256, public", issuer.SigningKey{ID: "1", Algorithm: "ES256", Key: es.Key.(*ecdsa.PrivateKey).Public()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, err := row.key.PrivateJWK()
			require.NoError(t, err)
			keys, err := issuer.ParseSigningKeys(text)
			require.NoError(t, err)
			require.Len(t, keys, 1)
			assert.Equal(t, row.key.ID, keys[0].ID)
			assert.Equal(t, row.key.Algorithm, keys[0].Algorithm)
			assert.Equal(t, row.key.Key, keys[0].Key)
		})
	}
	_, err := issuer.SigningKey{ID: "1", Algorithm: "RS256"}.PrivateJWK()
	assert.Error(t, err)
}
