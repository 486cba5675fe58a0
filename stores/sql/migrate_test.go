package bearersql_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

func TestMigrate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.open(t)
		config := bearersql.Config{Prefix: newPrefix()}
		dropTables(t, db, config.Prefix)

		_, err := bearersql.New(t.Context(), db, config)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "bearersql: check the schema: there are no tables")

		require.NoError(t, bearersql.Migrate(t.Context(), db, config))
		require.NoError(t, bearersql.Migrate(t.Context(), db, config), "again")
		_, err = bearersql.New(t.Context(), db, config)
		require.NoError(t, err)
	})
}
