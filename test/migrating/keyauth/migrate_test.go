package keyauth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// A fakeTable holds rows by the digits of a hash, and counts what it is asked.
type fakeTable struct {
	rows  map[string]row
	down  bool
	asked int
}

func (f *fakeTable) bySHA256(_ context.Context, digits string) (row, error) {
	f.asked++
	if f.down {
		return row{}, errors.New("connection refused")
	}
	k, ok := f.rows[digits]
	if !ok {
		return row{}, errNoRow
	}
	return k, nil
}

// add adds a new key of an older form, and returns its text.
func (f *fakeTable) add(k row) string {
	text := "acme-" + rand.Text()
	sum := sha256.Sum256([]byte(text))
	k.SHA256 = hex.EncodeToString(sum[:])
	f.rows[k.SHA256] = k
	return text
}

func TestAnswers(t *testing.T) {
	table := &fakeTable{rows: make(map[string]row)}
	good, revoked := table.add(row{ID: "1", Owner: "acme"}), table.add(row{ID: "2", Owner: "acme", Revoked: true})
	app, err := after(table)
	require.NoError(t, err)
	old := before(table)
	get := func(keys ...string) *http.Request {
		r := sides.Get("/v1/wallets", "")
		for _, key := range keys {
			sides.With(r, "X-API-Key", key)
		}
		return r
	}
	sides.Compare(t, "From echo's KeyAuth", old, app, []sides.Row{
		{Name: "a key of the table", Before: get(good)},
		{Name: "the key as `Authorization: Bearer`", Before: sides.Get("/v1/wallets", good)},
		{Name: "no key", Before: get()},
		{Name: "an unknown key", Before: get("acme-" + rand.Text())},
		{Name: "a revoked key", Before: get(revoked)},
		{Name: "a bad key in one `X-API-Key` field, a good one in a second", Before: get("acme-"+rand.Text(), good)},
		{Name: "a key with a space in it", Before: get("acme key")},
	})
	table.asked = 0
	for range 10 {
		assert.Equal(t, "wallets of acme", sides.Serve(app, get(good)).Body.String())
	}
	assert.Zero(t, table.asked, "the cache answers")
	table.down = true
	assert.Equal(t, http.StatusUnauthorized, sides.Serve(old, get(good)).Code, "before, an outage is 401")
	assert.Equal(t, http.StatusOK, sides.Serve(app, get(good)).Code, "after, a key that is remembered works")
	w := sides.Serve(app, get("acme-"+rand.Text()))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}
