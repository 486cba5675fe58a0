package bearersql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A gate stands before the reads of changes. It lets them pass unless a test says
// otherwise.
type gate struct {
	mu      sync.Mutex
	before  func(ctx context.Context) error // nil: none
	began   []time.Time                     // of each read
	running int
	most    int // at a time
}

// set has a function called before each read.
func (g *gate) set(before func(ctx context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = before
}

// reads returns when each read began since the last call.
func (g *gate) reads() []time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	began := g.began
	g.began = nil
	return began
}

// mostAtOnce returns how many reads ran at the same time, at most.
func (g *gate) mostAtOnce() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	g.began = append(g.began, time.Now())
	g.running++
	g.most = max(g.most, g.running)
	before := g.before
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.running--
	}()
	if before == nil {
		return nil
	}
	return before(ctx)
}

// open opens a new file of SQLite behind the gate.
func (g *gate) open(tb testing.TB) *sql.DB {
	tb.Helper()
	plain, err := sql.Open("sqlite", "")
	require.NoError(tb, err)
	require.NoError(tb, plain.Close())
	db := sql.OpenDB(gatedConnector{plain.Driver(), "file:" + filepath.Join(tb.TempDir(), "bearer.db"), g})
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

type gatedConnector struct {
	driver driver.Driver
	dsn    string
	gate   *gate
}

func (c gatedConnector) Driver() driver.Driver { return c.driver }

func (c gatedConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return gatedConn{conn.(sqliteConn), c.gate}, nil
}

// A sqliteConn is what connections of the driver can.
type sqliteConn interface { //nolint:interfacebloat // of database/sql
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type gatedConn struct {
	sqliteConn
	gate *gate
}

func (c gatedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(query, ", seq, mark") {
		if err := c.gate.pass(ctx); err != nil {
			return nil, err
		}
	}
	return c.sqliteConn.QueryContext(ctx, query, args)
}

func (c gatedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	statement, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil || !strings.Contains(query, ", seq, mark") {
		return statement, err
	}
	return gatedStatement{statement, c.gate}, nil
}

type gatedStatement struct {
	driver.Stmt
	gate *gate
}

func (s gatedStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.gate.pass(ctx); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
