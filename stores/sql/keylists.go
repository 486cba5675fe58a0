package bearersql

import (
	"context"

	"github.com/blockauth/bearer/issuer"
)

// ListKeys implements [issuer.KeyStore].
func (s *Store) ListKeys(ctx context.Context, query issuer.KeyQuery) ([]issuer.APIKey, error) {
	var keys []issuer.APIKey
	err := s.list(ctx, newKeyList(&query, s.dialect), func(scan scanner) error {
		var row keyRow
		if err := scan(row.fields()...); err != nil {
			return err
		}
		key, err := row.key()
		keys = append(keys, key)
		return err
	})
	if err == nil {
		err = s.addUses(ctx, keys)
	}
	if err != nil {
		return nil, s.explain("list keys", err)
	}
	return keys, nil
}

// addUses sets LastUsedAt of keys.
func (s *Store) addUses(ctx context.Context, keys []issuer.APIKey) error {
	ids := make([]any, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	uses, err := s.read().usesIn(ctx, ids)
	for i := range keys {
		for _, u := range uses[keys[i].ID] {
			addUse(&keys[i], u)
		}
	}
	return err
}

func newKeyList(q *issuer.KeyQuery, d Dialect) *list {
	l := newList(d, keyColumns, "keys", q.Owner)
	l.createdBy(q.CreatedBy)
	if !q.IncludeRevoked {
		l.where("t.revoked_at IS NULL")
	}
	if !q.ExpiresBefore.IsZero() {
		l.where("t.expires_at < ?", microsFrom(q.ExpiresBefore))
	}
	if !q.UnusedSince.IsZero() {
		since := microsFrom(q.UnusedSince)
		l.where("t.created_at < ?", since)
		l.where("NOT EXISTS (SELECT 1 FROM {prefix}used u WHERE u.key_id = t.id AND u.at >= ?)", since)
	}
	l.newest(q.After, q.Limit)
	return l
}
