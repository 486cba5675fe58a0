package bearersql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	l := newList(keyColumns, "keys", q.Owner)
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
	l.newest(q.After, q.Limit, d)
	return l
}

// A list is a query for a page of a list: the newest records of an owner first.
// It reads the index (owner, created_at, id) backwards, from After on.
type list struct {
	query  strings.Builder
	args   []any
	isNone bool // nothing is stored that it could find
	err    error
}

func newList(c columns, table, owner string) *list {
	l := new(list)
	l.query.WriteString("SELECT " + c.of("t") + " FROM {prefix}" + table + " t WHERE t.owner = ?")
	l.args = append(l.args, owner)
	l.isNone = !isShort(owner)
	return l
}

// where adds a condition.
func (l *list) where(condition string, args ...any) {
	l.query.WriteString(" AND " + condition)
	l.args = append(l.args, args...)
}

func (l *list) createdBy(id string) {
	if id != "" {
		l.where("t.created_by = ?", id)
		l.isNone = l.isNone || !isShort(id)
	}
}

// newest says where the list begins, and how long it is.
//
// MySQL finds the place in an index only if it is said by OR; PostgreSQL and
// SQLite only if it is not.
func (l *list) newest(after issuer.Position, limit int, d Dialect) {
	at, id := microsFrom(after.CreatedAt), after.ID
	if !time.UnixMicro(at).Equal(after.CreatedAt) {
		id = "" // no record has this time: all at the next microsecond come before it
	}
	switch {
	case after == issuer.Position{}:
	case !isText(id):
		l.err = fmt.Errorf("the position has an ID that is never stored: %w", errors.ErrUnsupported)
	case d == MySQL:
		l.where("(t.created_at < ? OR t.created_at = ? AND t.id < ?)", at, at, id)
	default:
		l.where("(t.created_at, t.id) < (?, ?)", at, id)
	}
	l.query.WriteString(" ORDER BY t.created_at DESC, t.id DESC")
	if limit > 0 {
		l.query.WriteString(" LIMIT ?")
		l.args = append(l.args, limit)
	}
}

// list makes the query of a list.
func (s *Store) list(ctx context.Context, l *list, read func(scan scanner) error) error {
	if l.isNone || l.err != nil {
		return l.err
	}
	rows, err := s.read().queryOnce(ctx, l.query.String(), l.args...)
	return eachRow(rows, err, read)
}
