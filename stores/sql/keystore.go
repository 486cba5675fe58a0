package bearersql

import (
	"context"
	"database/sql"
	"errors"

	"github.com/blockauth/bearer"
)

// KeyStore returns the store as a [bearer.KeyStore], for those who only guard: a
// guard of issuer.Issuer.KeyConfig needs none. It notes no uses. A look-up may
// take Config.Bound, with SQLite also as long as the busy_timeout of its DSN; then
// it is an error, and the guard answers with 503.
func (s *Store) KeyStore() bearer.KeyStore { return keyStore{s} }

type keyStore struct{ store *Store }

var guardQuery = "SELECT {standby}, " + keyColumns[:guardColumns].of("k") + ", s.hash" +
	" FROM {prefix}secrets s JOIN {prefix}keys k ON k.id = s.key_id WHERE s.hash = ?"

// FindKey implements [bearer.KeyStore]. The hash of the key is the one in the
// table, which the guard compares with that of the text.
func (k keyStore) FindKey(ctx context.Context, hash bearer.KeyHash) (found *bearer.Key, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.store.config.Bound)
	defer cancel()
	err = k.store.look(ctx, "find a key", func(q statements) error {
		var (
			row    keyRow
			stored bearer.KeyHash
		)
		scan := onPrimary(q.queryRow(ctx, guardQuery, hash[:]).Scan)
		err := scan(append(row.fields()[:guardColumns], &stored)...)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return bearer.ErrKeyNotFound
		case err != nil:
			return err
		}
		key, err := row.key()
		if err == nil {
			found = key.GuardKey(stored)
		}
		return err
	})
	return found, err
}
