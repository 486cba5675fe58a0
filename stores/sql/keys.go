package bearersql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// CreateKey implements [issuer.KeyStore]. A record with a text that does not fit
// is refused by an error wrapping [errors.ErrUnsupported]: see [Store].
func (s *Store) CreateKey(ctx context.Context, key issuer.APIKey) error {
	const step = "create the key"
	row, err := newKeyRow(&key)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	return s.create(ctx, step, func(q statements) error {
		if _, err := q.exec(ctx, keyColumns.insert("keys"), row.fields()...); err != nil {
			return err
		}
		if err := q.takeHashes(ctx, key.ID, key.Secrets); err != nil {
			return err
		}
		return q.insertUses(ctx, usesOf(&key))
	})
}

// ReplaceKey implements [issuer.KeyStore].
//
// What is read first need not be locked: the UPDATE matches if the version is
// still the one that was read, and then the secrets are, too.
func (s *Store) ReplaceKey(ctx context.Context, key issuer.APIKey) error {
	const step = "replace the key"
	row, err := newKeyRow(&key)
	if err != nil {
		return fmt.Errorf("bearersql: %s: %w", step, err)
	}
	row.version++
	return s.write(ctx, step, func(q statements) error {
		old, err := q.replaceable(ctx, &key)
		if err != nil {
			return err
		}
		update := keyColumns.update("keys") + " WHERE id = ? AND version = ? AND revoked_at IS NULL"
		if err := q.replace(ctx, update, append(row.fields()[1:], key.ID, key.Version)...); err != nil {
			return err
		}
		added := slices.DeleteFunc(slices.Clone(key.Secrets), func(s issuer.Secret) bool { return hasHash(old, s.Hash) })
		if err := q.takeHashes(ctx, key.ID, added); err != nil {
			return err
		}
		return s.tell(ctx, q, changesOf(old, key.Secrets)...)
	})
}

// replaceable returns the secrets that the key has which is to be replaced, or
// why it cannot be.
func (q statements) replaceable(ctx context.Context, key *issuer.APIKey) ([]issuer.Secret, error) {
	var version int64
	var revokedAt sql.Null[int64]
	var secrets string
	err := q.queryRow(ctx, "SELECT version, revoked_at, secrets FROM {prefix}keys WHERE id = ?", key.ID).
		Scan(&version, &revokedAt, &secrets)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, errNoRecord
	case err != nil:
		return nil, err
	case revokedAt.Valid, version != key.Version:
		return nil, errStale
	}
	old, err := parseSecrets(secrets)
	if err != nil {
		return nil, err
	}
	for i, s := range key.Secrets {
		if hasHash(key.Secrets[:i], s.Hash) {
			return nil, errTwice
		}
	}
	return old, nil
}

var errTwice = fmt.Errorf("two secrets have one hash: %w", issuer.ErrExists)

func hasHash(secrets []issuer.Secret, hash bearer.KeyHash) bool {
	return slices.ContainsFunc(secrets, func(s issuer.Secret) bool { return s.Hash == hash })
}

// takeHashes makes hashes those of a key. They go in order, so that two
// transactions that want the same do not wait for each other.
func (q statements) takeHashes(ctx context.Context, id string, secrets []issuer.Secret) error {
	rows := make([][]any, len(secrets))
	for i, s := range slices.SortedFunc(slices.Values(secrets), compareHashes) {
		rows[i] = []any{s.Hash, id}
	}
	return q.insertRows(ctx, "INSERT INTO {prefix}secrets (hash, key_id) VALUES ", "", rows)
}

func compareHashes(a, b issuer.Secret) int { return slices.Compare(a.Hash[:], b.Hash[:]) }

// changesOf are the changes that tell of a key whose secrets were replaced.
func changesOf(old, secrets []issuer.Secret) []issuer.Change {
	changes := make([]issuer.Change, 0, len(old)+len(secrets))
	for _, s := range old {
		changes = append(changes, issuer.Change{Key: s.Hash})
	}
	for _, s := range secrets {
		if !hasHash(old, s.Hash) {
			changes = append(changes, issuer.Change{Key: s.Hash})
		}
	}
	return changes
}

// usesOf returns the uses that a key came with, as one of another system does. If
// none of its secrets was used when the key was, a hash that no secret has stands
// for the one that was.
func usesOf(k *issuer.APIKey) (rows [][]any) {
	var last time.Time
	for _, s := range k.Secrets {
		if s.LastUsedAt.IsZero() {
			continue
		}
		rows = append(rows, []any{s.Hash, k.ID, s.LastUsedAt.UnixMicro()})
		if s.LastUsedAt.After(last) {
			last = s.LastUsedAt
		}
	}
	if k.LastUsedAt.After(last) {
		unknown := bearer.KeyHash(sha256.Sum256([]byte("bearersql: a secret that is gone of " + k.ID)))
		rows = append(rows, []any{unknown, k.ID, k.LastUsedAt.UnixMicro()})
	}
	return rows
}
