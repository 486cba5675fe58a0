package handwritten_test

import (
	"crypto/rand"
	"database/sql/driver"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &fakeTable{rows: make(map[string]map[string]driver.Value)}
		writer, reader := table.add("1", "acme", true, false), table.add("2", "acme", false, false)
		revoked, busy := table.add("3", "acme", true, true), table.add("4", "busy", true, false)
		db := table.open()
		defer db.Close()
		old := before(db)
		app, err := after(db)
		require.NoError(t, err)
		for range 100 {
			for _, h := range []http.Handler{old, app} {
				require.Equal(t, http.StatusOK, sides.Serve(h, sides.Get("/v1/wallets", busy)).Code)
			}
		}
		get := func(key string) *http.Request { return sides.Get("/v1/wallets", key) }
		field := func(value string) *http.Request { return sides.With(get(""), "Authorization", value) }
		post := func(key string) *http.Request {
			return sides.With(sides.Post("/v1/wallets", ""), "Authorization", "Bearer "+key)
		}
		w := sides.Serve(old, get(busy))
		assert.Equal(t, "60", w.Header().Get("Retry-After"))
		w = sides.Serve(app, get(busy))
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
		assert.Equal(t, "1", w.Header().Get("X-RateLimit-Reset"), "seconds to go, and no time of day")

		sides.Compare(t, "From httprate and hand-written keys", later{old}, app, []sides.Row{
			{Name: "a key of the table", Before: get(writer)},
			{Name: "no credential", Before: get("")},
			{Name: "an unknown key", Before: get("acme-" + rand.Text())},
			{Name: "a revoked key", Before: get(revoked)},
			{Name: "the key alone in `Authorization`", Before: field(writer)},
			{Name: "`bearer` in lower case", Before: field("bearer " + writer)},
			{Name: "a read-only key writes", Before: post(reader)},
			{Name: "the 101st request of an account in a minute", Before: get(busy)},
			{Name: "one more, a second later", Before: sides.With(get(busy), "Later", "1s")},
		})
		for _, h := range []http.Handler{old, app} {
			assert.Equal(t, "wallets of acme", sides.Serve(h, get(reader)).Body.String())
			assert.Equal(t, "100", sides.Serve(h, get(reader)).Header().Get("X-RateLimit-Limit"))
		}
		time.Sleep(time.Minute) // the cache forgets
		table.down = true
		assert.Equal(t, http.StatusUnauthorized, sides.Serve(old, get(writer)).Code)
		assert.Equal(t, http.StatusServiceUnavailable, sides.Serve(app, get(writer)).Code)
	})
}

// A later handler waits before a request that says so, for the other program too.
type later struct{ http.Handler }

func (h later) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wait, err := time.ParseDuration(r.Header.Get("Later")); err == nil {
		time.Sleep(wait)
	}
	h.Handler.ServeHTTP(w, r)
}
