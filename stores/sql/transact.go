package bearersql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/blockauth/bearer/issuer"
)

const (
	// tries is how often that is tried which the database ended for the sake of
	// another transaction: by a deadlock, as a rule.
	tries = 8

	// busyWait is how long is waited for other connections of SQLite.
	busyWait = 5 * time.Second
)

// read makes statements that only read: each by itself.
func (s *Store) read() statements { return statements{s.reader, s} }

// write makes statements in one transaction of READ COMMITTED. It returns what the
// function returns. The function is called again if the database has ended the
// transaction in favor of another: nothing was done then. If that does not end, it
// is ErrConflict.
func (s *Store) write(ctx context.Context, step string, do func(q statements) error) error {
	transact := s.transact
	if s.dialect == SQLite {
		transact = s.transactSQLite
	}
	return s.explain(step, s.again(ctx, func() error { return transact(ctx, do) }))
}

// transact sets the level of each transaction, whatever that of the connection is.
// An error of Commit is one of an outage, as a rule: it is not known then whether
// the transaction was committed.
func (s *Store) transact(ctx context.Context, do func(q statements) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := do(statements{tx, s}); err != nil {
		return err
	}
	return tx.Commit()
}

// transactSQLite begins a transaction that writes from the start: one that begins
// to write later fails at once if another has written since, whatever its
// busy_timeout. Transactions of this process queue up here, as SQLite has no
// queue.
func (s *Store) transactSQLite(ctx context.Context, do func(q statements) error) (err error) {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var conn *sql.Conn
	err = whileBusy(ctx, func() error {
		conn, err = s.db.Conn(ctx)
		return err
	})
	if err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			err = withCleanup(err, rollback(ctx, conn))
		}
		err = withCleanup(err, conn.Close())
	}()
	err = whileBusy(ctx, func() error { return execute(ctx, conn, "BEGIN IMMEDIATE") })
	if err != nil {
		return err
	}
	if err := do(statements{conn, s}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Without a write-ahead log, COMMIT waits for readers. It is not cut off, so that
	// it is known whether it was done.
	certain := context.WithoutCancel(ctx)
	err = whileBusy(ctx, func() error { return execute(certain, conn, "COMMIT") })
	committed = err == nil
	return err
}

// withCleanup adds the error of what was done at the end.
func withCleanup(err, cleanup error) error {
	if cleanup == nil || errors.Is(cleanup, sql.ErrConnDone) {
		return err
	}
	return errors.Join(err, cleanup)
}

func execute(ctx context.Context, conn *sql.Conn, statement string) error {
	_, err := conn.ExecContext(ctx, statement)
	return err
}

// rollback ends a transaction on a connection, if it is in one: after some errors,
// such as that of a full disk, SQLite has ended it.
func rollback(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	err := execute(ctx, conn, "ROLLBACK")
	if err == nil || strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	return errors.Join(err, discard(conn))
}

// lastWords returns a context for what must be said even after ctx has ended.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), busyWait)
}

// discard closes a connection, so that the pool does not give it to others.
func discard(conn *sql.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// again calls a function again that the database ended in favor of another
// transaction.
func (s *Store) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || !s.dialect.faultOf(err).isTriedAgain() || try == tries {
			return err
		}
		if pause(ctx, time.Duration(try)*time.Millisecond) != nil {
			return err
		}
	}
}

// whileBusy calls a function again while another connection of SQLite is in its
// way, up to busyWait.
func whileBusy(ctx context.Context, do func() error) error {
	for start := time.Now(); ; {
		err := do()
		if err == nil || sqliteFault(err) != faultBusy {
			return err
		}
		if time.Since(start) > busyWait {
			return fmt.Errorf("other connections were in the way for %v: %w", busyWait, err)
		}
		if e := pause(ctx, time.Millisecond); e != nil {
			return errors.Join(e, err)
		}
	}
}

// pause waits between half of a time and all of it, so that what met once does not
// meet again.
func pause(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most/2 + rand.N(most/2)) //nolint:gosec // need not be secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// explain names the step of an error, and tells what it means to an issuer.
func (s *Store) explain(step string, err error) error {
	if err == nil {
		return nil
	}
	switch s.dialect.faultOf(err) {
	case faultConflict:
		err = fmt.Errorf("%w: %w", issuer.ErrConflict, err)
	case faultDuplicate:
		err = fmt.Errorf("%w: %w", issuer.ErrExists, err)
	case faultBusy, faultNoTable, faultDenied, faultFull, faultOther:
	}
	return fmt.Errorf("bearersql: %s: %w", step, err)
}
