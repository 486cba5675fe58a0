package hashes_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/firstuse"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// Each form of a column gives the hash that a guard looks up.
func TestColumns(t *testing.T) {
	text := "acme-" + rand.Text()
	want := bearer.KeyFormat{}.Hash(text)
	sum := sha256.Sum256([]byte(text))
	digits := hex.EncodeToString(sum[:])

	hash, err := bearer.ParseKeyHash(digits)
	assert.NoError(t, err)
	assert.Equal(t, want, hash)
	hash, err = fromBase64(base64.StdEncoding.EncodeToString(sum[:]))
	assert.NoError(t, err)
	assert.Equal(t, want, hash)
	for _, column := range []any{sum[:], digits, []byte(digits)} {
		var scanned bearer.KeyHash
		assert.NoError(t, scanned.Scan(column))
		assert.Equal(t, want, scanned)
	}
	for _, column := range []string{"", "****", base64.StdEncoding.EncodeToString(sum[:31])} {
		_, err := fromBase64(column)
		assert.Error(t, err)
	}

	pepper := make([]byte, 32)
	_, _ = rand.Read(pepper)
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(text))
	assert.Equal(t, bearer.KeyHash(mac.Sum(nil)), bearer.KeyFormat{Pepper: pepper}.Hash(text))
	_, err = bearer.New(bearer.Config{Keys: new(bearer.MemoryStore), Format: bearer.KeyFormat{Pepper: pepper[:16]}})
	assert.Error(t, err)
}

// A fakeTable answers queries with rows of one query, or with that of an id.
type fakeTable struct {
	columns []string
	rows    [][]driver.Value // the first value is the id
	down    bool
}

func (f *fakeTable) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeTable) Driver() driver.Driver                        { return nil }
func (f *fakeTable) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (f *fakeTable) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (f *fakeTable) Close() error                                 { return nil }

func (f *fakeTable) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if f.down {
		return nil, errors.New("connection refused")
	}
	found := &result{columns: f.columns, rows: f.rows}
	if len(args) > 0 { // by id, which is not selected
		found = &result{columns: f.columns[1:]}
		for _, row := range f.rows {
			if row[0] == args[0].Value {
				found.rows = [][]driver.Value{row[1:]}
			}
		}
	}
	return found, nil
}

type result struct {
	columns []string
	rows    [][]driver.Value
}

func (r *result) Columns() []string { return r.columns }
func (r *result) Close() error      { return nil }

func (r *result) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

var wallets = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write([]byte("wallets of " + bearer.FromContext(r.Context()).Owner))
})

func newIssuer(t *testing.T) (*issuer.Issuer, *issuer.MemoryStore) {
	t.Helper()
	store := issuer.NewMemoryStore()
	iss, err := issuer.New(issuer.Config{Store: store, Format: bearer.KeyFormat{Foreign: true}})
	require.NoError(t, err)
	return iss, store
}

func TestImportKeys(t *testing.T) {
	table := &fakeTable{columns: []string{"id", "key_sha256", "account_id", "name", "expires_at"}}
	add := func(id, account string, expires driver.Value) string {
		text := "acme-" + rand.Text()
		sum := sha256.Sum256([]byte(text))
		table.rows = append(table.rows, []driver.Value{id, hex.EncodeToString(sum[:]), account, "ci", expires})
		return text
	}
	first, second := add("k1", "acme", nil), add("k2", "other", time.Now().Add(time.Hour))
	db := sql.OpenDB(table)
	defer db.Close()
	iss, store := newIssuer(t)
	guard, err := bearer.New(iss.KeyConfig())
	require.NoError(t, err)
	app := newServer(guard, wallets)
	get := func(key string) (int, string) {
		w := sides.Serve(app, sides.Get("/v1/wallets", key))
		return w.Code, w.Body.String()
	}
	status, _ := get(first)
	require.Equal(t, 401, status)

	imported, err := importKeys(t.Context(), db, iss, store)
	require.NoError(t, err)
	assert.Equal(t, 2, imported)
	status, body := get(first)
	assert.Equal(t, 200, status, "no cache remembers that it was missing")
	assert.Equal(t, "wallets of acme", body)
	_, body = get(second)
	assert.Equal(t, "wallets of other", body)

	_, err = iss.RevokeKey(t.Context(), issuer.Operator("acme"), "k1", "leaked")
	require.NoError(t, err)
	third := add("k3", "acme", nil)
	imported, err = importKeys(t.Context(), db, iss, store)
	require.NoError(t, err)
	assert.Equal(t, 1, imported, "again, for what was added since")
	status, _ = get(third)
	assert.Equal(t, 200, status)
	status, _ = get(first)
	assert.Equal(t, 401, status, "what was revoked meanwhile stays so")

	keys, err := store.ListKeys(t.Context(), issuer.KeyQuery{Owner: "acme"})
	require.NoError(t, err)
	assert.Len(t, keys, 1)

	add("k3", "acme", nil)
	_, err = importKeys(t.Context(), db, iss, store)
	assert.ErrorIs(t, err, issuer.ErrExists, "another text under an ID that is taken")
	assert.ErrorContains(t, err, "key k3")
}

func TestSlowHashes(t *testing.T) {
	old := "old_7f3a_" + (rand.Text() + rand.Text() + rand.Text())[:63] // 72 bytes
	slow, err := bcrypt.GenerateFromPassword([]byte(old), bcrypt.MinCost)
	require.NoError(t, err)
	table := &fakeTable{columns: []string{"id", "account_id", "key_bcrypt"}, rows: [][]driver.Value{{"7f3a", "acme", string(slow)}}}
	db := sql.OpenDB(table)
	defer db.Close()
	iss, _ := newIssuer(t)
	guard, err := newGuard(db, iss)
	require.NoError(t, err)
	app := newServer(guard, wallets)
	get := func(key string) int { return sides.Serve(app, sides.Get("/v1/wallets", key)).Code }

	assert.Equal(t, 401, get("old_7f3a_guess"))
	assert.Equal(t, 401, get("old_0000_guess"))
	assert.Equal(t, 401, get("new_7f3a_guess"), "the older system is not asked")
	assert.Equal(t, 401, get(old+"x"), "a longer text must not take the place of the key")
	table.down = true
	assert.Equal(t, 503, get(old))
	table.down = false

	var group sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		group.Go(func() { statuses[i] = get(old) })
	}
	group.Wait()
	for _, status := range statuses {
		assert.Equal(t, 200, status, "first uses at once")
	}
	table.down = true
	assert.Equal(t, 200, get(old), "imported: the older system is not asked again")
	assert.Equal(t, 200, sides.Serve(guard.Handler(wallets), sides.Get("/v1/wallets", old)).Code, "nor is the text needed")
	_, err = iss.RevokeKey(t.Context(), issuer.Operator("acme"), "7f3a", "")
	require.NoError(t, err)
	table.down = false
	assert.Equal(t, 401, get(old), "revoked in the issuer, and good in the older table")

	for range 20 {
		get("old_7f3a_guess")
	}
	assert.Equal(t, 429, get("old_7f3a_guess"), "guesses are limited")
}

// A context that is logged does not show the text.
func TestTextIsHidden(t *testing.T) {
	text := "old_7f3a_" + rand.Text()
	var printed string
	h := firstuse.WithText("old_", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		printed = contextText(r.Context())
	}))
	sides.Serve(h, sides.Get("/", text))
	assert.NotEmpty(t, printed)
	assert.NotContains(t, printed, text)
}

func contextText(ctx context.Context) string { return fmt.Sprintf("%v %+v", ctx, ctx) }
