package bearersql_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/issuer/issuertest"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestKeyStores proves S1.1 for keys, clients and users.
func TestKeyStores(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		if testing.Short() && d.dialect != bearersql.SQLite {
			t.Skip("-short: the suites make thousands of calls over the network")
		}
		store := newStore(t, d.open(t), bearersql.Config{})
		for _, suite := range []struct {
			name string
			test func() error
		}{
			{"keys", func() error { return issuertest.TestKeyStore(store) }},
			{"clients", func() error { return issuertest.TestClientStore(store) }},
			{"users", func() error { return issuertest.TestPasswordStore(store) }},
			{"guards", func() error { return testGuards(t, store) }},
		} {
			t.Run(suite.name, func(t *testing.T) { assert.NoError(t, suite.test()) })
		}
	})
}

// testGuards tests what guards see of keys.
func testGuards(t *testing.T, store *bearersql.Store) error {
	t.Helper()
	issue := func(k bearer.Key) error { return store.CreateKey(t.Context(), recordOf(&k)) }
	revoke := func(k bearer.Key) error {
		record, err := store.KeyByHash(t.Context(), k.Hash)
		require.NoError(t, err)
		record.RevokedAt = k.RevokedAt
		return store.ReplaceKey(t.Context(), record)
	}
	return bearertest.TestKeyStore(store.KeyStore(), issue, bearertest.StoreHooks{Revoke: revoke})
}

// recordOf returns the record of which a guard sees the key.
func recordOf(k *bearer.Key) issuer.APIKey {
	now := time.Now()
	metadata, _ := k.Data.(map[string]string)
	return issuer.APIKey{
		ID: k.ID, Owner: k.Owner, Kind: k.Kind, Environment: k.Environment, Scopes: k.Scopes,
		AllowedIPs: k.AllowedIPs, AllowedOrigins: k.AllowedOrigins, Limit: k.Limit, Metadata: metadata,
		ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, CreatedAt: now, Version: 1,
		Secrets: []issuer.Secret{{ID: "1", Hash: k.Hash, CreatedAt: now, EndsAt: k.EndsAt}},
	}
}
