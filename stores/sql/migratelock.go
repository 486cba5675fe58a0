package bearersql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// lockWait is how long a migration waits for another one on MySQL. On PostgreSQL,
// it waits as long as the context and lock_timeout let it, and on SQLite as any
// transaction does.
const lockWait = time.Minute

// lockPause is how long a migration waits between two looks, at most.
const lockPause = 50 * time.Millisecond

// exclusively calls a function while no one else calls one for these tables. On
// PostgreSQL and SQLite, it is one transaction.
func (s *Store) exclusively(ctx context.Context, do func(q statements) error) error {
	switch s.dialect {
	case PostgreSQL:
		return s.again(ctx, func() error {
			return s.transact(ctx, func(q statements) error {
				if err := s.lockPostgres(ctx, q); err != nil {
					return err
				}
				return do(q)
			})
		})
	case MySQL:
		return s.holdLock(ctx, do)
	case SQLite:
		return s.transactSQLite(ctx, do)
	}
	return fmt.Errorf("no such dialect: %s", s.dialect)
}

// lockPostgres takes a lock that ends with the transaction: one of the session
// would stay behind in PgBouncer. The transaction must be READ COMMITTED: at a
// higher level it would see the schema as it was before it had the lock.
func (s *Store) lockPostgres(ctx context.Context, q statements) error {
	sum := sha256.Sum256([]byte("bearersql " + s.config.Prefix))
	key := int64(binary.BigEndian.Uint64(sum[:8]))
	if _, err := q.exec(ctx, "SELECT pg_advisory_xact_lock(?)", key); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	return nil
}

// holdLock holds a lock of MySQL that belongs to a connection: there, each
// statement that changes a table commits, so that no transaction could hold one.
func (s *Store) holdLock(ctx context.Context, do func(q statements) error) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = withCleanup(err, conn.Close()) }()
	name, err := s.lockName(ctx, conn)
	if err != nil {
		return err
	}
	// If the context ends meanwhile, it is not known who has the lock.
	defer func() { err = withCleanup(err, unlock(ctx, conn, name)) }()
	if err := takeLock(ctx, conn, name); err != nil {
		return err
	}
	return do(statements{conn, s})
}

// lockName returns the name of the lock for the tables. Names are those of the
// whole server, and have up to 64 bytes.
func (s *Store) lockName(ctx context.Context, conn *sql.Conn) (string, error) {
	var database sql.Null[string]
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return "", err
	}
	if !database.Valid {
		return "", errors.New("the DSN names no database")
	}
	sum := sha256.Sum256([]byte(database.V + "\x00" + s.config.Prefix))
	return "bearersql " + hex.EncodeToString(sum[:16]), nil
}

// takeLock asks for a lock until it has it. The server is not to wait: it may
// notice late that a client has gone, and a client may wait less long than it.
func takeLock(ctx context.Context, conn *sql.Conn, name string) error {
	for start := time.Now(); time.Since(start) < lockWait; {
		var taken sql.Null[int]
		err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", name).Scan(&taken)
		switch {
		case err != nil:
			return fmt.Errorf("wait for other migrations: %w", err)
		case !taken.Valid:
			return fmt.Errorf("the server does not give the lock %q", name)
		case taken.V == 1:
			return nil
		}
		if err := pause(ctx, lockPause); err != nil {
			return fmt.Errorf("wait for other migrations: %w", err)
		}
	}
	return fmt.Errorf("another migration holds the lock %q for more than %v", name, lockWait)
}

// unlock gives a lock back, or closes the connection.
func unlock(ctx context.Context, conn *sql.Conn, name string) error {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	var released sql.Null[int]
	if err := conn.QueryRowContext(ctx, "SELECT RELEASE_LOCK(?)", name).Scan(&released); err != nil {
		return discard(conn)
	}
	return nil
}

// useWAL lets those who read a file of SQLite go on while another connection
// writes. The file remembers it. A database in memory takes no notice. A DSN that
// sets another mode does so for each connection, and could not while one is open
// that uses the log: so the one that asked for it is closed.
func (s *Store) useWAL(ctx context.Context) error {
	return whileBusy(ctx, func() error {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		mode := ""
		err = conn.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
		if mode == "wal" {
			return withCleanup(err, discard(conn))
		}
		return withCleanup(err, conn.Close())
	})
}
