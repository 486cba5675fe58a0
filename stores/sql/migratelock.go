package bearersql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// lockWait is how long a migration waits for another one on MySQL and SQLite. On
// PostgreSQL, it waits as long as the context and lock_timeout let it.
const lockWait = time.Minute

// lock waits until no other migration of these tables runs, and begins one. The
// function ends it: what was done stays if the error is nil. It returns the error
// with its own.
func (s *Store) lock(ctx context.Context, conn *sql.Conn) (unlock func(error) error, err error) {
	switch s.dialect {
	case PostgreSQL:
		return s.lockPostgres(ctx, conn)
	case MySQL:
		return s.lockMySQL(ctx, conn)
	case SQLite:
		return s.lockSQLite(ctx, conn)
	}
	return nil, fmt.Errorf("no such dialect: %s", s.dialect)
}

// lockPostgres takes a lock that ends with the transaction: one of the session
// would stay behind in PgBouncer. The transaction must be READ COMMITTED: at any
// other level it would see the schema as it was before the lock.
func (s *Store) lockPostgres(ctx context.Context, conn *sql.Conn) (func(error) error, error) {
	if _, err := conn.ExecContext(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
		return nil, err
	}
	end := func(err error) error { return endTransaction(ctx, conn, err) }
	sum := sha256.Sum256([]byte("bearersql " + s.config.Prefix))
	key := int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // any 64 bits are a key
	if _, err := (statements{conn, s}).exec(ctx, "SELECT pg_advisory_xact_lock(?)", key); err != nil {
		return nil, end(err)
	}
	return end, nil
}

// lockMySQL takes a lock of the session, as each statement that changes a table
// commits. Its name is of the server, so it says which database is meant.
func (s *Store) lockMySQL(ctx context.Context, conn *sql.Conn) (func(error) error, error) {
	var database sql.Null[string]
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return nil, err
	}
	if !database.Valid {
		return nil, errors.New("the DSN names no database")
	}
	sum := sha256.Sum256([]byte(database.V + "\x00" + s.config.Prefix))
	name := "bearersql " + hex.EncodeToString(sum[:16])
	for start := time.Now(); ; {
		// Short waits: a server notices late that a client left a long one.
		var taken sql.Null[int]
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 1)", name).Scan(&taken); err != nil {
			return nil, errors.Join(err, discard(conn))
		}
		if taken.V == 1 {
			break
		}
		if !taken.Valid || time.Since(start) > lockWait {
			return nil, fmt.Errorf("another migration holds %q for longer than %v", name, lockWait)
		}
	}
	return func(err error) error {
		ctx, cancel := lastWords(ctx)
		defer cancel()
		var released sql.Null[int]
		if e := conn.QueryRowContext(ctx, "SELECT RELEASE_LOCK(?)", name).Scan(&released); e != nil {
			return errors.Join(err, e, discard(conn))
		}
		return err
	}, nil
}

// lockSQLite begins a transaction that writes.
func (s *Store) lockSQLite(ctx context.Context, conn *sql.Conn) (func(error) error, error) {
	err := s.whileBusy(ctx, lockWait, func() error {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		return err
	})
	return func(err error) error { return endTransaction(ctx, conn, err) }, err
}

// useWAL lets readers of a file of SQLite go on while another connection writes.
// The file remembers it. A database in memory takes no notice.
func (s *Store) useWAL(ctx context.Context, conn *sql.Conn) error {
	return s.explain("migrate: set journal_mode", s.whileBusy(ctx, lockWait, func() error {
		var mode string
		return conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
	}))
}

// endTransaction commits if the error is nil, and rolls back if not. If that
// fails, the connection is closed, and the transaction with it.
func endTransaction(ctx context.Context, conn *sql.Conn, err error) error {
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	ctx, cancel := lastWords(ctx)
	defer cancel()
	if _, e := conn.ExecContext(ctx, "ROLLBACK"); e != nil {
		return errors.Join(err, discard(conn))
	}
	return err
}

// lastWords returns a context for what must be said even after ctx has ended.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// discard closes a connection, so that the pool does not give it to others.
func discard(conn *sql.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// whileBusy calls a function again while another connection of SQLite writes, up
// to a time.
func (s *Store) whileBusy(ctx context.Context, most time.Duration, do func() error) error {
	pause := time.Millisecond
	for start := time.Now(); ; pause = min(2*pause, 20*time.Millisecond) {
		err := do()
		if err == nil || s.dialect.faultOf(err) != faultBusy || time.Since(start) > most {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
