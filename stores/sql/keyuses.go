package bearersql

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// TouchKeys implements [issuer.KeyStore]. It writes into a table of its own, in
// the order of the hashes, some hundreds in one transaction: two calls do not wait
// for each other in a circle, and none waits for ReplaceKey.
func (s *Store) TouchKeys(ctx context.Context, used map[bearer.KeyHash]time.Time) error {
	inOrder := slices.SortedFunc(maps.Keys(used), func(a, b bearer.KeyHash) int { return slices.Compare(a[:], b[:]) })
	for hashes := range slices.Chunk(inOrder, rowsAtOnce) {
		err := s.create(ctx, "note uses of keys", func(q statements) error {
			owners, err := q.keysOf(ctx, hashes)
			if err != nil {
				return err
			}
			var rows [][]any
			for _, hash := range hashes {
				if id, isKnown := owners[hash]; isKnown && !used[hash].IsZero() {
					rows = append(rows, []any{hash, id, used[hash].UnixMicro()})
				}
			}
			return q.insertUses(ctx, rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns the IDs of the keys that have, or had, secrets with the hashes.
// They never change.
func (q statements) keysOf(ctx context.Context, hashes []bearer.KeyHash) (map[bearer.KeyHash]string, error) {
	args := make([]any, len(hashes))
	for i, hash := range hashes {
		args[i] = hash
	}
	ids := make(map[bearer.KeyHash]string, len(hashes))
	query := "SELECT hash, key_id FROM {prefix}secrets WHERE hash IN " + tuples(1, len(hashes))
	rows, err := q.queryOnce(ctx, query, args...)
	return ids, eachRow(rows, err, func(scan scanner) error {
		var hash bearer.KeyHash
		var id string
		err := scan(&hash, &id)
		ids[hash] = id
		return err
	})
}

// insertUses writes uses, each with the hash, the ID of the key and the time. The
// latest of each hash stays.
func (q statements) insertUses(ctx context.Context, rows [][]any) error {
	after := " ON CONFLICT (hash) DO UPDATE SET at = excluded.at WHERE {prefix}used.at < excluded.at"
	if q.store.dialect == MySQL {
		after = " ON DUPLICATE KEY UPDATE at = GREATEST(at, VALUES(at))"
	}
	return q.insertRows(ctx, "INSERT INTO {prefix}used (hash, key_id, at) VALUES ", after, rows)
}

// usesIn returns the uses of some keys, by the IDs of the keys.
func (q statements) usesIn(ctx context.Context, ids []any) (map[string][]use, error) {
	uses := make(map[string][]use)
	for chunk := range slices.Chunk(ids, rowsAtOnce) {
		query := "SELECT key_id, hash, at FROM {prefix}used WHERE key_id IN (?" + strings.Repeat(", ?", len(chunk)-1) + ")"
		rows, err := q.queryOnce(ctx, query, chunk...)
		err = eachRow(rows, err, func(scan scanner) error {
			var id string
			var u use
			var at int64
			err := scan(&id, &u.hash, &at)
			u.at = time.UnixMicro(at).UTC()
			uses[id] = append(uses[id], u)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return uses, nil
}
