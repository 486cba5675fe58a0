package bearersql_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestOneRoundTrip: look-ups on MySQL prepare nothing after the first one, also on
// connections that come and go.
func TestOneRoundTrip(t *testing.T) {
	db := databaseOf(t, bearersql.MySQL).open(t)
	db.SetMaxOpenConns(1)
	keys := newStore(t, db, bearersql.Config{}).KeyStore()
	lookUp := func() {
		t.Helper()
		_, err := keys.FindKey(t.Context(), bearer.KeyHash{1})
		require.ErrorIs(t, err, bearer.ErrKeyNotFound)
	}
	lookUp()
	before := preparedBy(t, db)
	for range 10 {
		lookUp()
	}
	assert.Equal(t, before, preparedBy(t, db))

	db.SetMaxIdleConns(-1) // each look-up has a new connection
	for range 10 {
		lookUp()
	}
	db.SetMaxIdleConns(1)
	lookUp()
	assert.Equal(t, 1, preparedBy(t, db), "once by the new connection")
	assert.Zero(t, db.Stats().InUse)
}

// preparedBy returns how many statements the connection has prepared.
func preparedBy(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	row := db.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
	require.NoError(t, row.Scan(new(string), &n))
	return n
}
