package bearersql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A Store keeps keys, clients, sessions and users in a database. It implements
// [issuer.Store], [issuer.Watcher], [issuer.Sweeper] and [issuer.PasswordStore].
// It has no goroutine but those of Watch, and does not close the database. It is
// safe for concurrent use.
type Store struct {
	db      *sql.DB
	config  Config
	dialect Dialect
	feed    feed
	writing chan struct{} // SQLite: holds one token while a transaction writes
}

// New returns the store in a database whose tables [Migrate] has made. It returns
// an error that names what is missing if there are none, or if they are older or
// newer than this package. It writes nothing, so the user of the database may be
// one who only reads: enough for [Store.KeyStore].
func New(ctx context.Context, db *sql.DB, config Config) (*Store, error) {
	s, err := open(ctx, db, config)
	if err != nil {
		return nil, err
	}
	s.feed.init(time.Now())
	if err := s.checkSchema(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// open returns a store whose schema is not checked yet.
func open(ctx context.Context, db *sql.DB, config Config) (*Store, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	found, version, err := dialectOf(ctx, db)
	switch {
	case err != nil:
		return nil, err
	case config.Dialect == 0 && found == 0:
		return nil, fmt.Errorf("bearersql: the database %q is none that is known: set Config.Dialect", version)
	case config.Dialect != 0 && found != 0 && config.Dialect != found:
		return nil, fmt.Errorf("bearersql: Config.Dialect is %s, but the database is %s", config.Dialect, found)
	}
	config.Dialect = cmp.Or(config.Dialect, found)
	s := &Store{db: db, config: config, dialect: config.Dialect, writing: make(chan struct{}, 1)}
	return s, s.checkSession(ctx)
}

// String returns a text without anything that is stored.
func (s *Store) String() string { return "bearersql.Store" }

// Format implements [fmt.Formatter]: no verb shows what the store holds.
func (s *Store) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue implements [slog.LogValuer].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

// KeyStore returns the store as a [bearer.KeyStore], for those who only guard: a
// guard of [issuer.Issuer.KeyConfig] needs none.
func (s *Store) KeyStore() bearer.KeyStore { return keyStore{s} }

type keyStore struct{ store *Store }

// FindKey implements [bearer.KeyStore].
func (k keyStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	return nil, errNotBuilt
}

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
	return q.ExecContext(ctx, q.store.dialect.rebind(query, q.store.config.Prefix), args...)
}

func (q statements) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return q.QueryContext(ctx, q.store.dialect.rebind(query, q.store.config.Prefix), args...)
}

func (q statements) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return q.QueryRowContext(ctx, q.store.dialect.rebind(query, q.store.config.Prefix), args...)
}

// read makes statements that only read: each by itself.
func (s *Store) read() statements { return statements{s.db, s} }

// write makes statements in one transaction of READ COMMITTED. It returns what the
// function returns; a conflict with another transaction is ErrConflict.
func (s *Store) write(ctx context.Context, step string, do func(q statements) error) error {
	if s.dialect == SQLite {
		return s.explain(step, s.writeSQLite(ctx, do))
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err == nil {
		err = do(statements{tx, s})
		if err == nil {
			err = tx.Commit()
		} else {
			err = errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}
	return s.explain(step, err)
}

// writeSQLite begins a transaction that writes from the start: one that begins to
// write later fails at once if another has written since.
func (s *Store) writeSQLite(ctx context.Context, do func(q statements) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	err = s.whileBusy(ctx, 5*time.Second, func() error {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		return err
	})
	if err == nil {
		err = endTransaction(ctx, conn, do(statements{conn, s}))
	}
	return errors.Join(err, conn.Close())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// explain names the step of an error, and tells what it means to an issuer.
func (s *Store) explain(step string, err error) error {
	if err == nil {
		return nil
	}
	switch s.dialect.faultOf(err) {
	case faultConflict, faultBusy:
		err = fmt.Errorf("%w: %w", issuer.ErrConflict, err)
	case faultDuplicate:
		err = fmt.Errorf("%w: %w", issuer.ErrExists, err)
	case faultOther, faultNoTable:
	}
	return fmt.Errorf("bearersql: %s: %w", step, err)
}
