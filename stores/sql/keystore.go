package bearersql

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// KeyStore returns the store as a [bearer.KeyStore], for those who only guard: a
// guard of [issuer.Issuer.KeyConfig] needs none. It notes no uses.
func (s *Store) KeyStore() bearer.KeyStore { return keyStore{s} }

type keyStore struct{ store *Store }

// FindKey implements [bearer.KeyStore]. What is compared with the hash that was
// asked for is the one in the table.
func (k keyStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var (
		row    keyRow
		stored bearer.KeyHash
	)
	query, args := k.store.lookUps.guard.with(hash)
	err := k.store.db.QueryRowContext(ctx, query, args...).Scan(append(row.fields()[:guardColumns], &stored)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoKey
	}
	var key issuer.APIKey
	if err == nil {
		key, err = row.key()
	}
	if err != nil {
		return nil, k.store.explain("find a key", err)
	}
	return key.GuardKey(stored), nil
}

// The lookUps are the queries of the request path, as the database wants them:
// each is one round trip.
type lookUps struct{ guard, withUses lookUp }

func newLookUps(d Dialect, prefix string) lookUps {
	const (
		secret = " FROM {prefix}secrets s JOIN {prefix}keys k ON k.id = s.key_id"
		where  = " WHERE s.hash = ?"
		uses   = " LEFT JOIN {prefix}used u ON u.key_id = k.id"
	)
	guard := "SELECT " + keyColumns[:guardColumns].of("k") + ", s.hash" + secret + where
	withUses := "SELECT " + keyColumns.of("k") + ", u.hash, u.at" + secret + uses + where
	return lookUps{lookUp{d.rebind(guard, prefix), d == MySQL}, lookUp{d.rebind(withUses, prefix), d == MySQL}}
}

// A lookUp is a query by a hash. The driver of MySQL prepares a statement for each
// query with arguments, which is a second round trip: so the hash stands in the
// query there, in the hexadecimal digits that nothing can be injected by.
type lookUp struct {
	query   string
	literal bool
}

func (l lookUp) with(hash bearer.KeyHash) (query string, args []any) {
	if !l.literal {
		return l.query, []any{hash[:]}
	}
	return strings.Replace(l.query, "?", "x'"+hex.EncodeToString(hash[:])+"'", 1), nil
}
