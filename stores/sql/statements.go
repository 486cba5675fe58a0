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
// are a few; those of lists differ by what is asked for.
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

// prepared is a database whose queries are prepared once for each connection.
// Without it, the driver of MySQL prepares each query with arguments in a round
// trip of its own, and that of SQLite parses it again. That of PostgreSQL
// remembers by itself.
//
// A statement belongs to the pool: it is prepared on a connection that has it not
// yet, and goes with the connection. It is not for a transaction: to prepare it
// takes a second connection, which a pool of one does not have.
type prepared struct {
	*sql.DB
	mu  sync.RWMutex
	all map[string]*sql.Stmt
}

// QueryContext is that of a statement, or of the database if it cannot be prepared
// or too many are: the database then says what is wrong.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		return statement.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is as QueryContext.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		return statement.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// ExecContext is as QueryContext.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		return statement.ExecContext(ctx, args...)
	}
	return p.DB.ExecContext(ctx, query, args...)
}

// statement returns a query as a statement, or nil.
func (p *prepared) statement(ctx context.Context, query string) *sql.Stmt {
	p.mu.RLock()
	statement, isFull := p.all[query], len(p.all) >= mostTexts
	p.mu.RUnlock()
	if statement != nil || isFull {
		return statement
	}
	statement, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.all[query]; first != nil {
		defer func() { _ = statement.Close() }()
		return first
	}
	p.all[query] = statement
	return statement
}
