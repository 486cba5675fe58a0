package bearersql_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

func TestMigrate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := bearersql.Config{Prefix: newPrefix()}
		dropTables(t, db, config.Prefix)

		_, err := bearersql.New(t.Context(), db, config)
		require.ErrorContains(t, err, "bearersql: check the schema: there are no tables")

		require.NoError(t, bearersql.Migrate(t.Context(), db, config))
		require.NoError(t, bearersql.Migrate(t.Context(), db, config), "again")
		_, err = bearersql.New(t.Context(), db, config)
		require.NoError(t, err)
		assert.Zero(t, db.Stats().InUse)
	})
}

// TestMigrateByOneConnection: a pool of one connection is enough.
func TestMigrateByOneConnection(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		db.SetMaxOpenConns(1)
		store := newStore(t, db, bearersql.Config{})
		require.NoError(t, store.Transact(t.Context(), func(q bearersql.Querier) error {
			return q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1")
		}))
	})
}

// TestMigrateAtOnce: ten processes migrate at once, 20 rounds.
func TestMigrateAtOnce(t *testing.T) {
	rounds := 20
	if isBrief() {
		rounds = 2
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		processes := make([]*process, 10)
		for i := range processes {
			processes[i] = startProcess(t, d)
		}
		for range rounds {
			prefix := newPrefix()
			dropTables(t, db, prefix)
			for _, p := range processes {
				p.begin(t, job{Do: "migrate", Prefix: prefix})
			}
			for _, p := range processes {
				require.NoError(t, p.end(t))
			}
			assert.Zero(t, count(t, db, prefix))
		}
	})
}

func TestMigrations(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := bearersql.Config{Prefix: newPrefix(), Dialect: d.dialect}
		dropTables(t, db, config.Prefix)

		all := maps.Collect(bearersql.Migrations(config))
		assert.Contains(t, all, "0001_tables.sql")
		version, last := bearersql.LastVersion(d.dialect)
		assert.Equal(t, version, last)
		assert.Len(t, all, last)
		for name, text := range bearersql.Migrations(config) {
			assert.NotContains(t, text, "{", name)
			for statement := range strings.SplitSeq(strings.TrimSpace(text), ";\n") {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err, name)
			}
		}

		_, err := bearersql.New(t.Context(), db, config)
		require.NoError(t, err, "what another tool did is enough")
		require.NoError(t, bearersql.Migrate(t.Context(), db, config))
	})
}

func TestMigrationsPanics(t *testing.T) {
	assert.PanicsWithValue(t, "bearersql: Migrations: Config.Dialect is Dialect(0): set PostgreSQL, MySQL or SQLite",
		func() { bearersql.Migrations(bearersql.Config{}) })
	assert.PanicsWithError(t, `bearersql: the prefix "A" does not match ^[a-z_][a-z0-9_]{0,30}$`,
		func() { bearersql.Migrations(bearersql.Config{Dialect: bearersql.SQLite, Prefix: "A"}) })
}

// The second migration of a test: it adds a column, and says which packages work
// with it.
const (
	addColumn    = "ALTER TABLE {prefix}counter ADD COLUMN more INTEGER;\n"
	forOldToo    = addColumn + "INSERT INTO {prefix}schema (version, oldest) VALUES (2, 1);\n"
	forNewAlone  = addColumn + "INSERT INTO {prefix}schema (version) VALUES (2);\n"
	endsTooEarly = addColumn + "INSERT INTO {prefix}missing (version) VALUES (2);\n"
)

func TestSchemaVersions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		tests := []struct {
			name   string
			second string // a migration to version 2
			check  int    // the version of the package
			want   string
		}{
			{"older", "", 2, "bearersql: check the schema: the tables have version 1, older than this package's 2: call Migrate first"},
			{"newer", forNewAlone, 1, "bearersql: check the schema: the tables have version 2, too new for this package's 1: use a newer package"},
			{"newer, for the older package too", forOldToo, 1, ""},
			{"new", forNewAlone, 2, ""},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				config := bearersql.Config{Prefix: newPrefix()}
				dropTables(t, db, config.Prefix)
				require.NoError(t, bearersql.Migrate(t.Context(), db, config))
				if test.second != "" {
					require.NoError(t, bearersql.MigrateTo(t.Context(), db, config, test.second))
					require.NoError(t, bearersql.MigrateTo(t.Context(), db, config, test.second), "again")
				}

				assertError(t, test.want, bearersql.CheckSchema(t.Context(), db, config, test.check))
				if test.check == 1 {
					_, err := bearersql.New(t.Context(), db, config)
					assertError(t, test.want, err)
					err = bearersql.Migrate(t.Context(), db, config)
					assertError(t, strings.Replace(test.want, "check the schema", "migrate: look at the schema", 1), err)
				}
			})
		}
	})
}

func assertError(t *testing.T, want string, err error) {
	t.Helper()
	if want == "" {
		assert.NoError(t, err)
		return
	}
	assert.EqualError(t, err, want)
}

// A migration that ended in the middle is done by the next try, also on MySQL,
// where each of its statements commits.
func TestMigrateAfterAFailure(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := bearersql.Config{Prefix: newPrefix()}
		dropTables(t, db, config.Prefix)
		err := bearersql.MigrateTo(t.Context(), db, config, endsTooEarly)
		require.ErrorContains(t, err, "bearersql: migrate: more: statement 2: ")
		require.ErrorContains(t, err, config.Prefix+"missing")
		assert.Zero(t, db.Stats().InUse)

		_, err = bearersql.New(t.Context(), db, config)
		require.NoError(t, err, "the first migration stays")
		require.NoError(t, bearersql.MigrateTo(t.Context(), db, config, forNewAlone))
	})
}

// Replicas go on while the tables change beneath their statements.
func TestMigrateBeneathAStore(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		store := newStore(t, db, bearersql.Config{Prefix: newPrefix()})
		work := func(name string, want int64) {
			require.NoError(t, store.Transact(t.Context(), func(q bearersql.Querier) error {
				return q.Exec(t.Context(), "UPDATE {prefix}counter SET seq = seq + 1 WHERE id = ?", 1)
			}), name)
			got, err := store.Reader().Number(t.Context(), "SELECT seq FROM {prefix}counter WHERE id = ?", 1)
			require.NoError(t, err, name)
			assert.Equal(t, want, got, name)
		}
		work("before", 1)
		config := bearersql.Config{Prefix: store.Prefix()}
		require.NoError(t, bearersql.MigrateTo(t.Context(), db, config, forOldToo))
		work("after", 2)
	})
}
