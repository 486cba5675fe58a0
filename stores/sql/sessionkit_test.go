package bearersql_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// newSession returns a session of a subject that has no other.
func newSession(now time.Time) issuer.Session {
	return issuer.Session{
		ID: "se_" + rand.Text(), Subject: "user:" + rand.Text(), Name: rand.Text(), Owner: "acme", CreatedBy: "alice",
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}
}

// like returns a new session with the subject and the name of another one.
func like(s issuer.Session) issuer.Session {
	s.ID = "se_" + rand.Text()
	return s
}

// put stores a session.
func put(t *testing.T, store *bearersql.Store, s issuer.Session) {
	t.Helper()
	opened, err := store.OpenSession(t.Context(), s, long)
	require.NoError(t, err)
	require.Equal(t, s.ID, opened.ID)
}

// stored returns a session that is stored.
func stored(t *testing.T, store *bearersql.Store, id string) issuer.Session {
	t.Helper()
	s, err := store.GetSession(t.Context(), id)
	require.NoError(t, err)
	return s
}

// fillSessions stores up to 100 000 sessions by one statement. The expressions, of
// the number i, are their subjects and when they ended. They began a minute ago
// and in the hours before, ten in a second, and expire after an hour.
func (d database) fillSessions(tb testing.TB, db *sql.DB, prefix string, many int, subject, ended string) {
	tb.Helper()
	hash := map[bearersql.Dialect]string{
		bearersql.PostgreSQL: "decode(repeat('00', 32), 'hex')", bearersql.MySQL: "REPEAT('0', 32)",
		bearersql.SQLite: "zeroblob(32)",
	}[d.dialect]
	empty := map[bearersql.Dialect]string{bearersql.PostgreSQL: "''::bytea", bearersql.MySQL: "''", bearersql.SQLite: "x''"}
	const digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4" +
		" UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	query := strings.NewReplacer("{hash}", hash, "{empty}", empty[d.dialect], "{digits}", digits, "{table}", prefix+"sessions",
		"{subject}", subject, "{ended}", ended, "{many}", fmt.Sprint(many),
		"{began}", fmt.Sprintf("%d - i / 10 * 1000000", time.Now().Add(-time.Minute).UnixMicro()),
	).Replace(`INSERT INTO {table} (id, subject, name, live, label, owner, created_by, environment, created_at, expires_at,
		refreshed_at, ended_at, reason, secret_hash, user_version, key_id, payload, refresh_family, refresh_step,
		refresh_expires_at, refresh_ends_at, refresh_spent, refresh_spent_at, refresh_successor, version)
		SELECT CONCAT('se_', i), {subject}, CONCAT('se_', i), CASE WHEN ({ended}) IS NULL THEN 1 END, '',
		CONCAT('owner_', i % 20), 'alice', 1, {began}, {began} + 3600000000, NULL, {ended}, '', {hash}, '', '', {empty},
		{hash}, {hash}, NULL, {began}, {hash}, NULL, {empty}, 1
		FROM (SELECT CAST(a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS {integer}) AS i
			FROM {digits} a, {digits} b, {digits} c, {digits} e, {digits} f) AS numbers WHERE i < {many}`)
	integer := map[bearersql.Dialect]string{
		bearersql.PostgreSQL: "BIGINT", bearersql.MySQL: "SIGNED", bearersql.SQLite: "INTEGER",
	}[d.dialect]
	query = strings.ReplaceAll(query, "{integer}", integer)
	if d.dialect == bearersql.MySQL {
		query = strings.ReplaceAll(query, "i / 10", "i DIV 10")
	}
	_, err := db.ExecContext(tb.Context(), query)
	require.NoError(tb, err)
	if d.dialect == bearersql.PostgreSQL {
		_, err = db.ExecContext(tb.Context(), "VACUUM ANALYZE "+prefix+"sessions")
		require.NoError(tb, err)
		return
	}
	_, err = db.ExecContext(tb.Context(), map[bearersql.Dialect]string{
		bearersql.MySQL: "ANALYZE TABLE ", bearersql.SQLite: "ANALYZE ",
	}[d.dialect]+prefix+"sessions")
	require.NoError(tb, err)
}
