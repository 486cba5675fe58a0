package bearer_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// A sqlStore is a KeyStore over a table that the application has already.
type sqlStore struct{ db *sql.DB }

func (s sqlStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key := bearer.Key{Kind: bearer.SecretKey, Environment: bearer.Live}
	var expires, revoked sql.NullTime
	err := s.db.QueryRowContext(ctx,
		`SELECT id, hash, customer_id, scopes, expires_at, revoked_at FROM api_keys WHERE hash = $1`, hash,
	).Scan(&key.ID, &key.Hash, &key.Owner, &key.Scopes, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("api_keys: %w", bearer.ErrKeyNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("api_keys: %w", err) // an outage: 503
	}
	key.ExpiresAt, key.RevokedAt = expires.Time, revoked.Time
	return &key, nil
}

// A KeyStore over the application's own table. The column hash is a unique
// BYTEA or BINARY(32): binary, so that no collation loosens the comparison.
func ExampleKeyStore_sql() {
	var db *sql.DB // = sql.Open(...)
	store := sqlStore{db}
	cache := bearer.CachedStore(store, bearer.CacheConfig{TTL: 10 * time.Second})
	guard, err := bearer.New(bearer.Config{Keys: cache})
	fmt.Println(guard != nil, err)
	// Output: true <nil>
}

// An httpStore is a KeyStore over a service that knows the keys.
type httpStore struct {
	client *http.Client // with a Timeout
	url    string       // of the service, ending in a slash
}

func (s httpStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+hex.EncodeToString(hash[:]), nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound: // the only answer that says "there is no such key"
		return nil, bearer.ErrKeyNotFound
	default:
		return nil, fmt.Errorf("key service: %s", answer.Status)
	}
	var record struct {
		ID, Owner string
		Scopes    bearer.Scopes
		Revoked   time.Time
	}
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil {
		return nil, err
	}
	return &bearer.Key{
		ID: record.ID, Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live,
		Owner: record.Owner, Scopes: record.Scopes, RevokedAt: record.Revoked,
	}, nil
}

// A KeyStore over an HTTP service, behind a cache. A service that is out of
// order is answered with 503; keys that are remembered go on working.
func ExampleCachedStore() {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	down := false
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case down:
			http.Error(w, "maintenance", http.StatusBadGateway)
		case strings.TrimPrefix(r.URL.Path, "/") == hex.EncodeToString(hash[:]):
			fmt.Fprint(w, `{"id": "key_1", "owner": "acme", "scopes": "tokens:read"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer service.Close()

	cache := bearer.CachedStore(
		httpStore{&http.Client{Timeout: 2 * time.Second}, service.URL + "/"},
		bearer.CacheConfig{TTL: time.Minute, MaxKeys: 50_000},
	)
	guard, err := bearer.New(bearer.Config{Keys: cache})
	if err != nil {
		panic(err)
	}
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, "/v1/tokens", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		p, err := guard.Check(r, "tokens:read")
		fmt.Printf("%v %q\n", p, bearer.CodeOf(err))
	}
	ask()
	down = true
	ask()              // remembered
	cache.Forget(hash) // as after a revocation
	ask()
	// Output:
	// secret "key_1" ""
	// secret "key_1" ""
	// nobody "service_unavailable"
}
