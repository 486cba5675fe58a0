package recipes_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestByPlan(t *testing.T) {
	for _, row := range []struct {
		name  string
		p     *bearer.Principal
		want  bearer.Limit
		daily bearer.Limit
	}{
		{"a key", &bearer.Principal{Key: &bearer.Key{Data: "pro"}}, bearer.PerSecond(20), recipes.PerDay(10_000)},
		{"a JWT", &bearer.Principal{Claims: map[string]any{"plan": "business"}}, bearer.PerSecond(100), bearer.Unlimited},
		{"no plan", &bearer.Principal{Key: new(bearer.Key)}, bearer.PerSecond(2), recipes.PerDay(10_000)},
		{"a plan that is no text", &bearer.Principal{Claims: map[string]any{"plan": 7}}, bearer.PerSecond(2), recipes.PerDay(10_000)},
		{"no credential", nil, bearer.PerSecond(2), recipes.PerDay(10_000)},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.Equal(t, row.want, recipes.ByPlan(nil, row.p))
			assert.Equal(t, row.daily, recipes.Daily(nil, row.p))
		})
	}
}

func TestAccount(t *testing.T) {
	seen := map[string]string{"anonymous": "no credential"}
	assert.Equal(t, "anonymous", recipes.Account(nil, nil))
	for name, p := range map[string]*bearer.Principal{
		"an owner":                      {ID: "key_1", Owner: "acme"},
		"another owner":                 {ID: "key_2", Owner: "key_3"},
		"no owner":                      {ID: "key_3"},
		"no owner either":               {ID: "key_4"},
		"the subject of an issuer":      {ID: "alice", Owner: "alice", Issuer: "https://one.example"},
		"the same of another":           {ID: "alice", Owner: "alice", Issuer: "https://two.example"},
		"a name that is one of no key":  {ID: "key_5", Owner: "anonymous"},
		"a name with a space before it": {ID: "key_6", Owner: " acme"},
	} {
		bucket := recipes.Account(nil, p)
		assert.Empty(t, seen[bucket], "%s has the bucket %q", name, bucket)
		seen[bucket] = name
	}
	one, two := &bearer.Principal{ID: "key_1", Owner: "acme"}, &bearer.Principal{ID: "key_2", Owner: "acme"}
	assert.Equal(t, recipes.Account(nil, one), recipes.Account(nil, two))
}

// plansOf is what the application knows of its accounts.
func plansOf(account string) string {
	return map[string]string{"owner  acme": "business"}[account]
}

func TestAccountLimit(t *testing.T) {
	limit := recipes.AccountLimit(plansOf)
	for _, row := range []struct {
		name string
		p    *bearer.Principal
		want bearer.Limit
	}{
		{"a key that tells no plan", &bearer.Principal{Owner: "acme", Key: new(bearer.Key)}, bearer.PerSecond(200)},
		{"a key that tells another", &bearer.Principal{Owner: "acme", Key: &bearer.Key{Data: "free"}}, bearer.PerSecond(200)},
		{"another account", &bearer.Principal{Owner: "umbrella", Key: &bearer.Key{Data: "business"}}, bearer.PerSecond(40)},
		{"no credential", nil, bearer.PerSecond(40)},
	} {
		assert.Equal(t, row.want, limit(nil, row.p), row.name)
	}
}

func TestManyLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys bearertest.Keys
		buckets := new(bearer.Buckets)
		guard, err := recipes.ManyLimits(&keys, buckets, plansOf)
		require.NoError(t, err)
		pro := keys.Issue(bearer.Key{ID: "key_1", Owner: "acme", Data: "pro", Limit: bearer.PerSecond(1)})
		business := keys.Issue(bearer.Key{ID: "key_2", Owner: "acme", Data: "business"})
		status := func(path, key string) int { return serve(guard.Handler(whoami), get(path, key)).Code }

		w := serve(guard.Handler(whoami), get("/v1/search", pro))
		assert.Equal(t, `"second";q=20;w=1, "daily";q=10000;w=86400, "account";q=200;w=1, "search";q=10;w=60`,
			w.Header().Get("RateLimit-Policy"))
		for range 9 {
			require.Equal(t, 200, status("/v1/search", pro))
		}
		w = serve(guard.Handler(whoami), get("/v1/search", pro))
		assert.Equal(t, 429, w.Code, "the route's limit")
		assert.Equal(t, "6", w.Header().Get("Retry-After"))
		for range 10 {
			require.Equal(t, 200, status("/v1/tokens", pro), "the plan's limit stands before the key's own")
		}
		assert.Equal(t, 429, status("/v1/tokens", pro), "20 a second")

		w = serve(guard.Handler(whoami), get("/v1/tokens", business))
		assert.Equal(t, `"second";q=100;w=1, "account";q=200;w=1`, w.Header().Get("RateLimit-Policy"))
		assert.Contains(t, w.Header().Get("RateLimit"), `"account";r=179;`, "both keys of the owner")

		daily := bearer.Bucket{Policy: "daily", Class: "key", ID: "key_1"}
		_, err = buckets.Take(t.Context(), daily, 9980, recipes.PerDay(10_000))
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		assert.Equal(t, 429, status("/v1/tokens", pro), "10,000 a day")
		recipes.Upgraded(buckets, &bearer.Key{ID: "key_1"})
		assert.Equal(t, 200, status("/v1/tokens", pro))
	})
}

// A quotaTable does what the statement of CountInSQL does.
type quotaTable struct {
	mu   sync.Mutex
	used map[string]int
	err  error
}

func (q *quotaTable) count(_ context.Context, account, month string, n, most int) (int, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, false, q.err
	}
	row := account + "@" + month
	if q.used[row]+max(n, 1) > most {
		return most, false, nil
	}
	q.used[row] += n
	return q.used[row], true, nil
}

func TestMonthlyQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at the start of the year 2000
		var keys bearertest.Keys
		table := &quotaTable{used: make(map[string]int)}
		newApp := func() http.Handler {
			quota := &recipes.MonthlyQuota{Count: table.count}
			policies := []bearer.Policy{{}, recipes.MonthlyPolicy(5)}
			return newGuard(t, bearer.Config{Keys: &keys, Limiter: quota, Policies: policies}).Handler(whoami)
		}
		one := keys.Issue(bearer.Key{ID: "key_1", Owner: "acme"})
		two := keys.Issue(bearer.Key{ID: "key_2", Owner: "acme"})
		other := keys.Issue(bearer.Key{ID: "key_3", Owner: "umbrella"})
		app := newApp()
		for _, key := range []string{one, two, one} {
			require.Equal(t, 200, serve(app, get("/", key)).Code)
		}
		app = newApp() // after a restart
		for range 2 {
			require.Equal(t, 200, serve(app, get("/", one)).Code)
		}
		time.Sleep(10 * 24 * time.Hour)
		w := serve(app, get("/", two))
		assert.Equal(t, 429, w.Code)
		assert.Equal(t, "1814400", w.Header().Get("Retry-After"), "21 days")
		assert.Contains(t, w.Header().Get("RateLimit"), `"monthly";r=0;t=1814400`)
		assert.Equal(t, 200, serve(app, get("/", other)).Code)
		assert.Equal(t, map[string]int{"owner  acme@2000-01": 5, "owner  umbrella@2000-01": 1}, table.used)
		time.Sleep(22 * 24 * time.Hour)
		assert.Equal(t, 200, serve(app, get("/", two)).Code, "February")
		table.err = errors.New("connection refused")
		assert.Equal(t, 503, serve(app, get("/", two)).Code)
	})
}

func TestCountInSQLHasOneStatement(t *testing.T) {
	db, statements := recordingDB()
	defer db.Close()
	used, ok, err := recipes.CountInSQL(db)(t.Context(), "acme", "2000-01", 3, 10)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, 3, used)
	_, ok, err = recipes.CountInSQL(db)(t.Context(), "full", "2000-01", 3, 10)
	require.NoError(t, err)
	assert.False(t, ok)
	assert.Len(t, *statements, 2)

	var keys bearertest.Keys
	guard, err := recipes.DurableQuota(&keys, db)
	require.NoError(t, err)
	assert.Equal(t, 200, serve(guard.Handler(whoami), get("/", keys.Issue(bearer.Key{ID: "key_1"}))).Code)
}
