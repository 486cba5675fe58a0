package bearersql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// What a standby answers is not taken for the truth: a feed is blind there, look-ups
// fail, and New and Migrate refuse it.
func TestStandby(t *testing.T) {
	tests := []struct {
		name, driver string
		start        func(tb testing.TB, args ...string) *services.Server
		demote       string // the server is a standby after this, and a restart
		isRestarted  bool
	}{
		{
			"postgres", "pgx", services.StartPostgres,
			"COPY (SELECT 1) TO PROGRAM 'cat > standby.signal'", true,
		},
		{
			"mysql", "mysql", services.StartMariaDB,
			"SET GLOBAL read_only = 1", false,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := test.start(t)
			db := database{driver: test.driver, dsn: server.URL()}.open(t)
			config := quick()
			require.NoError(t, bearersql.Migrate(t.Context(), db, config))
			store, err := bearersql.New(t.Context(), db, config)
			require.NoError(t, err)
			cache, _ := follow(t, store)
			key, session := newKey(), newSession(time.Now())
			client := issuer.Client{ID: "c", Owner: "o", Version: 1}
			require.NoError(t, store.CreateKey(t.Context(), key))
			require.NoError(t, store.CreateClient(t.Context(), client))
			put(t, store, session)
			require.NoError(t, store.CreateUser(t.Context(), issuer.PasswordUser{ID: "u", Email: "e@x", Version: 1}))

			_, err = db.ExecContext(t.Context(), test.demote)
			require.NoError(t, err)
			if test.isRestarted {
				server.Restart()
			}
			await(t, func() bool {
				state := store.State()
				return state.Mode == bearersql.Blind && cache.isSuspended() &&
					strings.Contains(state.Err.Error(), "the server is a standby")
			}, "the feed is blind, and says why")

			hash := key.Secrets[0].Hash
			for name, ask := range map[string]func() error{
				"FindKey":     func() error { _, err := store.KeyStore().FindKey(t.Context(), hash); return err },
				"KeyByHash":   func() error { _, err := store.KeyByHash(t.Context(), hash); return err },
				"GetSession":  func() error { _, err := store.GetSession(t.Context(), session.ID); return err },
				"FindClient":  func() error { _, err := store.FindClient(t.Context(), client.ID); return err },
				"UserByEmail": func() error { _, err := store.UserByEmail(t.Context(), "e@x"); return err },
				"ListKeys": func() error {
					_, err := store.ListKeys(t.Context(), issuer.KeyQuery{Owner: key.Owner})
					return err
				},
				"OpenSession": func() error {
					_, err := store.OpenSession(t.Context(), like(session), long)
					return err
				},
			} {
				require.ErrorContains(t, ask(), "the server is a standby", name)
			}

			const want = "bearersql: check the connection: the server is a standby, or only reads: a store needs the primary"
			_, err = bearersql.New(t.Context(), db, config)
			require.EqualError(t, err, want)
			require.EqualError(t, bearersql.Migrate(t.Context(), db, config), want)
		})
	}
}
