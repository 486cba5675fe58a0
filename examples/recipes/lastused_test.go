package recipes_test

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
)

func TestLastUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys bearertest.Keys
		var tokens bearertest.Tokens
		var used recipes.LastUsed
		guard := newGuard(t, bearer.Config{
			Keys: &keys, JWT: []bearer.JWT{tokens.JWT()}, Observe: used.Observe,
		})
		app := guard.Handler(whoami)
		one, two := keys.Issue(bearer.Key{ID: "key_1"}), keys.Issue(bearer.Key{ID: "key_2"})
		table := make(map[string]time.Time)
		writes := 0
		var down atomic.Bool
		write := func(seen map[string]time.Time) error {
			writes++
			if down.Load() {
				return errors.New("connection refused")
			}
			maps.Copy(table, seen)
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		go used.Run(ctx, time.Minute, write)

		start := time.Now()
		for range 100 {
			serve(app, get("/", one))
		}
		serve(app, get("/", tokens.Token("alice", "")))
		serve(app, get("/", "sk_test_unknown"))
		down.Store(true)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, writes)
		serve(app, get("/", two))
		down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, map[string]time.Time{"key_1": start, "key_2": start.Add(61 * time.Second)}, table)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, 2, writes, "nothing to write")

		serve(app, get("/", one))
		last := time.Now()
		stop()
		synctest.Wait()
		assert.Equal(t, last, table["key_1"])
	})
}
