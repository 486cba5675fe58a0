package bearersql_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A database that does not answer is an error after Bound, whatever the context.
func TestFindKeyInTime(t *testing.T) {
	db := databaseOf(t, bearersql.PostgreSQL).open(t)
	config := quick()
	keys := newStore(t, db, config).KeyStore()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE "+config.Prefix+"secrets")
	require.NoError(t, err)
	found := make(chan error, 1)
	go func() {
		_, err := keys.FindKey(context.Background(), bearer.KeyHash{1})
		found <- err
	}()
	select {
	case err := <-found:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(patience):
		require.Fail(t, "FindKey waits for the database")
	}
}
