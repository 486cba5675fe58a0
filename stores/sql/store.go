package bearersql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A Store keeps keys, clients, sessions and users in a database. It implements
// [issuer.Store], [issuer.Watcher], [issuer.Sweeper] and [issuer.PasswordStore].
// It has no goroutine but those of Watch, and does not close the database. It is
// safe for concurrent use.
//
// A text is valid UTF-8 without a zero byte, and of limited length: an ID, an
// owner, a creator, and the version of a user up to 255 bytes; the ID of a session
// 64; the subject of a session 300, and its name 512; an email 320; all others,
// and each list, map and payload in its column, 16 MiB less a byte. Codes such as
// kinds are 0 to 32767, and rates are not negative. A record that does not fit is
// refused, by whatever call writes it, with an error that names the field and
// wraps [errors.ErrUnsupported]. Times are kept to the microsecond.
type Store struct {
	db      *sql.DB
	config  Config
	dialect Dialect
	feed    feed
	texts   texts
	reader  querier
	writing chan struct{} // SQLite: holds one token while a transaction writes
}

// New returns the store in a database whose tables [Migrate] has made. It returns
// an error that names what is missing if there are none, or if they are older or
// newer than this package, or lack columns. It writes nothing, so the user of the
// database may be one who only reads: enough for [Store.KeyStore]. The server must
// be the primary: what a standby answers may be old.
func New(ctx context.Context, db *sql.DB, config Config) (*Store, error) {
	s, err := open(ctx, db, config)
	if err != nil {
		return nil, err
	}
	s.feed.init(time.Now())
	if err := s.checkSchema(ctx, schemaVersion); err != nil {
		return nil, err
	}
	if err := s.checkColumns(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// open returns a store whose schema is not checked yet.
func open(ctx context.Context, db *sql.DB, config Config) (*Store, error) {
	config, err := withDefaults(config)
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
	s := &Store{db: db, config: config, dialect: config.Dialect, reader: db, writing: make(chan struct{}, 1)}
	if s.dialect != PostgreSQL {
		s.reader = &prepared{DB: db, all: make(map[string]*sql.Stmt)}
	}
	return s, s.checkConnection(ctx)
}

// String returns a text without anything that is stored.
func (s *Store) String() string { return "bearersql.Store" }

// Format implements [fmt.Formatter]: no verb shows what the store holds.
func (s *Store) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue implements [slog.LogValuer].
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }
