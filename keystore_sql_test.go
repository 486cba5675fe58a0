package bearer_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeTable is a database with the one table that sqlStore asks.
type fakeTable struct {
	rows map[string][]driver.Value // by hash
	err  error
}

func (f *fakeTable) Connect(context.Context) (driver.Conn, error) { return fakeConn{f}, nil }
func (f *fakeTable) Driver() driver.Driver                        { return nil }

type fakeConn struct{ *fakeTable }

func (fakeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (fakeConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (fakeConn) Close() error                        { return nil }

func (c fakeConn) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if c.err != nil {
		return nil, c.err
	}
	hash, _ := args[0].Value.([]byte)
	return &fakeRows{c.rows[string(hash)]}, nil
}

type fakeRows struct{ row []driver.Value }

func (*fakeRows) Columns() []string {
	return []string{"id", "hash", "customer_id", "scopes", "expires_at", "revoked_at"}
}
func (*fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	copy(dest, r.row)
	r.row = nil
	return nil
}

// The KeyStore that docs/keystore.md shows does what it says.
func TestSQLStoreOfTheDocs(t *testing.T) {
	revoked := time.Now().Add(-time.Hour)
	good, gone, unknown := cacheHash(1), cacheHash(2), cacheHash(3)
	table := &fakeTable{rows: map[string][]driver.Value{
		string(good[:]): {"key_1", good[:], "acme", "tokens:read", nil, nil},
		string(gone[:]): {"key_2", gone[:], "acme", "tokens:read", nil, revoked},
	}}
	db := sql.OpenDB(table)
	defer db.Close()
	store := sqlStore{db}

	key, err := store.FindKey(t.Context(), good)
	require.NoError(t, err)
	assert.Equal(t, &bearer.Key{
		ID: "key_1", Hash: good, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: "acme", Scopes: "tokens:read",
	}, key)

	key, err = store.FindKey(t.Context(), gone)
	require.NoError(t, err)
	assert.Equal(t, revoked, key.RevokedAt)

	_, err = store.FindKey(t.Context(), unknown)
	require.ErrorIs(t, err, bearer.ErrKeyNotFound)

	table.rows[string(unknown[:])] = []driver.Value{"key_3", "text", "acme", "", nil, nil}
	_, err = store.FindKey(t.Context(), unknown)
	require.ErrorContains(t, err, "32 bytes")
	require.NotErrorIs(t, err, bearer.ErrKeyNotFound, "a column that is no hash is an outage")

	table.err = errors.New("connection refused")
	_, err = store.FindKey(t.Context(), good)
	require.ErrorIs(t, err, table.err)
	assert.NotErrorIs(t, err, bearer.ErrKeyNotFound)
}
