package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearerredis "github.com/blockauth/bearer/stores/redis"
	bearersql "github.com/blockauth/bearer/stores/sql"
	"github.com/blockauth/bearer/stores/sql/pgxlisten"
)

// A store is what users, keys, clients and sessions are kept in.
type store interface {
	issuer.Store
	issuer.PasswordStore
}

// A backing is where records and limits are: in memory, or shared by replicas.
type backing struct {
	store   store                // of the platform
	social  issuer.Store         // of the keys below /s2/, in tables of its own: the other issuer must not find them
	limiter bearer.Limiter       // nil: each guard and each issuer has its own in memory
	feeds   []*bearersql.Store   // none: no other process changes anything
	redis   *bearerredis.Limiter // nil: no Redis; else limiter
	closers []func() error

	gitHubKeys string // the URL of the keys that sign what GitHub says of leaks; zero: GitHub's
}

// inMemory returns a backing that no other process shares.
func inMemory() *backing {
	return &backing{store: issuer.NewMemoryStore(), social: issuer.NewMemoryStore()}
}

// openBacking returns the backing that the flags name.
func openBacking(ctx context.Context, s settings, log *slog.Logger) (*backing, error) {
	b := inMemory()
	b.gitHubKeys = s.gitHubKeys
	err := errors.Join(b.openDatabase(ctx, s.database), b.openRedis(s, log))
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// close ends all connections, those of Redis first.
func (b *backing) close() (err error) {
	for _, end := range slices.Backward(b.closers) {
		err = errors.Join(err, end())
	}
	return err
}

// maxConnections is how many connections a replica has to the database, beside one
// of PostgreSQL for each issuer, which listens.
const maxConnections = 16

// openDatabase opens the database of a URL, if there is one, and makes its tables.
func (b *backing) openDatabase(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	db, listener, err := openURL(address)
	if err != nil {
		return fmt.Errorf("-database: %w", err)
	}
	b.closers = append(b.closers, db.Close)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(10 * time.Minute) // none stays with a primary that was
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stores [2]*bearersql.Store
	for n, prefix := range []string{"bearer_", "bearer_social_"} {
		config := bearersql.Config{Prefix: prefix, Listen: listener}
		if err := bearersql.Migrate(ctx, db, config); err != nil {
			return fmt.Errorf("-database: %w", err)
		}
		if stores[n], err = bearersql.New(ctx, db, config); err != nil {
			return fmt.Errorf("-database: %w", err)
		}
	}
	b.store, b.social, b.feeds = stores[0], stores[1], stores[:]
	return nil
}

// openURL returns the database of a URL, and what listens to it if it can tell of
// changes. It does not connect.
func openURL(text string) (*sql.DB, bearersql.Listener, error) {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case strings.HasPrefix(text, "file:"):
		return nil, nil, errors.New("a file is named by its path, and not by a DSN")
	case strings.Contains(text, ":memory:"):
		return nil, nil, errors.New("each connection would have a database of its own in memory: name a file, or none")
	case !isURL:
		db, err := sql.Open("sqlite", sqliteDSN(text))
		return db, nil, err
	case scheme == "postgres" || scheme == "postgresql":
		config, err := pgx.ParseConfig(text)
		if err != nil {
			return nil, nil, err
		}
		if config.ConnectTimeout == 0 {
			config.ConnectTimeout = connectTimeout
		}
		return stdlib.OpenDB(*config, stdlib.OptionShouldPing(isSilent)), pgxlisten.Listen(text), nil
	case scheme == "mysql":
		config, err := mysqlConfig(text)
		if err != nil {
			return nil, nil, err
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, nil, err
		}
		return sql.OpenDB(connector), nil, nil
	}
	return nil, nil, fmt.Errorf("%q is not the scheme of a database: postgres, mysql, or none for a file", scheme)
}

const (
	connectTimeout = 5 * time.Second
	pingTimeout    = time.Second
)

// isSilent reports whether a connection that was idle does not answer. One that a
// router has forgotten answers nothing, and pgx would ping it for as long as the
// request may take. Here the ping ends sooner, and closes the connection; there is
// time for two more, and for a new one.
func isSilent(ctx context.Context, p stdlib.ShouldPingParams) bool {
	if p.IdleDuration < time.Second {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return p.Conn.Ping(ctx) != nil
}

// sqliteDSN returns the DSN of a file, which other processes may write too: the
// second writer waits, and readers do not.
func sqliteDSN(file string) string {
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)"}, "_txlock": {"immediate"}}
	return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + pragmas.Encode()
}

// mysqlConfig returns the config that a URL stands for. Its query holds parameters
// of a DSN: tls=true, say.
func mysqlConfig(text string) (*mysql.Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL: mysql://user:password@host:3306/name") // err has the password
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	named := mysql.NewConfig()
	named.User, named.Net, named.Addr = u.User.Username(), "tcp", net.JoinHostPort(u.Hostname(), port)
	named.Passwd, _ = u.User.Password()
	named.DBName = strings.TrimPrefix(u.Path, "/")
	named.Timeout = connectTimeout
	named.RejectReadOnly = true // after a switchover, a connection to the old primary ends
	dsn := named.FormatDSN()
	if u.RawQuery != "" {
		dsn += "&" + u.RawQuery // after the timeout
	}
	return mysql.ParseDSN(dsn)
}

// openRedis lets all replicas share the limits in the Redis at a URL, if there is
// one. It does not connect: if Redis is away, each replica limits alone.
func (b *backing) openRedis(s settings, log *slog.Logger) error {
	if s.redis == "" {
		return nil
	}
	options, err := redis.ParseURL(s.redis)
	if err != nil {
		return errors.New("-redis: not a URL: redis://user:password@host:6379/0") // err may have the password
	}
	options.ContextTimeoutEnabled = true // a call that is given up keeps no connection
	client := redis.NewClient(options)
	b.closers = append(b.closers, client.Close)
	limiter, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{
		Replicas: s.replicas,
		Timeout:  s.timeout,
		OnState: func(state bearerredis.State, cause error) {
			log.Warn("limiter", slog.Any("state", state), slog.Any("error", cause))
		},
	})
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	b.limiter, b.redis = limiter, limiter
	return nil
}
