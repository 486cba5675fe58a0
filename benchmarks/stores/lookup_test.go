package stores_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
)

// A lookup finds a key by its hash.
type lookup func(ctx context.Context, hash bearer.KeyHash) error

// A lookupPeer is a way to find a key in a database.
type lookupPeer struct {
	name string
	open func(tb testing.TB, k databaseKind, d *database) lookup
}

var lookupPeers = []lookupPeer{
	{"select", openSelect},
	{"findkey", func(_ testing.TB, _ databaseKind, d *database) lookup {
		keys := d.store.KeyStore()
		return func(ctx context.Context, hash bearer.KeyHash) error {
			key, err := keys.FindKey(ctx, hash)
			if err == nil && key.Hash != hash {
				return errWrongKey
			}
			return err
		}
	}},
	{"keybyhash", func(_ testing.TB, _ databaseKind, d *database) lookup {
		return func(ctx context.Context, hash bearer.KeyHash) error {
			key, err := d.store.KeyByHash(ctx, hash)
			if err == nil && key.Secrets[0].Hash != hash {
				return errWrongKey
			}
			return err
		}
	}},
}

var errWrongKey = fmt.Errorf("another key")

// openSelect is the floor: the same columns by hand, prepared, none of them
// parsed.
func openSelect(tb testing.TB, k databaseKind, d *database) lookup {
	tb.Helper()
	statement, err := d.db.PrepareContext(tb.Context(), d.text(strings.ReplaceAll(`SELECT k.id, k.owner, k.kind, k.environment,
		k.scopes, k.allowed_ips, k.allowed_origins, k.limit_rate, k.limit_burst, k.metadata, k.disabled, k.expires_at,
		k.revoked_at, k.secrets, s.hash FROM {}secrets s JOIN {}keys k ON k.id = s.key_id WHERE s.hash = ?`, "?", k.placeholder)))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = statement.Close() })
	return func(ctx context.Context, hash bearer.KeyHash) error {
		var id, owner, scopes, ips, origins, metadata, secrets string
		var kind, environment, burst, disabled int64
		var rate float64
		var expires, revoked sql.Null[int64]
		var found bearer.KeyHash
		err := statement.QueryRowContext(ctx, hash[:]).Scan(&id, &owner, &kind, &environment, &scopes, &ips, &origins,
			&rate, &burst, &metadata, &disabled, &expires, &revoked, &secrets, &found)
		if err == nil && found != hash {
			return errWrongKey
		}
		return err
	}
}

// BenchmarkLookup finds one key of a million after another.
func BenchmarkLookup(b *testing.B) {
	for _, k := range databaseKinds {
		for _, callers := range []int{1, connections} {
			for _, peer := range lookupPeers {
				b.Run(fmt.Sprintf("%s/callers=%d/peer=%s", k.dialect, callers, peer.name), func(b *testing.B) {
					d := k.open(b)
					benchLookup(b, peer.open(b, k, d), d.hashes, callers)
				})
			}
		}
	}
}

func benchLookup(b *testing.B, find lookup, hashes []bearer.KeyHash, callers int) {
	b.Helper()
	var next atomic.Int64
	turn := func() {
		ctx, cancel := context.WithCancel(context.Background()) // as that of a request
		defer cancel()
		if err := find(ctx, hashes[int(next.Add(1))%len(hashes)]); err != nil {
			b.Error(err)
		}
	}
	share(2*callers, callers, turn) // opens the connections
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	share(b.N, callers, turn)
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// Each way finds the key, and none finds one that is not there.
func TestLookupPeersDoTheWork(t *testing.T) {
	t.Setenv("BEARER_ROWS", "100")
	for _, k := range databaseKinds {
		t.Run(k.dialect.String(), func(t *testing.T) {
			d := k.open(t)
			for _, peer := range lookupPeers {
				find := peer.open(t, k, d)
				for _, hash := range d.hashes {
					require.NoError(t, find(t.Context(), hash), peer.name)
				}
				assert.Error(t, find(t.Context(), bearer.KeyHash{1}), peer.name)
			}
		})
	}
}

// BenchmarkHerd is a few keys that 5000 goroutines look up again and again behind
// a cache, and how often that asks the database in a TTL. It is measured with
// -benchtime 1x.
func BenchmarkHerd(b *testing.B) {
	for _, k := range databaseKinds {
		b.Run(k.dialect.String(), func(b *testing.B) {
			d := k.open(b)
			got := herd(b, d.store.KeyStore(), d.hashes[:min(len(d.hashes), 10)], time.Second, 3)
			b.ReportMetric(float64(got.most), "most-calls/key/TTL")
			b.ReportMetric(float64(got.answers), "answers")
			b.ReportMetric(0, "ns/op")
		})
	}
}
