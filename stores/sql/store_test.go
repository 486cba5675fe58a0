package bearersql_test

import (
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	_ "modernc.org/sqlite"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

var (
	_ interface {
		issuer.Store
		issuer.PasswordStore
		issuer.Watcher
		issuer.Sweeper
	} = (*bearersql.Store)(nil)
	_ = assert.True
)
