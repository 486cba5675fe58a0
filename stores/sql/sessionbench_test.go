package bearersql_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	bearersql "github.com/blockauth/bearer/stores/sql"
)

// BenchmarkSessions measures the calls of a login, of a guard and of a refresh, one
// after another.
func BenchmarkSessions(b *testing.B) {
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
		db := databaseOf(b, dialect).open(b)
		store := newStore(b, db, bearersql.Config{})
		s := newSession(time.Now())
		_, err := store.OpenSession(b.Context(), s, long)
		require.NoError(b, err)
		for _, call := range []struct {
			name string
			call func() error
		}{
			{"OpenSession, found", func() error {
				_, err := store.OpenSession(b.Context(), like(s), long)
				return err
			}},
			{"OpenSession, new", func() error {
				_, err := store.OpenSession(b.Context(), newSession(s.CreatedAt), long)
				return err
			}},
			{"GetSession", func() error {
				_, err := store.GetSession(b.Context(), s.ID)
				return err
			}},
			{"ReplaceSession", func() error {
				s.ExpiresAt = s.ExpiresAt.Add(time.Second)
				err := store.ReplaceSession(b.Context(), s)
				s.Version++
				return err
			}},
		} {
			b.Run(dialect.String()+"/"+call.name, func(b *testing.B) {
				for b.Loop() {
					require.NoError(b, call.call())
				}
			})
		}
	}
}
