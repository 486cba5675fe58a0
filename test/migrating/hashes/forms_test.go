package hashes_test

import (
	"crypto/rand"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// What an older key looks like matters where it looks like something else.
func TestForms(t *testing.T) {
	for _, row := range []struct {
		name, text string
		kind       bearer.Kind
		withJWT    bool
		status     int
	}{
		{"any other form", "acme-" + rand.Text(), bearer.SecretKey, false, 200},
		{"begins with sk_", "sk_" + rand.Text(), bearer.SecretKey, false, 200},
		{"begins with pk_: the record decides", "pk_" + rand.Text(), bearer.SecretKey, false, 200},
		{"has two dots", "a." + rand.Text() + ".c", bearer.SecretKey, false, 200},
		{"has two dots, beside JWTs", "a." + rand.Text() + ".c", bearer.SecretKey, true, 401},
		{"has a colon", "acme:" + rand.Text(), bearer.SecretKey, false, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			format := bearer.KeyFormat{Foreign: true}
			config := bearer.Config{Format: format, Keys: bearer.NewMemoryStore(bearer.Key{
				ID: "1", Hash: format.Hash(row.text), Kind: row.kind, Environment: bearer.Live, Scopes: "wallets:read",
			})}
			if row.withJWT {
				config.JWT = []bearer.JWT{{
					Issuer: "i", Audiences: []string{"a"}, Algorithms: []string{"HS256"},
					Keyfunc: func(*jwt.Token) (any, error) { return make([]byte, 32), nil },
				}}
			}
			guard, err := bearer.New(config)
			require.NoError(t, err)
			assert.Equal(t, row.status, sides.Serve(guard.Handler(wallets), sides.Get("/", row.text)).Code)
		})
	}
}
