// Package pgxlisten lets a [bearersql.Store] over PostgreSQL hear of changes at
// once, by LISTEN.
package pgxlisten

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

const (
	connectTimeout = 5 * time.Second // unless the URL has a connect_timeout
	quiet          = 2 * time.Second // without a notification before a ping
	pingTimeout    = 2 * time.Second
	closeTimeout   = time.Second
)

var (
	errURL     = errors.New("pgxlisten: the URL or DSN of the database cannot be read")
	errStandby = errors.New("pgxlisten: the server is a standby, on which nothing is heard: " +
		"the URL must be that of the primary")
)

// Listen returns a listener that connects to the primary of the database at the
// URL, or DSN: not by way of PgBouncer in transaction mode, where nothing is
// heard.
func Listen(url string) bearersql.Listener { return listener{url} }

type listener struct{ url string }

// String returns a text without the URL, which may hold a password.
func (listener) String() string { return "pgxlisten.Listener" }

// Format implements [fmt.Formatter]: no verb shows the URL.
func (l listener) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(l.String())) }

// Listen implements [bearersql.Listener].
func (l listener) Listen(ctx context.Context, channel string, ring func()) error {
	connection, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, connection)
	if err := listen(ctx, connection, channel); err != nil {
		return err
	}
	for {
		ring()
		if err := hear(ctx, connection); err != nil {
			return fmt.Errorf("pgxlisten: the connection was lost: %w", err)
		}
	}
}

// connect returns a connection that can be used by way of PgBouncer in session
// mode, too. The error of a URL that cannot be read may quote it: it is not told.
func (l listener) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(l.url)
	if err != nil {
		return nil, errURL
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgxlisten: connect: %w", err)
	}
	return connection, nil
}

// hangUp ends a connection. PgBouncer may keep that to the server, and give it to
// others, who do not want to hear.
func hangUp(ctx context.Context, connection *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_, _ = connection.Exec(ctx, "UNLISTEN *")
	_ = connection.Close(ctx)
}

// listen makes the server tell of what is said in the channel.
func listen(ctx context.Context, connection *pgx.Conn, channel string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var standby bool
	if err := connection.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return fmt.Errorf("pgxlisten: ask whether the server is the primary: %w", err)
	}
	if standby {
		return errStandby
	}
	if _, err := connection.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("pgxlisten: LISTEN: %w", err)
	}
	return nil
}

// hear waits for a notification. While there is none, it pings: a connection that
// a router has forgotten says nothing at all. A ping is not cut short: pgx would
// ask the server to cancel it, at which PgBouncer 1.18 crashes if it listens.
func hear(ctx context.Context, connection *pgx.Conn) error {
	for {
		err := within(ctx, quiet, func(ctx context.Context) error {
			_, err := connection.WaitForNotification(ctx)
			return err
		})
		if err == nil || ctx.Err() != nil || !pgconn.Timeout(err) {
			return err
		}
		if err := within(context.WithoutCancel(ctx), pingTimeout, connection.Ping); err != nil {
			return err
		}
	}
}

func within(ctx context.Context, d time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return call(ctx)
}
