package bearersql_test

import (
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

var _ interface {
	issuer.Store
	issuer.PasswordStore
	issuer.Watcher
	issuer.Sweeper
} = (*bearersql.Store)(nil)
