package bearersql_test

import (
	"context"
	"database/sql"
	"net/url"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/internal/services"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
	"github.com/blockauth/bearer/stores/sql/pgxlisten"
)

// listening returns a config of which the mode does not depend on how busy the
// machine is, with a listener whose connection has the prefix as its name.
func listening(d database) bearersql.Config {
	prefix := newPrefix()
	return bearersql.Config{
		Prefix: prefix, Poll: time.Second, Bound: patience,
		Listen: pgxlisten.Listen(d.with("application_name=" + prefix)),
	}
}

// With a listener that was tested, changes are told at once, and not each Poll.
func TestFeedLive(t *testing.T) {
	services.Goroutines(t)
	d := databaseOf(t, bearersql.PostgreSQL)
	config := listening(d)
	config.Poll, config.Bound = time.Hour, 4*time.Hour
	db := d.open(t)
	store := newStore(t, db, config)
	cache, stop := follow(t, store)
	awaitMode(t, store, bearersql.Live)
	require.NoError(t, store.State().Err)
	for n := range 20 {
		tell(t, store, keyChange(n))
		cache.awaitTold(t, keyChange(n))
	}
	assert.Zero(t, cache.losses())
	stop()
	assert.Equal(t, bearersql.Blind, store.State().Mode)
	assert.Zero(t, db.Stats().InUse)
	await(t, func() bool { return listeners(t, db, config.Prefix) == 0 }, "no connection is left")
}

// listeners returns how many connections listen to the changes of a prefix.
func listeners(tb testing.TB, db *sql.DB, prefix string) (n int) {
	tb.Helper()
	err := db.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = $1`, prefix).Scan(&n)
	require.NoError(tb, err)
	return n
}

// A listener whose connection is ended is seen at once, and listens again soon;
// nothing is lost meanwhile.
func TestFeedListenerKilled(t *testing.T) {
	services.Goroutines(t)
	d := databaseOf(t, bearersql.PostgreSQL)
	db := d.open(t)
	config := listening(d)
	config.Poll = 50 * time.Millisecond
	store := newStore(t, db, config)
	cache, _ := follow(t, store)
	awaitMode(t, store, bearersql.Live)
	for n := range 3 {
		_, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
			config.Prefix)
		require.NoError(t, err)
		tell(t, store, keyChange(n))
		awaitMode(t, store, bearersql.Polling)
		require.ErrorContains(t, store.State().Err, "bearersql: listen: pgxlisten: the connection was lost: ")
		cache.awaitTold(t, keyChange(n))
		awaitMode(t, store, bearersql.Live)
	}
	assert.Zero(t, cache.losses())
	assert.Equal(t, 1, cache.resumes())
}

// A listener that hears nothing, although it says that it listens, is not Live: the
// feed polls.
func TestFeedDeaf(t *testing.T) {
	services.Goroutines(t)
	bell := &bell{}
	config := quick()
	config.Bound, config.Listen = patience, bell
	store := newStore(t, databaseOf(t, bearersql.PostgreSQL).open(t), config)
	cache, _ := follow(t, store)
	await(t, func() bool { return store.State().Err != nil }, "it is found out")
	require.ErrorContains(t, store.State().Err, "bearersql: listen: a test was not heard: is PgBouncer")
	assert.Equal(t, bearersql.Polling, store.State().Mode)
	tell(t, store, keyChange(1))
	cache.awaitTold(t, keyChange(1))
	await(t, func() bool { return bell.count() > 1 }, "it is tried again")
}

// With all connections ended, again and again, and with a server that is
// restarted, killed or paused: what was acknowledged is told or all is forgotten,
// and the feed recovers without help.
func TestFeedServerFails(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	services.Goroutines(t)
	server := services.StartPostgres(t)
	db, err := sql.Open("pgx", server.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	config := quick()
	config.Listen = pgxlisten.Listen(server.URL())
	store := newStore(t, db, config)
	cache, stop := follow(t, store)
	awaitMode(t, store, bearersql.Live)
	for i, fail := range []struct {
		name  string
		fails func()
		blind bool
		heals func()
	}{
		{"all backends ended", func() {
			_, _ = db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
		}, false, func() {}},
		{"restarted", server.Restart, false, func() {}},
		{"stopped", server.Stop, true, server.Start},
		{"crashed", server.Kill, true, server.Start},
		{"paused", server.Pause, true, server.Continue},
	} {
		before := cache.losses()
		acknowledged := tellUntil(t, store, 1000*i, fail.fails)
		if fail.blind {
			awaitMode(t, store, bearersql.Blind)
			require.Error(t, store.State().Err, fail.name)
			assert.True(t, cache.isSuspended(), fail.name)
		}
		fail.heals()
		await(t, func() bool { return store.Tell(t.Context(), func() {}, keyChange(1000*i+999)) == nil }, fail.name)
		awaitMode(t, store, bearersql.Live)
		if cache.losses() == before {
			cache.awaitTold(t, acknowledged...)
		}
		cache.awaitTold(t, keyChange(1000*i+999))
		assert.False(t, cache.isSuspended(), fail.name)
	}
	stop()
	assert.Zero(t, db.Stats().InUse)
}

// tellUntil tells of changes by number, from first on, while the database fails,
// and returns those that were acknowledged.
func tellUntil(tb testing.TB, store *bearersql.Store, first int, fail func()) (acknowledged []issuer.Change) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	told := make(chan []issuer.Change)
	go func() {
		var acknowledged []issuer.Change
		for n := first; n < first+900 && ctx.Err() == nil; n++ {
			if store.Tell(ctx, func() {}, keyChange(n)) == nil {
				acknowledged = append(acknowledged, keyChange(n))
			}
			time.Sleep(time.Millisecond)
		}
		told <- acknowledged
	}()
	fail()
	cancel()
	return <-told
}

// Behind a network with faults, the feed keeps its bound, says what it is, and
// recovers.
func TestFeedNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	for _, dialect := range []bearersql.Dialect{bearersql.PostgreSQL, bearersql.MySQL} {
		t.Run(dialect.String(), func(t *testing.T) {
			services.Goroutines(t)
			d := databaseOf(t, dialect)
			direct := d.open(t)
			store, proxy := proxied(t, d, direct)
			writer := bearersql.Sibling(store, direct)
			live := bearersql.Polling
			if dialect == bearersql.PostgreSQL {
				live = bearersql.Live
			}
			cache, _ := follow(t, store)
			awaitMode(t, store, live)
			for i, fault := range []struct {
				name  string
				set   func(on bool)
				blind bool
			}{
				{"5 s delay", func(on bool) {
					proxy.Delay(map[bool]time.Duration{true: 5 * time.Second}[on])
				}, true},
				{"black hole", proxy.BlackHole, true},
				{"reset", func(bool) { proxy.Reset() }, false},
				{"refused", func(on bool) {
					proxy.Refuse(on)
					proxy.Reset()
				}, true},
			} {
				fault.set(true)
				began := time.Now()
				tell(t, writer, keyChange(i))
				if fault.blind {
					awaitMode(t, store, bearersql.Blind)
					assert.True(t, cache.isSuspended(), fault.name)
					assert.Less(t, cache.suspended.Sub(began), 10*time.Second, "not after the delay, nor after a timeout of TCP")
				}
				fault.set(false)
				cache.awaitTold(t, keyChange(i))
				awaitMode(t, store, live)
				assert.False(t, cache.isSuspended(), fault.name)
			}
			proxy.Errors(10)
			for n := 100; n < 200; n++ {
				tell(t, writer, keyChange(n))
				cache.awaitTold(t, keyChange(n))
			}
			proxy.Errors(0)
			awaitMode(t, store, live)
			await(t, func() bool { return store.State().Err == nil }, "it recovers")
		})
	}
}

// proxied returns a store that reaches its database, and listens, through a proxy.
func proxied(tb testing.TB, d database, direct *sql.DB) (*bearersql.Store, *services.Proxy) {
	tb.Helper()
	proxy := services.NewProxy(tb, addressOf(tb, d))
	through := d
	through.dsn = proxy.Through(d.dsn)
	require.NotEqual(tb, d.dsn, through.dsn)
	config := quick()
	if d.dialect == bearersql.PostgreSQL {
		config.Listen = pgxlisten.Listen(through.dsn)
	}
	newStore(tb, direct, config)
	store, err := bearersql.New(tb.Context(), through.open(tb), config)
	require.NoError(tb, err)
	return store, proxy
}

// addressOf returns the address of the server of a database.
func addressOf(tb testing.TB, d database) string {
	tb.Helper()
	if d.dialect == bearersql.MySQL {
		config, err := mysql.ParseDSN(d.dsn)
		require.NoError(tb, err)
		return config.Addr
	}
	parsed, err := url.Parse(d.dsn)
	require.NoError(tb, err)
	return parsed.Host
}

// Through PgBouncer in transaction mode nothing is heard, or by chance: the feed is
// never Live, and polls.
func TestFeedPgBouncer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	for _, mode := range []string{"transaction", "session"} {
		t.Run(mode, func(t *testing.T) {
			services.Goroutines(t)
			d := databaseOf(t, bearersql.PostgreSQL)
			direct := d.open(t)
			pooled := d
			pooled.dsn = services.StartPgBouncer(t, addressOf(t, d), mode).URL()
			config := listening(pooled)
			config.Poll = 50 * time.Millisecond
			newStore(t, direct, config)
			store, err := bearersql.New(t.Context(), pooled.open(t, "default_query_exec_mode=simple_protocol"), config)
			require.NoError(t, err)
			cache, _ := follow(t, store)
			if mode == "session" {
				awaitMode(t, store, bearersql.Live)
				tell(t, store, keyChange(1))
				cache.awaitTold(t, keyChange(1))
				return
			}
			told, writer := 0, bearersql.Sibling(store, direct)
			for end := time.Now().Add(8 * time.Second); time.Now().Before(end); told++ {
				tell(t, writer, keyChange(told))
				require.Equal(t, bearersql.Polling, store.State().Mode)
				time.Sleep(20 * time.Millisecond)
			}
			cache.awaitTold(t, keyChanges(0, told)...)
			require.ErrorContains(t, store.State().Err, "PgBouncer")
			assert.Zero(t, cache.losses())
		})
	}
}
