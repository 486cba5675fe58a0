package bearerredis_test

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/internal/services"
	bearerredis "github.com/blockauth/bearer/stores/redis"
)

// newCluster starts a cluster of three masters, and returns a client of it.
func newCluster(tb testing.TB, replicas int) (*services.Cluster, *redis.ClusterClient) {
	tb.Helper()
	c := services.StartRedisCluster(tb, 3, replicas)
	var addrs []string
	for _, s := range c.Masters {
		addrs = append(addrs, s.Addr())
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	tb.Cleanup(func() { client.Close() })
	return c, client
}

// newExact returns a limiter of which any failure is an error.
func newExact(tb testing.TB, client redis.UniversalClient) *bearerredis.Limiter {
	tb.Helper()
	l, err := bearerredis.NewLimiter(client, bearerredis.LimiterConfig{Timeout: patient, Outage: bearerredis.Refuse})
	require.NoError(tb, err)
	return l
}

// slotOf returns the slot of a bucket's ID.
func slotOf(tb testing.TB, c *services.Cluster, id string) int {
	tb.Helper()
	slot, err := strconv.Atoi(c.Masters[0].Do("CLUSTER", "KEYSLOT", "{"+id+"}"))
	require.NoError(tb, err)
	return slot
}

// idOf returns an ID whose buckets a master has.
func idOf(tb testing.TB, c *services.Cluster, master int) string {
	tb.Helper()
	for i := range 1000 {
		if id := "id" + strconv.Itoa(i); c.Owner(slotOf(tb, c, id)) == c.Masters[master] {
			return id
		}
	}
	tb.Fatal("no ID is in slots of the master")
	return ""
}

// left takes n tokens and returns what is left of five; -1: refused.
func left(tb testing.TB, l bearer.Limiter, b bearer.Bucket, n int) int {
	tb.Helper()
	u, err := l.Take(context.Background(), b, n, slowly(5))
	require.NoError(tb, err)
	if !u.Allowed {
		return -1
	}
	return u.Remaining
}

func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to start")
	}
	services.Goroutines(t)
	c, client := newCluster(t, 3)
	t.Run("suite", func(t *testing.T) {
		l := newExact(t, client)
		assert.NoError(t, bearertest.TestLimiter(func() bearer.Limiter { return l }))
	})
	t.Run("slots that move", func(t *testing.T) { testSlotMoves(t, c, client) })
	t.Run("policies", func(t *testing.T) { testPolicies(t, c, client) })
	t.Run("failover", func(t *testing.T) { testFailover(t, c, client) })
}

// A slot moves: while it does, and after that, no take fails, and nothing
// that was taken is forgotten.
func testSlotMoves(t *testing.T, c *services.Cluster, client redis.UniversalClient) {
	t.Helper()
	l := newExact(t, client)
	id := idOf(t, c, 0)
	old, young := bucketOf(id), bearer.Bucket{Policy: "young", Class: "key", ID: id}
	assert.Equal(t, 4, left(t, l, old, 1))

	c.BeginMove(slotOf(t, c, id), c.Masters[1])
	assert.Equal(t, 3, left(t, l, old, 1))
	assert.Equal(t, 4, left(t, l, young, 1)) // ASK: the old master has no such key
	assert.Equal(t, 3, left(t, l, young, 1))

	c.EndMove(slotOf(t, c, id), c.Masters[1])
	assert.Equal(t, 2, left(t, l, old, 1)) // MOVED
	assert.Equal(t, 2, left(t, l, young, 1))
	assert.Equal(t, -1, left(t, l, old, 3))

	c.MoveSlot(slotOf(t, c, id), c.Masters[2])
	usages, err := l.TakeAll(t.Context(), []bearer.Take{{Bucket: old, N: 2, Limit: slowly(5)}, {Bucket: young, N: 1, Limit: slowly(5)}})
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1}, []int{usages[0].Remaining, usages[1].Remaining})
	assert.Equal(t, bearerredis.Up, l.State())
}

// Policies whose buckets are on three servers: as many requests are
// admitted as the scarcest allows, and what was refused took nothing.
func testPolicies(t *testing.T, c *services.Cluster, client redis.UniversalClient) {
	t.Helper()
	l := newExact(t, client)
	var policies []bearer.Policy
	bursts := []int{90, 40, 70}
	for i, burst := range bursts {
		id := idOf(t, c, i)
		policies = append(policies, bearer.Policy{
			Name: "p" + strconv.Itoa(i), Limit: limitOf(burst), Bucket: func(*http.Request, *bearer.Principal) string { return id },
		})
	}
	h, secret := newGuarded(t, l, policies...)
	var codes [600]atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 15 {
				codes[statusOf(h, secret)].Add(1)
			}
		})
	}
	group.Wait()
	for codes[http.StatusOK].Load() < 40 { // contention may have refused one too many
		require.Equal(t, http.StatusOK, statusOf(h, secret))
		codes[http.StatusOK].Add(1)
	}
	assert.Equal(t, http.StatusTooManyRequests, statusOf(h, secret))
	assert.EqualValues(t, 40, codes[http.StatusOK].Load())
	for i, burst := range bursts {
		u, err := l.Take(t.Context(), bearer.Bucket{Policy: "p" + strconv.Itoa(i), Class: "policy", ID: idOf(t, c, i)}, 0, slowly(burst))
		require.NoError(t, err)
		assert.Equal(t, burst-40, u.Remaining)
	}
}

// A master dies: until its replica takes over, its buckets are in memory.
// Then the limiter has the cluster again, with what was taken before.
func testFailover(t *testing.T, c *services.Cluster, client redis.UniversalClient) {
	t.Helper()
	r := newReplica(t, client, bearerredis.Local)
	r.has(t, "before")
	id := idOf(t, c, 1)
	b := bucketOf(id)
	u, err := r.Take(t.Context(), b, 30, slowly(40))
	require.NoError(t, err)
	require.True(t, u.Allowed)
	require.Eventually(t, func() bool { // the replica has it
		return strings.Contains(c.Masters[1].Do("INFO", "replication"), "state=online") && c.Masters[1].Do("WAIT", "1", "1000") == "1"
	}, waiting, 10*time.Millisecond)

	c.Masters[1].Kill()
	allowed := 0
	for range 60 {
		begin := time.Now()
		u, err := r.Take(context.Background(), b, 1, slowly(40))
		require.NoError(t, err)
		if u.Allowed {
			allowed++
		}
		assert.Less(t, time.Since(begin), late)
		assert.NotEqual(t, http.StatusUnauthorized, r.status())
		if allowed == share && !u.Allowed {
			break
		}
	}
	assert.LessOrEqual(t, allowed, share+10) // of the replica, if it was fast
	c.FailOver(1)
	r.has(t, id+".")
	r.has(t, "after")
	require.Eventually(t, func() bool {
		u, err := r.Take(context.Background(), b, 0, slowly(40))
		return err == nil && r.State() == bearerredis.Up && u.Remaining <= 10
	}, waiting, 10*time.Millisecond)
	require.Eventually(t, func() bool { // to the end, by Redis: one that is down is asked now and then
		u, err := r.Take(context.Background(), b, 1, slowly(40))
		return err == nil && r.State() == bearerredis.Up && !u.Allowed
	}, waiting, 10*time.Millisecond)
	turns := regexp.MustCompile("^(down, up(, |$))*$") // several, where two of the three masters answered meanwhile
	assert.Eventually(t, func() bool { return turns.MatchString(r.states.all()) }, waiting, time.Millisecond)
}
