package bearersql

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// prepared is a database whose queries are prepared once for each connection.
// Without it, the driver of MySQL prepares each query with arguments in a round
// trip of its own, and that of SQLite parses it again. That of PostgreSQL
// remembers by itself.
//
// A statement belongs to the pool: it is prepared on a connection that has it not
// yet, and goes with the connection. It is not for a transaction: to prepare it
// takes a second connection, which a pool of one does not have.
//
// A server of MySQL has room for so many statements of all its clients. Once it is
// full, this pool gives up those that it has, and prepares none for good. The
// driver prepares each query for a moment then: if others leave no room, it is an
// error.
type prepared struct {
	*sql.DB
	mu    sync.RWMutex
	all   map[string]*sql.Stmt
	isOff bool // the server was full
}

// QueryContext is that of a statement, or of the database if it cannot be prepared
// or too many are: the database then says what is wrong.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		rows, err := statement.QueryContext(ctx, args...)
		if !p.isLost(err) {
			return rows, err
		}
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is as QueryContext.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		row := statement.QueryRowContext(ctx, args...)
		if !p.isLost(row.Err()) {
			return row
		}
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// ExecContext is as QueryContext.
func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if statement := p.statement(ctx, query); statement != nil { //nolint:sqlclosecheck // kept
		result, err := statement.ExecContext(ctx, args...)
		if !p.isLost(err) {
			return result, err
		}
	}
	return p.DB.ExecContext(ctx, query, args...)
}

// statement returns a query as a statement, or nil.
func (p *prepared) statement(ctx context.Context, query string) *sql.Stmt {
	p.mu.RLock()
	statement, isFull := p.all[query], p.isOff || len(p.all) >= mostTexts
	p.mu.RUnlock()
	if statement != nil || isFull {
		return statement
	}
	statement, err := p.PrepareContext(ctx, query)
	if err != nil {
		_ = p.isLost(err)
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.all[query]; first != nil || p.isOff {
		defer func() { _ = statement.Close() }()
		return first
	}
	p.all[query] = statement
	return statement
}

// isLost reports whether a statement was not executed, because the server has no
// room for it or because it was closed for that reason.
func (p *prepared) isLost(err error) bool {
	if err == nil {
		return false
	}
	if mysqlNumber(err) == errnoFull {
		p.giveUp()
		return true
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.isOff && strings.Contains(err.Error(), "sql: statement is closed")
}

// giveUp closes all statements. To close one waits for the calls that execute it,
// which may wait for a lock: so each is closed beside the caller, whose query is
// tried again meanwhile.
func (p *prepared) giveUp() {
	p.mu.Lock()
	all := p.all
	p.all, p.isOff = nil, true
	p.mu.Unlock()
	for _, statement := range all {
		go func() { _ = statement.Close() }()
	}
}
