// Package bearersql keeps API keys, clients, sessions and users in PostgreSQL,
// MySQL, MariaDB or SQLite, by way of database/sql, and tells the replicas of a
// service what was revoked.
//
//	db, err := sql.Open("pgx", url) // import _ "github.com/jackc/pgx/v5/stdlib"
//	db.SetMaxOpenConns(20)
//	db.SetMaxIdleConns(20) // of the default of 2, most would be made again and again
//	err = bearersql.Migrate(ctx, db, bearersql.Config{})
//	store, err := bearersql.New(ctx, db, bearersql.Config{Listen: pgxlisten.Listen(url)})
//	iss, err := issuer.New(issuer.Config{Store: store, …})
//	go iss.Run(ctx) // follows the changes of other replicas
//
// A database has one Store in a process, which lives as long as the process: on
// MySQL and SQLite it prepares some twenty statements on each connection, which
// are closed with the connection alone. The max_prepared_stmt_count of MySQL has
// to have room for those of all replicas.
//
// The database must be the primary: [New] refuses a standby, and a feed on one is
// [Blind]. The feed reads by the pool: one that is exhausted for longer than
// Config.Bound blinds it. An acknowledged change is not lost as long as the
// database keeps what it has committed: PostgreSQL with synchronous_commit on,
// MySQL with innodb_flush_log_at_trx_commit 1, SQLite with synchronous FULL. The
// clocks of replicas must be within a second.
//
// # MySQL
//
// A process that is paused within a revocation keeps all others from revoking. In
// the DSN, innodb_lock_wait_timeout=4 lets those get an error soon, and MariaDB's
// idle_write_transaction_timeout=10 ends the transaction, as the store itself asks
// of PostgreSQL. max_prepared_stmt_count should be at least 20 for each connection
// of all replicas: a store that meets it goes on without prepared statements.
//
// # SQLite
//
// A file may be used by several processes of one machine, with any options of the
// DSN. [Migrate] turns the write-ahead log on, so that no one who reads waits for
// one who writes, unless the DSN sets journal_mode. A database in memory needs
// SetMaxOpenConns(1).
//
// # Upgrades
//
// The tables have a version. [New] wants that of its package, or a newer one that
// the package is still good for: each migration records the oldest package that
// works with what it leaves. A migration that only adds keeps the packages before
// it good. So a new release is rolled out without a pause: first its Migrate, by
// any one process; then its replicas, one after the other, while those of the
// release before go on, and may start again. If a migration is none that the
// release before works with, its notes say so.
//
// [Migrate] needs a user who may create and alter tables. New and a [Store] need
// one who may read and write them, and [Store.KeyStore] one who may read them. Who
// keeps migrations by a tool of their own writes those of [Migrations] into its
// directory:
//
//	for name, text := range bearersql.Migrations(bearersql.Config{Dialect: bearersql.PostgreSQL}) {
//		err = os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644)
//	}
package bearersql
