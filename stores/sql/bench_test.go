package bearersql_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// BenchmarkFindKey looks up keys among 10 000: as a guard of KeyStore does, and as
// an issuer does.
//
//	go test -run - -bench FindKey -benchtime 3s
func BenchmarkFindKey(b *testing.B) {
	const many, connections = 10_000, 32
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
		b.Run(dialect.String(), func(b *testing.B) {
			d, prefix := databaseOf(b, dialect), newPrefix()
			db := d.open(b)
			db.SetMaxOpenConns(connections)
			db.SetMaxIdleConns(connections)
			store := newStore(b, db, bearersql.Config{Prefix: prefix})
			fillKeys(b, db, store, d, prefix, many)
			guard := store.KeyStore()
			benchmarkLookUp(b, "guard", connections, func() (*bearer.Key, error) {
				return guard.FindKey(b.Context(), numbered(rand.IntN(many)))
			})
			benchmarkLookUp(b, "issuer", connections, func() (issuer.APIKey, error) {
				return store.KeyByHash(b.Context(), numbered(rand.IntN(many)))
			})
		})
	}
}

// benchmarkLookUp makes look-ups one after the other, and by some goroutines.
func benchmarkLookUp[K any](b *testing.B, name string, goroutines int, find func() (K, error)) {
	b.Helper()
	b.Run(name+"/serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := find()
			require.NoError(b, err)
		}
	})
	b.Run(name+"/parallel", func(b *testing.B) {
		b.ReportAllocs()
		var failed atomic.Pointer[error]
		b.SetParallelism(goroutines / 2) // for each of two processors
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := find(); err != nil {
					failed.Store(&err)
				}
			}
		})
		require.Nil(b, failed.Load())
	})
}
