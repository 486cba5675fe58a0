package bearersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// The queries for one key find it once for each use of its secrets, or once if
// there is none.
var (
	keyByHash = "SELECT " + keyColumns.of("k") + ", u.hash, u.at" +
		" FROM {prefix}secrets s JOIN {prefix}keys k ON k.id = s.key_id" + withUses + " WHERE s.hash = ?"
	keyByID = "SELECT " + keyColumns.of("k") + ", u.hash, u.at" +
		" FROM {prefix}keys k" + withUses + " WHERE k.id = ? AND k.owner = ?"
)

const withUses = " LEFT JOIN {prefix}used u ON u.key_id = k.id"

// KeyByHash implements [issuer.KeyStore].
func (s *Store) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	rows, err := s.read().query(ctx, keyByHash, hash[:])
	key, err := usedKey(rows, err)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return issuer.APIKey{}, errNoKey
	case err != nil:
		return issuer.APIKey{}, s.explain("find a key", err)
	}
	return key, nil
}

// errNoKey is all that is said of a hash that is not there: many may be.
var errNoKey = fmt.Errorf("bearersql: find a key: %w", bearer.ErrKeyNotFound)

// GetKey implements [issuer.KeyStore].
func (s *Store) GetKey(ctx context.Context, owner, id string) (issuer.APIKey, error) {
	const step = "get the key"
	if !isShort(owner) || !isShort(id) {
		return issuer.APIKey{}, fmt.Errorf("bearersql: %s: %w", step, errNoRecord)
	}
	rows, err := s.read().query(ctx, keyByID, id, owner)
	key, err := usedKey(rows, err)
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoRecord
	}
	return key, s.explain(step, err)
}

// usedKey reads the rows of keyByHash and keyByID.
func usedKey(rows *sql.Rows, err error) (key issuer.APIKey, _ error) {
	var (
		row   keyRow
		hash  sql.Null[bearer.KeyHash]
		at    sql.Null[int64]
		found bool
	)
	fields := append(row.fields(), &hash, &at)
	err = eachRow(rows, err, func(scan scanner) (err error) {
		if err = scan(fields...); err == nil && !found {
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
