package bearersql_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestSweep: what ended or expired before the time goes, and no other.
func TestSweep(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	const tick = time.Microsecond
	tests := []struct {
		name           string
		expires, ended time.Time
		isGone         bool
	}{
		{"expired", now.Add(-tick), time.Time{}, true},
		{"expires then", now, time.Time{}, false},
		{"lives", now.Add(time.Hour), time.Time{}, false},
		{"ended", now.Add(time.Hour), now.Add(-tick), true},
		{"ends then", now.Add(time.Hour), now, false},
		{"expired and ends later", now.Add(-tick), now.Add(time.Hour), true},
		{"expires later and ended in 1970", now.Add(time.Hour), time.Unix(0, 0), true},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		store := newStore(t, d.open(t), bearersql.Config{})
		ids := make([]string, len(tests))
		for i, tt := range tests {
			s := newSession(now.Add(-2 * time.Hour))
			s.ExpiresAt, s.EndedAt = tt.expires, tt.ended
			put(t, store, s)
			ids[i] = s.ID
		}
		n, err := store.Sweep(t.Context(), now.Add(tick/2), 100) // between two of those that are stored
		require.NoError(t, err)
		assert.Equal(t, 4+2, n, "also those of the last microsecond")
		for i, tt := range tests {
			if tt.expires.Equal(now) || tt.ended.Equal(now) {
				continue
			}
			_, err := store.GetSession(t.Context(), ids[i])
			assert.Equal(t, tt.isGone, err != nil, tt.name)
		}
		for _, limit := range []int{0, -1} {
			n, err := store.Sweep(t.Context(), now.Add(2*time.Hour), limit)
			require.NoError(t, err)
			assert.Zero(t, n)
		}
	})
}

// TestSweepInBatches sweeps as issuer.Run does: until a call returns fewer than it
// may. It reaches all that are over, whichever table they are in.
func TestSweepInBatches(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db, prefix := d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		for range 25 {
			require.NoError(t, store.EndSessions(t.Context(), "user:none", ""))
		}
		d.fillSessions(t, db, prefix, 620, "'user:many'", "CASE WHEN i % 2 = 0 THEN 1 END")
		var swept []int
		for n := 600; n == 600; {
			var err error
			n, err = store.Sweep(t.Context(), time.Now().Add(24*time.Hour), 600)
			require.NoError(t, err)
			swept = append(swept, n)
		}
		assert.Equal(t, []int{600, 20}, swept)

		for range 25 {
			require.NoError(t, store.EndSessions(t.Context(), "user:none", ""))
		}
		swept = nil
		for n := 10; n == 10; {
			var err error
			n, err = store.Sweep(t.Context(), time.Now().Add(24*time.Hour), 10)
			require.NoError(t, err)
			swept = append(swept, n)
		}
		assert.Equal(t, []int{10, 10, 5}, swept, "changes alone, of which the newest stays")
		left := 0
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+prefix+"changes").Scan(&left))
		assert.Equal(t, 1, left)
	})
}

// TestSweepByReplicas lets four replicas sweep at once: each session is counted
// once, and there is no error.
func TestSweepByReplicas(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db, prefix := d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		d.fillSessions(t, db, prefix, 2000, "'user:many'", "CASE WHEN i % 2 = 0 THEN 1 END")
		var total atomic.Int64
		for {
			before := total.Load()
			race(4, func(int) {
				n, err := store.Sweep(t.Context(), time.Now().Add(24*time.Hour), 400)
				assert.NoError(t, err)
				total.Add(int64(n))
			})
			if total.Load() == before {
				break
			}
		}
		assert.EqualValues(t, 2000, total.Load())
		all, err := store.ListSessions(t.Context(), issuer.SessionQuery{Limit: 1})
		require.NoError(t, err)
		assert.Empty(t, all)
	})
}
