package coexist_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/internal/sides"
)

// older is the middleware of an older system, which knows some keys.
func older(known ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			if !slices.Contains(known, key) {
				http.Error(w, "no", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(withOldAccount(r.Context(), "acme")))
		})
	}
}

var whose = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(accountOf(r))) })

func TestShadow(t *testing.T) {
	var keys bearertest.Keys
	both := keys.Issue(bearer.Key{ID: "both", Owner: "acme", Scopes: "wallets:read"})
	onlyNew := keys.Issue(bearer.Key{ID: "new", Owner: "acme", Scopes: "wallets:read"})
	onlyOld := "acme-" + rand.Text()
	few := keys.Issue(bearer.Key{ID: "few", Owner: "acme"})
	guard, err := bearer.New(bearer.Config{Keys: &keys})
	require.NoError(t, err)
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", shadow(guard, log, older(both, onlyOld, few), "wallets:read")(whose))
	for _, row := range []struct {
		name, key string
		status    int
		logged    string
	}{
		{"both admit", both, 200, ""},
		{"both refuse", "", 401, ""},
		{"only the old", onlyOld, 200, "invalid_api_key"},
		{"only the old, for want of a scope", few, 200, "scope_insufficient"},
		{"only the guard", onlyNew, 401, "guard=<nil>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			logged.Reset()
			w := sides.Serve(mux, sides.Get("/v1/wallets", row.key))
			assert.Equal(t, row.status, w.Code, "the older middleware decides")
			if row.logged == "" {
				assert.Empty(t, logged.String())
				return
			}
			assert.Contains(t, logged.String(), row.logged)
			assert.Contains(t, logged.String(), `route="GET /v1/wallets"`)
			assert.NotContains(t, logged.String(), row.key, "no credential is logged")
		})
	}
	assert.Equal(t, "acme", sides.Serve(mux, sides.Get("/v1/wallets", both)).Body.String())
}

// A store that hangs does not hold up requests.
func TestShadowDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guard, err := bearer.New(bearer.Config{Keys: hanging{}, Format: bearer.KeyFormat{Foreign: true}})
		require.NoError(t, err)
		var logged bytes.Buffer
		key := "acme-" + rand.Text()
		app := shadow(guard, slog.New(slog.NewTextHandler(&logged, nil)), older(key))(whose)
		start := time.Now()
		assert.Equal(t, 200, sides.Serve(app, sides.Get("/", key)).Code)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		assert.Contains(t, logged.String(), "store_unavailable")
	})
}

// A hanging store waits for the end of the context.
type hanging struct{}

func (hanging) FindKey(ctx context.Context, _ bearer.KeyHash) (*bearer.Key, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSwitch(t *testing.T) {
	var keys bearertest.Keys
	onlyNew := keys.Issue(bearer.Key{Owner: "acme"})
	onlyOld := "acme-" + rand.Text()
	guard, err := bearer.New(bearer.Config{Keys: &keys})
	require.NoError(t, err)
	var routes routeSwitch
	app := routes.either("GET /v1/wallets", older(onlyOld), guard.Require())(whose)
	get := func(key string) int { return sides.Serve(app, sides.Get("/v1/wallets", key)).Code }
	assert.Equal(t, [2]int{200, 401}, [2]int{get(onlyOld), get(onlyNew)})
	routes.set("GET /v1/other")
	assert.Equal(t, [2]int{200, 401}, [2]int{get(onlyOld), get(onlyNew)})
	routes.set("GET /v1/other", "GET /v1/wallets")
	assert.Equal(t, [2]int{401, 200}, [2]int{get(onlyOld), get(onlyNew)})
	assert.Equal(t, "acme", sides.Serve(app, sides.Get("/", onlyNew)).Body.String())
	assert.Equal(t, []string{"GET /v1/other", "GET /v1/wallets"}, routes.list())
	routes.set()
	assert.Equal(t, [2]int{200, 401}, [2]int{get(onlyOld), get(onlyNew)}, "rolled back")
}

// A table is what the older code reads: when a hash ends.
type table struct {
	mu   sync.Mutex
	ends map[bearer.KeyHash]time.Time
	down bool
}

func (o *table) write(_ context.Context, _, _ string, hash bearer.KeyHash, endsAt time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return errors.New("connection refused")
	}
	o.ends[hash] = endsAt
	return nil
}

// admits reports whether the older code lets a text in.
func (o *table) admits(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	end, known := o.ends[bearer.KeyFormat{}.Hash(text)]
	return known && (end.IsZero() || time.Now().Before(end))
}

func TestMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := &table{ends: make(map[bearer.KeyHash]time.Time)}
		store := issuer.NewMemoryStore()
		m := &mirror{store: store, events: make(chan issuer.Event, 2), write: old.write}
		iss, err := issuer.New(issuer.Config{Store: store, Events: m.observe})
		require.NoError(t, err)
		failures := 0
		go m.run(t.Context(), func(error) { failures++ })
		by := issuer.Operator("acme")
		create := func(name string) (string, issuer.APIKey) {
			text, key, err := iss.CreateKey(t.Context(), by, issuer.APIKey{Name: name, Kind: bearer.SecretKey, Environment: bearer.Live})
			require.NoError(t, err)
			synctest.Wait()
			return text, key
		}
		text, key := create("first")
		assert.True(t, old.admits(text), "a new key works after a roll-back")

		next, _, err := iss.RotateKey(t.Context(), by, key.ID, time.Hour)
		require.NoError(t, err)
		synctest.Wait()
		assert.True(t, old.admits(text) && old.admits(next))
		time.Sleep(time.Hour)
		assert.False(t, old.admits(text), "the grace is over")
		_, err = iss.UpdateKey(t.Context(), by, key.ID, func(k *issuer.APIKey) error { k.Disabled = true; return nil })
		require.NoError(t, err)
		synctest.Wait()
		assert.False(t, old.admits(next), "disabled")

		old.down = true
		lost, key := create("second")
		assert.Equal(t, 1, failures)
		_, err = iss.RevokeKey(t.Context(), by, key.ID, "leaked")
		require.NoError(t, err)
		synctest.Wait()
		old.down = false
		kept, _ := create("third")
		require.NoError(t, m.sweep(t.Context(), "acme"))
		assert.Contains(t, old.ends, bearer.KeyFormat{}.Hash(lost))
		assert.False(t, old.admits(lost), "revoked")
		assert.True(t, old.admits(kept))

		time.Sleep(time.Hour)
		idle, err := unused(t.Context(), iss, "acme")
		require.NoError(t, err)
		assert.Empty(t, idle, "they are new")
		time.Sleep(40 * 24 * time.Hour)
		idle, err = unused(t.Context(), iss, "acme")
		require.NoError(t, err)
		assert.Len(t, idle, 2, "of those that were not revoked")
	})
}

func TestLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets := map[string][]byte{"old": make([]byte, 32), "new": make([]byte, 32)}
		config := bearer.Config{}
		last := lastUse{issuer: "old"}
		config.Observe = last.observe
		for name, secret := range secrets {
			_, _ = rand.Read(secret)
			config.JWT = append(config.JWT, bearer.JWT{
				Issuer: name, Audiences: []string{"api"}, Algorithms: []string{"HS256"},
				Keyfunc: func(*jwt.Token) (any, error) { return secret, nil },
			})
		}
		guard, err := bearer.New(config)
		require.NoError(t, err)
		use := func(issuer string, status int) {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
				"iss": issuer, "aud": "api", "sub": "7", "exp": time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC).Unix(),
			}).SignedString(secrets[issuer])
			require.NoError(t, err)
			assert.Equal(t, status, sides.Serve(guard.Handler(whose), sides.Get("/", token)).Code)
		}
		use("new", 200)
		assert.Zero(t, last.at.Load())
		use("old", 200)
		used := time.Now().UnixNano()
		time.Sleep(time.Hour)
		use("old", 401)
		assert.Equal(t, used, last.at.Load())
	})
}
