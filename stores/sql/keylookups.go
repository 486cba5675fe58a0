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

// KeyByHash implements [issuer.KeyStore].
func (s *Store) KeyByHash(ctx context.Context, hash bearer.KeyHash) (issuer.APIKey, error) {
	query, args := s.lookUps.withUses.with(hash)
	rows, err := s.db.QueryContext(ctx, query, args...)
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
	query := "SELECT " + keyColumns.of("k") + ", u.hash, u.at FROM {prefix}keys k" +
		" LEFT JOIN {prefix}used u ON u.key_id = k.id WHERE k.id = ? AND k.owner = ?"
	rows, err := s.read().query(ctx, query, id, owner)
	key, err := usedKey(rows, err)
	if errors.Is(err, sql.ErrNoRows) {
		err = errNoRecord
	}
	return key, s.explain(step, err)
}

// usedKey reads a key that comes once for each use of one of its secrets.
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
