package bearersql_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A table that is there already is not taken for one of the store.
func TestForeignTable(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := bearersql.Config{Prefix: newPrefix()}
		dropTables(t, db, config.Prefix)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE "+config.Prefix+"users (id INTEGER PRIMARY KEY, email VARCHAR(100))")
		require.NoError(t, err)

		migrateErr := bearersql.Migrate(t.Context(), db, config)
		_, err = bearersql.New(t.Context(), db, config)
		if d.dialect == bearersql.MySQL { // where Migrate goes on after what an earlier one did
			require.NoError(t, migrateErr)
			require.ErrorContains(t, err, "bearersql: check the table "+config.Prefix+"users: ")
			require.ErrorContains(t, err, "owner")
			return
		}
		require.ErrorContains(t, migrateErr, "bearersql: migrate: 0001_tables.sql: statement ")
		require.ErrorContains(t, migrateErr, config.Prefix+"users")
		require.ErrorContains(t, err, "there are no tables")
	})
}

// Tables of the first schema of search_path are made, although others have some.
func TestSearchPath(t *testing.T) {
	d := databaseOf(t, bearersql.PostgreSQL)
	db := d.open(t)
	config := bearersql.Config{Prefix: newPrefix()}
	newStore(t, db, config)
	schema := strings.TrimSuffix(newPrefix(), "_")
	_, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP SCHEMA " + schema + " CASCADE")
		require.NoError(t, err)
	})

	tenant := d.open(t, "search_path="+schema+",public")
	_, err = bearersql.New(t.Context(), tenant, config)
	require.ErrorContains(t, err, "there are no tables")
	require.NoError(t, bearersql.Migrate(t.Context(), tenant, config))
	_, err = bearersql.New(t.Context(), tenant, config)
	require.NoError(t, err)
	n := 0
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pg_tables WHERE schemaname = $1", schema).Scan(&n))
	assert.Len(t, tables, n)
}

// A migration waits for another one also if the client does not wait long for
// answers.
func TestMigrateWithAShortReadTimeout(t *testing.T) {
	d := databaseOf(t, bearersql.MySQL)
	db := d.open(t)
	config := bearersql.Config{Prefix: newPrefix()}
	dropTables(t, db, config.Prefix)
	name := ""
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT DATABASE()").Scan(&name))
	sum := sha256.Sum256([]byte(name + "\x00" + config.Prefix))
	holder, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = holder.Close() }()
	lock := "bearersql " + hex.EncodeToString(sum[:16])
	_, err = holder.ExecContext(t.Context(), "SELECT GET_LOCK(?, 0)", lock)
	require.NoError(t, err)

	impatient := d.open(t, "readTimeout=900ms")
	ended := make(chan error, 1)
	go func() { ended <- bearersql.Migrate(t.Context(), impatient, config) }()
	select {
	case err := <-ended:
		require.Fail(t, "it did not wait", err)
	case <-time.After(1500 * time.Millisecond):
	}
	_, err = holder.ExecContext(t.Context(), "SELECT RELEASE_LOCK(?)", lock)
	require.NoError(t, err)
	require.NoError(t, <-ended)
}

// A process that is paused while it revokes does not keep others from it for long:
// PostgreSQL ends its transaction.
func TestPausedWriter(t *testing.T) {
	store := newStore(t, databaseOf(t, bearersql.PostgreSQL).open(t), bearersql.Config{})
	seconds := int64(0)
	require.NoError(t, store.TellAndThen(t.Context(), func(q bearersql.Querier) {
		var err error
		seconds, err = q.Number(t.Context(), "SELECT EXTRACT(EPOCH FROM "+
			"current_setting('idle_in_transaction_session_timeout')::interval)::bigint")
		assert.NoError(t, err)
	}, issuer.Change{Client: "c"}))
	assert.EqualValues(t, 10, seconds)
}
