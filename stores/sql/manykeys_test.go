package bearersql_test

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// newKey returns a plain key with one secret.
func newKey() issuer.APIKey {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return issuer.APIKey{
		ID: "ak_" + rand.Text(), Owner: "owner_1", Name: "plain", Kind: bearer.SecretKey, Environment: bearer.Live,
		Scopes: "tokens:read wallets:read", CreatedAt: now, CreatedBy: "user_1", Version: 1,
		Secrets: []issuer.Secret{newSecret()},
	}
}

func newSecret() issuer.Secret {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return issuer.Secret{ID: rand.Text(), Hash: hashOf(rand.Text()), Hint: "sk_live_a1B2c3D4", CreatedAt: now}
}

func hashOf(text string) bearer.KeyHash { return sha256.Sum256([]byte(text)) }

// numbered returns the hash of the key with a number: see fillKeys.
func numbered(n int) bearer.KeyHash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("key"), uint64(n)))
}

// fillKeys makes n keys of one owner, of which each is a microsecond younger than
// the one before, and was used once: copies of the one that it creates and returns.
func fillKeys(tb testing.TB, db *sql.DB, store *bearersql.Store, d database, prefix string, n int) issuer.APIKey {
	tb.Helper()
	first := newKey()
	require.NoError(tb, store.CreateKey(tb.Context(), first))
	names, values := rowOf(tb, db, "SELECT "+bearersql.KeyColumns+" FROM "+prefix+"keys")
	id, created, secrets := slices.Index(names, "id"), slices.Index(names, "created_at"), slices.Index(names, "secrets")
	text := fmt.Sprintf("%s", values[secrets])

	tx, err := db.Begin()
	require.NoError(tb, err)
	var keys, hashes, uses []any
	for i := range n {
		hash := numbered(i)
		values[id], values[created] = fmt.Sprintf("ak_%07d", i), first.CreatedAt.UnixMicro()+int64(i)
		values[secrets] = strings.Replace(text, first.Secrets[0].Hash.String(), hash.String(), 1)
		keys, hashes = append(keys, values...), append(hashes, hash[:], values[id])
		uses = append(uses, hash[:], values[id], values[created])
		if many := len(hashes) / 2; many == 250 || i == n-1 {
			_, err = tx.Exec(d.insert(prefix+"keys", names, many), keys...)
			require.NoError(tb, err)
			_, err = tx.Exec(d.insert(prefix+"secrets", []string{"hash", "key_id"}, many), hashes...)
			require.NoError(tb, err)
			_, err = tx.Exec(d.insert(prefix+"used", []string{"hash", "key_id", "at"}, many), uses...)
			require.NoError(tb, err)
			keys, hashes, uses = nil, nil, nil
		}
	}
	require.NoError(tb, tx.Commit())
	return first
}

// rowOf returns the names of columns, and the values in the only row.
func rowOf(tb testing.TB, db *sql.DB, query string) (names []string, values []any) {
	tb.Helper()
	rows, err := db.Query(query)
	require.NoError(tb, err)
	defer rows.Close()
	names, err = rows.Columns()
	require.NoError(tb, err)
	values = make([]any, len(names))
	pointers := make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	require.True(tb, rows.Next())
	require.NoError(tb, rows.Scan(pointers...))
	require.NoError(tb, rows.Err())
	return names, values
}

// insert returns a statement that inserts n rows.
func (d database) insert(table string, names []string, n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES ")
	for i := range n * len(names) {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%len(names) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(d.placeholder(i + 1))
	}
	return b.String() + ")"
}

// placeholder returns the one with a number.
func (d database) placeholder(n int) string {
	if d.dialect == bearersql.PostgreSQL {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}
