// Package bearersql keeps API keys, clients, sessions and users in PostgreSQL,
// MySQL, MariaDB or SQLite, by way of database/sql, and tells the replicas of a
// service what was revoked.
//
//	db, err := sql.Open("pgx", url) // import _ "github.com/jackc/pgx/v5/stdlib"
//	err = bearersql.Migrate(ctx, db, bearersql.Config{})
//	store, err := bearersql.New(ctx, db, bearersql.Config{Listen: pgxlisten.Listen(url)})
//	iss, err := issuer.New(issuer.Config{Store: store, …})
//	go iss.Run(ctx) // follows the changes of other replicas
package bearersql
