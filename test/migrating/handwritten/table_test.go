package handwritten_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"
)

// A fakeTable is the table api_keys, and a driver that answers a SELECT of some of
// its columns by the first argument, key_sha256.
type fakeTable struct {
	rows map[string]map[string]driver.Value // by key_sha256, by column
	down bool
}

// add adds a new key of an older form, and returns its text.
func (f *fakeTable) add(id, account string, canWrite, isRevoked bool) string {
	text := "acme-" + rand.Text()
	sum := sha256.Sum256([]byte(text))
	row := map[string]driver.Value{
		"id": id, "key_sha256": hex.EncodeToString(sum[:]), "account_id": account, "can_write": canWrite, "revoked_at": nil,
	}
	if isRevoked {
		row["revoked_at"] = time.Now()
	}
	f.rows[hex.EncodeToString(sum[:])] = row
	return text
}

func (f *fakeTable) open() *sql.DB { return sql.OpenDB(f) }

func (f *fakeTable) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeTable) Driver() driver.Driver                        { return nil }
func (f *fakeTable) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (f *fakeTable) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (f *fakeTable) Close() error                                 { return nil }

func (f *fakeTable) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if f.down {
		return nil, errors.New("connection refused")
	}
	list, condition, _ := strings.Cut(strings.TrimPrefix(query, "SELECT "), " FROM api_keys WHERE ")
	found := &result{columns: strings.Split(list, ", ")}
	row, ok := f.rows[args[0].Value.(string)]
	if ok && (row["revoked_at"] == nil || !strings.Contains(condition, "revoked_at IS NULL")) {
		found.row = row
	}
	return found, nil
}

// A result has one row, or none.
type result struct {
	columns []string
	row     map[string]driver.Value
}

func (r *result) Columns() []string { return r.columns }
func (r *result) Close() error      { return nil }

func (r *result) Next(dest []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	for i, column := range r.columns {
		dest[i] = r.row[column]
	}
	r.row = nil
	return nil
}
