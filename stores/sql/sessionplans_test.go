package bearersql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestSessionPlans asks each database how it finds sessions among 100 000: always
// by an index. A fifth of them are those of a client that opens one for each
// request, of which the last hundred live.
func TestSessionPlans(t *testing.T) {
	const big = "client:big"
	many := 100_000
	if isBrief() {
		many = 10_000
	}
	now := time.Now()
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db, prefix := d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		d.fillSessions(t, db, prefix, many, "CASE WHEN i % 5 = 0 THEN '"+big+"' ELSE CONCAT('user:', i % 2000) END",
			"CASE WHEN i % 3 = 0 OR i % 5 = 0 AND i > 500 THEN 1 END")
		var plans strings.Builder
		last := ""
		bearersql.Record(store, func(query string, args []any) {
			if strings.HasPrefix(query, "INSERT") || strings.Contains(query, "changes") {
				return // for which nothing is to be found
			}
			last = d.explain(t, db, bearersql.Query{Text: query, Args: args})
			assert.False(t, readsAll(last), "%s\n%s", query, last)
			plans.WriteString(last)
		})
		for _, q := range []issuer.SessionQuery{
			{Subject: big, LiveAt: now, Oldest: true, Limit: 1},
			{Subject: "user:7", LiveAt: now},
			{Subject: "user:7", LiveAt: now, After: issuer.Position{CreatedAt: now, ID: "se_7"}, Limit: 100},
			{Subject: big, Limit: 100},
			{Subject: big, After: issuer.Position{CreatedAt: now.Add(-time.Hour), ID: "se_7"}, Limit: 100},
			{Owner: "owner_7", LiveAt: now, Limit: 100},
			{Owner: "owner_7", LiveAt: now, After: issuer.Position{CreatedAt: now, ID: "se_7"}, Limit: 100},
			{Owner: "owner_7", Oldest: true, After: issuer.Position{CreatedAt: now.Add(-time.Hour), ID: "se_7"}, Limit: 100},
		} {
			_, err := store.ListSessions(t.Context(), q)
			require.NoError(t, err)
			if d.dialect == bearersql.MySQL && q.LiveAt.IsZero() { // by a range alone it begins at After
				assert.Contains(t, last, "type=range", "%+v", q)
			}
		}
		s := newSession(now)
		for range 2 {
			_, err := store.OpenSession(t.Context(), s, 100)
			require.NoError(t, err)
		}
		s.Subject, s.Name = big, "another"
		_, err := store.OpenSession(t.Context(), s, 100)
		require.ErrorIs(t, err, issuer.ErrExists)
		_, err = store.GetSession(t.Context(), s.ID)
		require.NoError(t, err)
		require.NoError(t, store.ReplaceSession(t.Context(), newVersion(t, store, s.ID)))
		_, err = store.Sweep(t.Context(), now.Add(-48*time.Hour), 1000)
		require.NoError(t, err)
		for _, index := range []string{"living", "owner", "subject", "expiry", "end"} {
			assert.Contains(t, plans.String(), index, "each index is used")
		}
	})
}

// newVersion returns a session as it is stored, to be refreshed.
func newVersion(t *testing.T, store *bearersql.Store, id string) issuer.Session {
	t.Helper()
	s := stored(t, store, id)
	s.ExpiresAt = s.ExpiresAt.Add(time.Minute)
	return s
}

// readsAll reports whether a plan goes through all rows of a table. One that is
// derived from a few of them has no index.
func readsAll(plan string) bool {
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "<derived") {
			continue
		}
		for _, scan := range []string{"Seq Scan", "type=ALL", "=SCAN t"} {
			if strings.Contains(line, scan) {
				return true
			}
		}
	}
	return false
}
