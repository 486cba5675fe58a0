package bearersql_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
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

// docs/deployment.md shows the functions here.

// openFleetStore opens the store of a replica. The URL is that of the primary.
func openFleetStore(ctx context.Context, url string) (*bearersql.Store, error) {
	db, err := sql.Open("pgx", url) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16) // times the replicas: below max_connections
	db.SetMaxIdleConns(16)
	db.SetConnMaxLifetime(10 * time.Minute) // none stays with a primary that was
	if err := bearersql.Migrate(ctx, db, bearersql.Config{}); err != nil {
		return nil, err
	}
	return bearersql.New(ctx, db, bearersql.Config{Listen: pgxlisten.Listen(url)})
}

// feedHandler answers a monitor: 503 while each request asks the database.
func feedHandler(store *bearersql.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		state := store.State()
		answer := map[string]any{"mode": state.Mode.String(), "since": state.Since}
		if state.Err != nil {
			answer["error"] = state.Err.Error()
		}
		if state.Mode == bearersql.Blind {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// A keyCache is a cache of keys that a feed tells of changes.
type keyCache struct{ *bearer.KeyCache }

// Forget implements [issuer.Cache]. Changes of sessions are not for it.
func (c keyCache) Forget(change issuer.Change) {
	if change.Key != (bearer.KeyHash{}) {
		c.KeyCache.Forget(change.Key)
	}
}

// guardOnly returns the guard of a service that makes no keys. Its user of the
// database may be one who only reads.
func guardOnly(ctx context.Context, store *bearersql.Store) (*bearer.Guard, error) {
	cache := bearer.CachedStore(store.KeyStore(), bearer.CacheConfig{MaxKeys: 100_000})
	go func() {
		for ctx.Err() == nil {
			_ = store.Watch(ctx, keyCache{cache}) // store.State tells what is wrong
			time.Sleep(time.Second)
		}
	}()
	return bearer.New(bearer.Config{Keys: cache})
}

// TestDocumentedFleet lets one replica revoke what another, which only guards,
// then refuses.
func TestDocumentedFleet(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := inSchema(t, services.Postgres(t))
	first, err := openFleetStore(ctx, url)
	require.NoError(t, err)
	second, err := openFleetStore(ctx, url)
	require.NoError(t, err)
	iss, err := issuer.New(issuer.Config{Store: first})
	require.NoError(t, err)
	text, key, err := iss.CreateKey(ctx, issuer.Operator("acme"), issuer.APIKey{
		Name: "production", Kind: bearer.SecretKey, Environment: bearer.Live,
	})
	require.NoError(t, err)

	feed := feedHandler(second)
	assert.Equal(t, http.StatusServiceUnavailable, statusOf(feed, ""), "no one watches")
	guard, err := guardOnly(ctx, second)
	require.NoError(t, err)
	handler := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.Eventually(t, func() bool { return second.State().Mode == bearersql.Live }, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, http.StatusOK, statusOf(feed, ""))
	require.Equal(t, http.StatusOK, statusOf(handler, text))
	_, err = iss.RevokeKey(ctx, issuer.Operator("acme"), key.ID, "leaked")
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return statusOf(handler, text) == http.StatusUnauthorized }, 5*time.Second, 10*time.Millisecond)
}

func statusOf(h http.Handler, text string) int {
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	h.ServeHTTP(w, r)
	return w.Code
}

// inSchema returns the URL with a schema of the test's own, which is dropped at the
// end.
func inSchema(t *testing.T, url string) string {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	schema := "t" + strings.ToLower(rand.Text()[:12])
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = db.Exec("DROP SCHEMA " + schema + " CASCADE") })
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + schema
}
