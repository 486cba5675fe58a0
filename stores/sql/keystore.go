package bearersql

import (
	"context"
	"database/sql"
	"errors"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// KeyStore returns the store as a [bearer.KeyStore], for those who only guard: a
// guard of [issuer.Issuer.KeyConfig] needs none. It notes no uses.
func (s *Store) KeyStore() bearer.KeyStore { return keyStore{s} }

type keyStore struct{ store *Store }

var guardQuery = "SELECT " + keyColumns[:guardColumns].of("k") + ", s.hash" +
	" FROM {prefix}secrets s JOIN {prefix}keys k ON k.id = s.key_id WHERE s.hash = ?"

// FindKey implements [bearer.KeyStore]. What is compared with the hash that was
// asked for is the one in the table.
func (k keyStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var (
		row    keyRow
		stored bearer.KeyHash
	)
	err := k.store.read().queryRow(ctx, guardQuery, hash[:]).Scan(append(row.fields()[:guardColumns], &stored)...)
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
