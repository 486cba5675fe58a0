package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// The queries for one key find it once for each use of its secrets, or once if
// there is none.
var (
	keyByHash = "SELECT {standby}, " + keyColumns.of("k") + ", u.hash, u.at" +
		" FROM {prefix}secrets s JOIN {prefix}keys k ON k.id = s.key_id" + withUses + " WHERE s.hash = ?"
	keyByID = "SELECT {standby}, " + keyColumns.of("k") + ", u.hash, u.at" +
		" FROM {prefix}keys k" + withUses + " WHERE k.id = ? AND k.owner = ?"
)

const withUses = " LEFT JOIN {prefix}used u ON u.key_id = k.id"

// KeyByHash implements [issuer.KeyStore].
func (s *Store) KeyByHash(ctx context.Context, hash bearer.KeyHash) (key issuer.APIKey, err error) {
	err = s.look(ctx, "find a key", func(q statements) error {
		key, err = q.usedKey(ctx, keyByHash, hash[:])
		if errors.Is(err, sql.ErrNoRows) {
			return bearer.ErrKeyNotFound
		}
		return err
	})
	return key, err
}

// GetKey implements [issuer.KeyStore].
func (s *Store) GetKey(ctx context.Context, owner, id string) (key issuer.APIKey, err error) {
	err = s.look(ctx, "get the key", func(q statements) error {
		if !isShort(owner) || !isShort(id) {
			return errNoRecord
		}
		key, err = q.usedKey(ctx, keyByID, id, owner)
		return noRecord(err)
	})
	return key, err
}

// usedKey reads the rows of keyByHash or keyByID.
func (q statements) usedKey(ctx context.Context, query string, args ...any) (key issuer.APIKey, _ error) {
	var (
		row   keyRow
		hash  sql.Null[bearer.KeyHash]
		at    sql.Null[int64]
		found bool
	)
	fields := append(row.fields(), &hash, &at)
	rows, err := q.query(ctx, query, args...)
	err = eachRow(rows, err, func(scan scanner) (err error) {
		if err = onPrimary(scan)(fields...); err == nil && !found {
			key, err = row.key()
			found = true
		}
		if err == nil && at.Valid {
			addUse(&key, use{hash.V, time.UnixMicro(at.V).UTC()})
		}
		return err
	})
	switch {
	case err != nil:
		return issuer.APIKey{}, err
	case !found:
		return issuer.APIKey{}, sql.ErrNoRows
	}
	return key, nil
}
