package bearersql

import (
	"context"
	"database/sql"
	"sync"
)

// A querier is a database, a connection of it or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A session of statements: q rebinds each.
type statements struct {
	querier
	store *Store
}

func (q statements) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return q.ExecContext(ctx, q.store.texts.rebound(q.store, query), args...)
}

func (q statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return q.QueryContext(ctx, q.store.texts.rebound(q.store, query), args...)
}

func (q statements) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return q.QueryRowContext(ctx, q.store.texts.rebound(q.store, query), args...)
}

// mostTexts is how many queries are remembered. Those that every request makes
// are a few; those that insert several rows differ by their number.
const mostTexts = 100

// texts remembers queries for the dialect.
type texts struct {
	mu  sync.RWMutex
	all map[string]string
}

func (t *texts) rebound(s *Store, query string) string {
	t.mu.RLock()
	text, ok := t.all[query]
	t.mu.RUnlock()
	if ok {
		return text
	}
	text = s.dialect.rebind(query, s.config.Prefix)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) < mostTexts {
		if t.all == nil {
			t.all = make(map[string]string)
		}
		t.all[query] = text
	}
	return text
}
