package bearer_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fakeDB is a database with one table, of which a query gets the row of the
// hash that is its argument, or the hashes of the rows whose first column is. An
// INSERT has the hash as its second argument; an UPDATE sets the last column where
// the first is its second argument.
type fakeDB struct {
	mu   sync.Mutex
	rows map[string][]driver.Value // by hash
	err  error
}

func (d *fakeDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *fakeDB) Driver() driver.Driver                        { return nil }
func (d *fakeDB) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (d *fakeDB) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (d *fakeDB) Close() error                                 { return nil }

func (d *fakeDB) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var rows fakeRows
	for hash, row := range d.rows {
		switch id, ok := args[0].Value.(string); {
		case ok && row[0] == id:
			rows.rows = append(rows.rows, []driver.Value{[]byte(hash)})
		case !ok && hash == string(args[0].Value.([]byte)):
			rows.rows = append(rows.rows, row)
		}
	}
	return &rows, d.err
}

func (d *fakeDB) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.HasPrefix(query, "UPDATE") {
		for _, row := range d.rows {
			if row[0] == args[1].Value {
				row[len(row)-1] = args[0].Value
			}
		}
		return driver.ResultNoRows, d.err
	}
	row := make([]driver.Value, len(args))
	for i, arg := range args {
		row[i] = arg.Value
	}
	if d.rows == nil {
		d.rows = make(map[string][]driver.Value)
	}
	d.rows[string(row[1].([]byte))] = row
	return driver.ResultNoRows, d.err
}

type fakeRows struct {
	rows [][]driver.Value
	read int
}

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return nil
	}
	return make([]string, len(r.rows[0]))
}

func (r *fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.read == len(r.rows) {
		return io.EOF
	}
	copy(dest, r.rows[r.read])
	r.read++
	return nil
}

// The KeyStore that docs/keystore.md shows does what it says.
func TestSQLStoreOfTheDocs(t *testing.T) {
	revoked := time.Now().Add(-time.Hour)
	good, gone, unknown := cacheHash(1), cacheHash(2), cacheHash(3)
	table := &fakeDB{rows: map[string][]driver.Value{
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
