package bearersql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
	"github.com/blockauth/bearer/stores/sql/pgxlisten"
)

// A guarding is one replica of a service, with a store, an issuer and a guard of its
// own.
type guarding struct {
	store *bearersql.Store
	iss   *issuer.Issuer
	guard *bearer.Guard
}

// startGuarding starts a replica over tables that are there. It runs until the test
// ends.
func startGuarding(tb testing.TB, db *sql.DB, config bearersql.Config) *guarding {
	tb.Helper()
	store, err := bearersql.New(tb.Context(), db, config)
	require.NoError(tb, err)
	iss, err := issuer.New(issuer.Config{Store: store, CacheTTL: time.Hour})
	require.NoError(tb, err)
	guarded := iss.KeyConfig()
	guarded.FailureLimit = bearer.Unlimited
	guard, err := bearer.New(guarded)
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- iss.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		assert.NoError(tb, <-ended)
	})
	await(tb, func() bool { return store.State().Mode != bearersql.Blind }, "the replica follows")
	return &guarding{store: store, iss: iss, guard: guard}
}

// check returns what the guard says of a key: nil, or why it is refused.
func (r *guarding) check(text string) error { return r.checkWithin(patience, text) }

func (r *guarding) checkWithin(d time.Duration, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+text)
	_, err := r.guard.Check(request)
	return err
}

// isRefused reports whether an error says that the key is not good, and not that
// the database is out of order.
func isRefused(err error) bool {
	var e *bearer.Error
	return errors.As(err, &e) && e.StatusCode() == http.StatusUnauthorized
}

// create makes a key.
func (r *guarding) create(tb testing.TB) (text string, key issuer.APIKey) {
	tb.Helper()
	text, key, err := r.iss.CreateKey(tb.Context(), issuer.Operator("owner"),
		issuer.APIKey{Name: "a key", Kind: bearer.SecretKey, Limit: bearer.Unlimited})
	require.NoError(tb, err)
	return text, key
}

// revoke revokes a key, and returns when that was acknowledged.
func (r *guarding) revoke(tb testing.TB, key issuer.APIKey) time.Time {
	tb.Helper()
	_, err := r.iss.RevokeKey(tb.Context(), issuer.Operator("owner"), key.ID, "")
	require.NoError(tb, err)
	return time.Now()
}

// awaitRefusal waits until a key that is remembered as good is no longer accepted,
// and returns when it last was.
func (r *guarding) awaitRefusal(tb testing.TB, text string) (accepted time.Time) {
	tb.Helper()
	accepted = time.Now()
	end := accepted.Add(patience)
	for r.checkWithin(time.Second, text) == nil {
		accepted = time.Now()
		require.True(tb, accepted.Before(end), "the key stays good")
		time.Sleep(200 * time.Microsecond)
	}
	return accepted
}

// A key that is revoked at one replica is refused at the other, which remembers it,
// and no other key is.
func TestReplicas(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := quick()
		config.Bound = patience
		newStore(t, db, config)
		here, there := startGuarding(t, db, config), startGuarding(t, d.open(t), config)
		good, _ := here.create(t)
		stop := make(chan struct{})
		var steady sync.WaitGroup
		steady.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					if !assert.NoError(t, there.check(good), "a good key") {
						return
					}
				}
			}
		})
		for range 20 {
			text, key := here.create(t)
			require.NoError(t, there.check(text))
			here.revoke(t, key)
			there.awaitRefusal(t, text)
			assert.True(t, isRefused(there.check(text)))
			assert.True(t, isRefused(here.check(text)))
		}
		close(stop)
		steady.Wait()
	})
}

// A look-up that reads a key before it is revoked, and answers after that was told,
// is not remembered.
func TestReplicaLooksUpAcrossCommit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		db := d.open(t)
		config := quick()
		config.Bound = patience
		newStore(t, db, config)
		here := startGuarding(t, db, config)
		store, err := bearersql.New(t.Context(), d.open(t), config)
		require.NoError(t, err)
		keys := &slowKeys{KeyStore: store.KeyStore(), found: make(chan struct{}), answer: make(chan struct{})}
		cache := tellingCache{bearer.CachedStore(keys, bearer.CacheConfig{TTL: time.Hour}), make(chan issuer.Change, 100)}
		tell(t, store, issuer.Change{Client: "before"}) // at the first of all, all is forgotten
		watch(t, store, cache)
		await(t, func() bool { return store.State().Mode == bearersql.Polling }, "it follows")
		for range 5 {
			_, key := here.create(t)
			hash := key.Secrets[0].Hash
			keys.slow.Store(true)
			answered := make(chan *bearer.Key)
			go func() {
				found, err := cache.FindKey(context.Background(), hash)
				assert.NoError(t, err)
				answered <- found
			}()
			<-keys.found // it was read as good
			keys.slow.Store(false)
			here.revoke(t, key)
			for (<-cache.told).Key != hash { //nolint:revive // others may be told before
			}
			keys.answer <- struct{}{}
			assert.Zero(t, (<-answered).RevokedAt, "the look-up began before")
			found, err := cache.FindKey(t.Context(), hash)
			require.NoError(t, err)
			assert.NotZero(t, found.RevokedAt, "the next look-up asks again")
		}
	})
}

// slowKeys wait, if they are to, between what they read and their answer.
type slowKeys struct {
	bearer.KeyStore
	slow          atomic.Bool
	found, answer chan struct{}
}

func (s *slowKeys) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := s.KeyStore.FindKey(ctx, hash)
	if s.slow.Load() {
		s.found <- struct{}{}
		<-s.answer
	}
	return key, err
}

// A tellingCache is a cache of keys that tells what it forgot.
type tellingCache struct {
	*bearer.KeyCache
	told chan issuer.Change
}

func (c tellingCache) Forget(change issuer.Change) {
	c.KeyCache.Forget(change.Key)
	c.told <- change
}

// BenchmarkRevocation measures how long after the acknowledged revocation of a key
// at one replica another one, which remembers the key, still accepts it.
func BenchmarkRevocation(b *testing.B) {
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL, bearersql.SQLite} {
		b.Run("poll/"+dialect.String(), func(b *testing.B) {
			d := databaseOf(b, dialect)
			benchmarkRevocation(b, d, d, bearersql.Config{}, func() {}, func() {})
		})
	}
	b.Run("listen/postgres", func(b *testing.B) {
		d := databaseOf(b, bearersql.PostgreSQL)
		benchmarkRevocation(b, d, d, bearersql.Config{Listen: pgxlisten.Listen(d.dsn)}, func() {}, func() {})
	})
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL} {
		b.Run("cutoff/"+dialect.String(), func(b *testing.B) {
			d := databaseOf(b, dialect)
			proxy := services.NewProxy(b, addressOf(b, d))
			through := d
			through.dsn = proxy.Through(d.dsn)
			benchmarkRevocation(b, d, through, bearersql.Config{Poll: 100 * time.Millisecond, Bound: time.Second},
				func() { proxy.BlackHole(true) }, func() { proxy.BlackHole(false) })
		})
	}
}

// benchmarkRevocation measures from one way to the database to another, which is
// cut before each revocation and healed after.
func benchmarkRevocation(b *testing.B, d, other database, config bearersql.Config, cut, heal func()) {
	b.Helper()
	db := d.open(b)
	config.Prefix = newPrefix()
	newStore(b, db, config)
	here, there := startGuarding(b, db, config), startGuarding(b, other.open(b), config)
	if config.Listen != nil {
		awaitMode(b, there.store, bearersql.Live)
	}
	var took []time.Duration
	for b.Loop() {
		text, key := here.create(b)
		await(b, func() bool { return there.store.State().Mode != bearersql.Blind && there.check(text) == nil }, "it is good")
		time.Sleep(rand.N(500 * time.Millisecond)) // at any time between two polls
		cut()
		acknowledged := here.revoke(b, key)
		took = append(took, max(0, there.awaitRefusal(b, text).Sub(acknowledged)))
		heal()
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	for _, percent := range []int{50, 99, 100} {
		b.ReportMetric(float64(took[(len(took)-1)*percent/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", percent))
	}
}
