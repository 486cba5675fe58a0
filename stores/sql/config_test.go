package bearersql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestPrefixes: no prefix with odd characters reaches a database.
func TestPrefixes(t *testing.T) {
	d := databaseOf(t, bearersql.SQLite)
	db := d.open(t)
	for _, prefix := range []string{
		"Bearer_", "1a", "a-b", "a b", "a.b", "a;DROP TABLE b", `a"`, "a'", "a`", "ä", "a\n", "\x00", "a?", "{prefix}",
		strings.Repeat("a", 32),
	} {
		t.Run(prefix, func(t *testing.T) {
			config := bearersql.Config{Prefix: prefix, Dialect: bearersql.SQLite}
			_, err := bearersql.New(t.Context(), db, config)
			require.ErrorContains(t, err, "bearersql: the prefix ")
			require.ErrorContains(t, bearersql.Migrate(t.Context(), db, config), "bearersql: the prefix ")
			assert.Panics(t, func() { bearersql.Migrations(config) })
		})
	}
}

// A number that was meant to be seconds does not keep the database busy.
func TestShortTimes(t *testing.T) {
	db := databaseOf(t, bearersql.SQLite).open(t)
	for _, config := range []bearersql.Config{{Bound: 5}, {Poll: 1}, {Bound: time.Millisecond, Poll: time.Second}} {
		_, err := bearersql.New(t.Context(), db, config)
		require.ErrorContains(t, err, "is less than 10ms, or a Bound of ")
	}
}

// The shortest prefix and the longest are good for all names of tables and
// indexes.
func TestLongPrefixes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		long := newPrefix()
		long += strings.Repeat("9", 31-len(long))
		for _, prefix := range []string{long, "_" + long[1:]} {
			store := newStore(t, db, bearersql.Config{Prefix: prefix})
			require.NoError(t, addOne(t.Context(), store))
		}
	})
}

func TestDialects(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
			config := bearersql.Config{Prefix: newPrefix(), Dialect: dialect}
			if dialect == d.dialect {
				newStore(t, db, config)
				continue
			}
			err := bearersql.Migrate(t.Context(), db, config)
			require.EqualError(t, err,
				"bearersql: Config.Dialect is "+dialect.String()+", but the database is "+d.dialect.String())
		}
		config := bearersql.Config{Dialect: bearersql.SQLite + 1}
		require.ErrorContains(t, bearersql.Migrate(t.Context(), db, config), "bearersql: Config.Dialect is Dialect(4)")
	})
}
