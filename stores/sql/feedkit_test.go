package bearersql_test

import (
	"context"
	"crypto/sha256"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// patience is how long a test waits for what takes milliseconds on a machine that
// has nothing else to do.
const patience = 30 * time.Second

// quick is a config of which tests need not wait long.
func quick() bearersql.Config {
	return bearersql.Config{Prefix: newPrefix(), Poll: 50 * time.Millisecond, Bound: 500 * time.Millisecond}
}

// A feedCache notes what it is told.
type feedCache struct {
	mu        sync.Mutex
	told      map[issuer.Change]int
	order     []issuer.Change
	forgotAll int
	resumed   int
	suspended time.Time // zero: it is not
}

func newFeedCache() *feedCache { return &feedCache{told: map[issuer.Change]int{}} }

func (c *feedCache) Forget(change issuer.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[change]++
	c.order = append(c.order, change)
}

func (c *feedCache) ForgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotAll++
}

func (c *feedCache) Suspend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.suspended.IsZero() {
		c.suspended = time.Now()
	}
}

func (c *feedCache) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended = time.Time{}
	c.resumed++
}

// isSuspended reports whether it remembers nothing.
func (c *feedCache) isSuspended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.suspended.IsZero()
}

// isFed reports whether it was resumed, and is not suspended again.
func (c *feedCache) isFed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resumed > 0 && c.suspended.IsZero()
}

// losses returns how often all was forgotten.
func (c *feedCache) losses() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgotAll
}

// resumes returns how often it was resumed.
func (c *feedCache) resumes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resumed
}

// inOrder returns what was told, in order.
func (c *feedCache) inOrder() []issuer.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]issuer.Change(nil), c.order...)
}

// missing returns how many of the changes were not told.
func (c *feedCache) missing(changes []issuer.Change) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes {
		if c.told[change] == 0 {
			n++
		}
	}
	return n
}

// awaitTold waits until the changes were told.
func (c *feedCache) awaitTold(tb testing.TB, changes ...issuer.Change) {
	tb.Helper()
	await(tb, func() bool { return c.missing(changes) == 0 }, "the changes are told")
}

// await waits until a condition holds.
func await(tb testing.TB, condition func() bool, what string) {
	tb.Helper()
	require.Eventually(tb, condition, patience, 2*time.Millisecond, what)
}

// awaitMode waits until the store is in a mode.
func awaitMode(tb testing.TB, store *bearersql.Store, mode bearersql.FeedMode) {
	tb.Helper()
	end := time.Now().Add(patience)
	for store.State().Mode != mode {
		require.True(tb, time.Now().Before(end), "want %s, got %+v", mode, store.State())
		time.Sleep(2 * time.Millisecond)
	}
}

// watch follows the changes of a store until the test ends, or stop is called.
func watch(tb testing.TB, store *bearersql.Store, cache issuer.Cache) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Watch(ctx, cache) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			assert.NoError(tb, err)
		case <-time.After(patience):
			assert.Fail(tb, "Watch goes on after its context ended")
		}
	})
	tb.Cleanup(stop)
	return stop
}

// follow is watch with a cache that notes, once the feed sees. There has been a
// change before: without one, all would be forgotten at the first.
func follow(tb testing.TB, store *bearersql.Store) (cache *feedCache, stop func()) {
	tb.Helper()
	tell(tb, store, issuer.Change{Client: "before"})
	cache = newFeedCache()
	stop = watch(tb, store, cache)
	await(tb, func() bool { return store.State().Mode != bearersql.Blind && cache.isFed() }, "the feed sees")
	return cache, stop
}

// tell tells of changes in one transaction.
func tell(tb testing.TB, store *bearersql.Store, changes ...issuer.Change) {
	tb.Helper()
	require.NoError(tb, store.Tell(tb.Context(), func() {}, changes...))
}

// keyChange returns the change of a key by number.
func keyChange(n int) issuer.Change {
	return issuer.Change{Key: bearer.KeyHash(sha256.Sum256([]byte(strconv.Itoa(n))))}
}

// keyChanges returns those from first to the one before end.
func keyChanges(first, end int) (changes []issuer.Change) {
	for n := first; n < end; n++ {
		changes = append(changes, keyChange(n))
	}
	return changes
}
