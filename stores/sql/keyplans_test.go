package bearersql_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestKeyPlans asks the databases how they find a key among many, and a page in
// the middle of the list of an owner who has all of them: by an index, from the
// place on, and without sorting.
func TestKeyPlans(t *testing.T) {
	const many = 5000
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db, prefix := d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		first := fillKeys(t, db, store, d, prefix, many)
		for _, table := range []string{"keys", "secrets", "used"} {
			_, err := db.Exec(d.analyze() + prefix + table)
			require.NoError(t, err)
		}
		hash := numbered(many / 2)
		for _, q := range store.LookUps(hash[:]) {
			planOf(t, db, d, q)
		}
		middle := issuer.Position{
			CreatedAt: first.CreatedAt.Add(many / 2 * time.Microsecond), ID: fmt.Sprintf("ak_%07d", many/2),
		}
		for _, query := range []issuer.KeyQuery{
			{},
			{After: middle},
			{After: middle, CreatedBy: first.CreatedBy, IncludeRevoked: true},
			{After: middle, UnusedSince: time.Now().Add(time.Hour)},
		} {
			query.Owner, query.Limit = first.Owner, 21
			plan := planOf(t, db, d, store.KeyList(query))
			if d.dialect == bearersql.MySQL { // it does not show how far it reads
				assert.Contains(t, plan, "type=range")
			}
		}
	})
}

// analyze is how a database is made to count the rows of a table.
func (d database) analyze() string {
	if d.dialect == bearersql.MySQL {
		return "ANALYZE TABLE "
	}
	return "ANALYZE "
}

// planOf returns how a database goes about a query. It fails if it reads a whole
// table, or sorts.
func planOf(t *testing.T, db *sql.DB, d database, q bearersql.Query) string {
	t.Helper()
	plan := d.explain(t, db, q)
	for _, bad := range []string{"Seq Scan", "Sort", "filesort", "type=ALL", "=SCAN", "TEMP B-TREE"} {
		assert.NotContains(t, plan, bad, q.Text)
	}
	return plan
}

// explain returns the plan of a query: a line for each step.
func (d database) explain(t *testing.T, db *sql.DB, q bearersql.Query) string {
	t.Helper()
	explain := "EXPLAIN "
	if d.dialect == bearersql.SQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := db.QueryContext(t.Context(), explain+q.Text, q.Args...)
	require.NoError(t, err, q.Text)
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	require.NoError(t, err)
	var plan strings.Builder
	for rows.Next() {
		values, pointers := make([]sql.Null[string], len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		require.NoError(t, rows.Scan(pointers...))
		for i, value := range values {
			plan.WriteString(names[i] + "=" + value.V + " ")
		}
		plan.WriteByte('\n')
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
