package bearersql_test

import (
	"database/sql"
	"slices"
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

// A suite tests one of the interfaces of a store.
type suite struct {
	name string
	test func(t *testing.T, store *bearersql.Store) error
}

// suites are those of issuertest and bearertest.
var suites = []suite{
	{"keys", func(_ *testing.T, s *bearersql.Store) error { return issuertest.TestKeyStore(s) }},
	{"clients", func(_ *testing.T, s *bearersql.Store) error { return issuertest.TestClientStore(s) }},
	{"sessions", func(_ *testing.T, s *bearersql.Store) error { return issuertest.TestSessionStore(s) }},
	{"users", func(_ *testing.T, s *bearersql.Store) error { return issuertest.TestPasswordStore(s) }},
	{"guards", testGuards},
}

// TestSuites: the suites pass on each database.
func TestSuites(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		if testing.Short() && d.dialect != bearersql.SQLite {
			t.Skip("-short: the suites make thousands of calls over the network")
		}
		runSuites(t, d.open(t), suites)
	})
}

func runSuites(t *testing.T, db *sql.DB, suites []suite) {
	t.Helper()
	store := newStore(t, db, bearersql.Config{})
	for _, suite := range suites {
		t.Run(suite.name, func(t *testing.T) { assert.NoError(t, suite.test(t, store)) })
	}
	assert.Zero(t, db.Stats().InUse, "no connection is kept")
}

// TestVariants: the suites of keys and sessions pass whatever the
// options of a connection, and the collation of a database.
func TestVariants(t *testing.T) {
	if isBrief() {
		t.Skip("skipped: -short, or the race detector is on")
	}
	for i, v := range slices.Concat(postgresVariants, mysqlVariants, sqliteVariants) {
		t.Run(v.dialect.String()+"/"+v.name, func(t *testing.T) {
			d := databaseOf(t, v.dialect)
			if v.database != nil {
				d = v.database(t, d)
			}
			db := d.open(t, v.options...)
			if v.connections > 0 {
				db.SetMaxOpenConns(v.connections)
			}
			both := []suite{suites[0], suites[2]}
			if v.isOneEnough {
				both = both[i%2:][:1]
			}
			runSuites(t, db, both)
		})
	}
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
