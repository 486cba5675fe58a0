package recipes_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
)

func TestFollowRevocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var keys bearertest.Keys
		cache := bearer.CachedStore(&keys, bearer.CacheConfig{TTL: time.Hour})
		guard := newGuard(t, bearer.Config{Keys: cache})
		connections := make(chan chan string) // nil: none to be had
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			recipes.FollowRevocations(ctx, cache, func(ctx context.Context) (<-chan string, error) {
				select {
				case c := <-connections:
					if c == nil {
						return nil, errors.New("connection refused")
					}
					return c, nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			})
		}()
		asks := func(text string) (status, calls int) {
			before := keys.Calls()
			status = serve(guard.Handler(whoami), get("/", text)).Code
			return status, keys.Calls() - before
		}
		assertAsks := func(wantStatus, wantCalls int, text, message string) {
			t.Helper()
			status, calls := asks(text)
			assert.Equal(t, []int{wantStatus, wantCalls}, []int{status, calls}, message)
		}
		synctest.Wait()
		one, two := keys.Issue(bearer.Key{ID: "key_1"}), keys.Issue(bearer.Key{ID: "key_2"})
		for range 2 {
			assertAsks(200, 1, one, "not connected yet")
		}
		connections <- nil
		time.Sleep(2 * time.Second)
		assertAsks(200, 1, one, "no connection to be had")

		first := make(chan string)
		connections <- first
		synctest.Wait()
		for _, text := range []string{one, two} {
			assertAsks(200, 1, text, "connected: remembered from now on")
			assertAsks(200, 0, text, "remembered")
		}
		keys.Revoke("key_1")
		assertAsks(200, 0, one, "not published yet")
		hash := bearer.KeyFormat{}.Hash(one)
		first <- hex.EncodeToString(hash[:])
		synctest.Wait()
		assertAsks(401, 1, one, "published")
		assertAsks(200, 0, two, "another key")
		first <- "all of acme's"
		synctest.Wait()
		assertAsks(200, 1, two, "a message that is no hash")

		close(first)
		synctest.Wait()
		assertAsks(200, 1, two, "the connection is lost")
		time.Sleep(2 * time.Second)
		connections <- make(chan string)
		synctest.Wait()
		stop() // while the subscription goes on
		<-ended
		for range 2 {
			assertAsks(200, 1, two, "nobody follows any more")
		}
	})
}

// A broker that drops each subscription at once is not asked without a pause.
func TestFollowRevocationsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := bearer.CachedStore(new(bearertest.Keys), bearer.CacheConfig{})
		ctx, stop := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer stop()
		subscribed := 0
		recipes.FollowRevocations(ctx, cache, func(context.Context) (<-chan string, error) {
			subscribed++
			if subscribed > 1000 {
				stop()
			}
			dropped := make(chan string)
			close(dropped)
			return dropped, nil
		})
		assert.Equal(t, 10, subscribed, "once a second")
	})
}
