package bearersql_test

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// A variant is a database that is opened in an unusual way.
type variant struct {
	name        string
	dialect     bearersql.Dialect
	options     []string
	connections int // of the pool; zero: as always
	database    func(t *testing.T, d database) database
	isOneEnough bool // keys or sessions alone
}

var postgresVariants = []variant{
	{
		name: "serializable, by the simple protocol", dialect: bearersql.PostgreSQL, options: []string{
			"timezone=Asia/Kolkata", "default_transaction_isolation=serializable",
			"default_query_exec_mode=simple_protocol",
		},
	},
	{
		name: "repeatable read, without preparing", dialect: bearersql.PostgreSQL, isOneEnough: true, options: []string{
			"timezone=America/St_Johns", "default_transaction_isolation=repeatable%20read",
			"default_query_exec_mode=exec",
		},
	},
	{
		name: "remembering descriptions", dialect: bearersql.PostgreSQL, isOneEnough: true, options: []string{
			"default_query_exec_mode=cache_describe", "bytea_output=escape", "DateStyle=German",
		},
	},
}

var mysqlVariants = []variant{
	{
		name: "times", dialect: bearersql.MySQL, isOneEnough: true, options: []string{
			"parseTime=true", "loc=Asia%2FKolkata", "time_zone=%27%2B05%3A30%27",
			"interpolateParams=true", "clientFoundRows=true",
		},
	},
	{
		name: "modes", dialect: bearersql.MySQL, isOneEnough: true, options: []string{
			"sql_mode=%27ANSI_QUOTES,NO_BACKSLASH_ESCAPES%27", "multiStatements=true", "interpolateParams=true",
		},
	},
	{
		name: "not strict", dialect: bearersql.MySQL, isOneEnough: true,
		options: []string{"sql_mode=%27%27", "columnsWithAlias=true"},
	},
	{
		name: "serializable", dialect: bearersql.MySQL,
		database: func(t *testing.T, d database) database {
			t.Helper()
			d.dsn = d.with(serializable(t, d))
			return d
		},
	},
	{
		name: "latin1", dialect: bearersql.MySQL, isOneEnough: true,
		options: []string{"collation=latin1_swedish_ci"}, database: latin1,
	},
}

var sqliteVariants = []variant{
	{
		name: "as is often advised", dialect: bearersql.SQLite, options: []string{
			"_pragma=journal_mode(WAL)", "_pragma=busy_timeout(5000)", "_pragma=synchronous(NORMAL)",
			"_pragma=foreign_keys(1)", "_txlock=immediate", "_time_format=sqlite",
		},
	},
	{
		name: "without a log", dialect: bearersql.SQLite, isOneEnough: true,
		options: []string{"_pragma=journal_mode(DELETE)", "_pragma=synchronous(OFF)"},
	},
	{name: "by one connection", dialect: bearersql.SQLite, connections: 1},
	{name: "in memory", dialect: bearersql.SQLite, connections: 1, database: inMemory("file::memory:")},
	{
		name: "in memory that is shared", dialect: bearersql.SQLite,
		database: inMemory("file:bearer?mode=memory&cache=shared"),
	},
}

func inMemory(dsn string) func(*testing.T, database) database {
	return func(_ *testing.T, d database) database {
		d.dsn = dsn
		return d
	}
}

// serializable returns the option of a DSN that makes each connection serializable.
// SQLite needs none: it always is.
func serializable(t *testing.T, d database) string {
	t.Helper()
	switch d.dialect {
	case bearersql.PostgreSQL:
		return "default_transaction_isolation=serializable"
	case bearersql.MySQL:
		return isolationOf(t, d) + "=%27SERIALIZABLE%27"
	case bearersql.SQLite:
	}
	return ""
}

// isolationOf returns the name of the variable for the level of a session: that of
// MariaDB before 11.1 is another one.
func isolationOf(t *testing.T, d database) string {
	t.Helper()
	version := ""
	require.NoError(t, d.open(t).QueryRowContext(t.Context(), "SELECT version()").Scan(&version))
	if strings.Contains(version, "MariaDB") {
		return "tx_isolation"
	}
	return "transaction_isolation"
}

// latin1 returns a database whose texts are of another character set, and do not
// tell upper case from lower case.
func latin1(t *testing.T, d database) database {
	t.Helper()
	db := d.open(t)
	name := "bearer_" + strings.TrimSuffix(newPrefix(), "_")
	_, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET latin1 COLLATE latin1_swedish_ci")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + name)
		require.NoError(t, err)
	})
	c, err := mysql.ParseDSN(d.dsn)
	require.NoError(t, err)
	c.DBName = name
	d.dsn = c.FormatDSN()
	return d
}
