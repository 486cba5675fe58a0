package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// ListKeys implements [issuer.KeyStore].
func (s *Store) ListKeys(ctx context.Context, query issuer.KeyQuery) (keys []issuer.APIKey, err error) {
	err = s.look(ctx, "list keys", func(q statements) error {
		keys, err = listed(ctx, q, newKeyList(&query, s.dialect), scanKey)
		if err != nil {
			return err
		}
		return q.addUses(ctx, keys)
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

func scanKey(scan scanner) (issuer.APIKey, error) {
	var row keyRow
	if err := scan(row.fields()...); err != nil {
		return issuer.APIKey{}, err
	}
	return row.key()
}

// addUses sets LastUsedAt of keys.
func (q statements) addUses(ctx context.Context, keys []issuer.APIKey) error {
	ids := make([]any, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	uses, err := q.usesIn(ctx, ids)
	for i := range keys {
		for _, u := range uses[keys[i].ID] {
			addUse(&keys[i], u)
		}
	}
	return err
}

func newKeyList(q *issuer.KeyQuery, d Dialect) *list {
	l := newList(d, keyColumns, "keys")
	l.leadBy("owner", q.Owner, maxShort)
	l.is("created_by", q.CreatedBy, maxShort)
	if !q.IncludeRevoked {
		l.where("t.revoked_at IS NULL")
	}
	if !q.ExpiresBefore.IsZero() {
		l.where("t.expires_at < ?", microsFrom(q.ExpiresBefore))
	}
	if !q.UnusedSince.IsZero() {
		since := microsFrom(q.UnusedSince)
		l.where("t.created_at < ?", since)
		// Not by NOT EXISTS: for that, MariaDB may go through the uses of all keys.
		l.where("COALESCE((SELECT MAX(u.at) FROM {prefix}used u WHERE u.key_id = t.id), t.created_at) < ?", since)
	}
	l.page(q.After, q.Limit)
	return l
}
