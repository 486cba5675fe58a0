package bearer_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fullStore is a KeyStore over a table that holds whole keys.
type fullStore struct{ db *sql.DB }

func (s fullStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var key bearer.Key
	var addresses string
	var expires, revoked sql.NullTime
	err := s.db.QueryRowContext(ctx,
		`SELECT id, hash, kind, environment, owner, scopes, allowed_ips, rate, burst, expires_at, revoked_at
		FROM api_keys WHERE hash = $1`, hash,
	).Scan(&key.ID, &key.Hash, &key.Kind, &key.Environment, &key.Owner, &key.Scopes, &addresses,
		&key.Limit.Rate, &key.Limit.Burst, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bearer.ErrKeyNotFound
	}
	if err != nil {
		return nil, err
	}
	for text := range strings.FieldsSeq(addresses) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err // and not a key without the restriction
		}
		key.AllowedIPs = append(key.AllowedIPs, prefix)
	}
	key.ExpiresAt, key.RevokedAt = expires.Time, revoked.Time
	return &key, nil
}

// Add stores a key. Its text is not the store's business.
func (s fullStore) Add(ctx context.Context, key bearer.Key) error {
	addresses := make([]string, len(key.AllowedIPs))
	for i, prefix := range key.AllowedIPs {
		addresses[i] = prefix.String()
	}
	_, err := s.db.ExecContext(ctx,
		`INSERT INTO api_keys (id, hash, kind, environment, owner, scopes, allowed_ips, rate, burst, expires_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		key.ID, key.Hash, key.Kind, key.Environment, key.Owner, key.Scopes, strings.Join(addresses, " "),
		key.Limit.Rate, key.Limit.Burst,
		sql.NullTime{Time: key.ExpiresAt, Valid: !key.ExpiresAt.IsZero()},
		sql.NullTime{Time: key.RevokedAt, Valid: !key.RevokedAt.IsZero()})
	return err
}

// Revoke ends a key, and returns its hashes for a cache to forget: two, while it
// is being rotated.
func (s fullStore) Revoke(ctx context.Context, id string) (hashes []bearer.KeyHash, err error) {
	_, err = s.db.ExecContext(ctx,
		`UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, time.Now().UTC(), id)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT hash FROM api_keys WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var hash bearer.KeyHash
		if err := rows.Scan(&hash); err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, rows.Err()
}

// revoke ends a key at once in this process.
func revoke(ctx context.Context, store fullStore, cache *bearer.KeyCache, id string) error {
	hashes, err := store.Revoke(ctx, id)
	for _, hash := range hashes {
		cache.Forget(hash)
	}
	return err
}

// createKey answers with a new key of whoever asks.
func createKey(format bearer.KeyFormat, store fullStore) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := bearer.FromContext(r.Context())
		key := bearer.Key{
			Kind: bearer.SecretKey, Environment: cmp.Or(p.Environment, bearer.Live),
			Owner: p.Owner, Scopes: p.Scopes,
		}
		if p.Key != nil { // not for longer, not from elsewhere, not faster
			key.AllowedIPs, key.Limit, key.ExpiresAt = p.Key.AllowedIPs, p.Key.Limit, p.Key.ExpiresAt
		}
		text, hash := format.Generate(key.Kind, key.Environment)
		key.ID, key.Hash = format.Hint(text), hash
		err := store.Add(r.Context(), key)
		if err != nil {
			http.Error(w, "the key was not stored", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, text)
	}
}

func TestFullStoreOfTheDocs(t *testing.T) {
	db := sql.OpenDB(&fakeDB{})
	defer db.Close()
	store := fullStore{db}
	assert.NoError(t, bearertest.TestKeyStore(store, func(key bearer.Key) error {
		return store.Add(context.Background(), key)
	}))
}

func TestCreateKeyOfTheDocs(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	bound := bearer.Key{AllowedIPs: prefixes("192.0.2.1/32"), Limit: bearer.PerMinute(3), ExpiresAt: soon}
	for _, row := range []struct {
		name string
		p    bearer.Principal
		want bearer.Key
	}{
		{
			"a JWT", bearer.Principal{Owner: "alice", Scopes: "tokens:read"},
			bearer.Key{Environment: bearer.Live, Owner: "alice", Scopes: "tokens:read"},
		},
		{
			"a key that is bound", bearer.Principal{Owner: "alice", Environment: bearer.Test, Scopes: "*", Key: &bound},
			bearer.Key{
				Environment: bearer.Test, Owner: "alice", Scopes: "*",
				AllowedIPs: bound.AllowedIPs, Limit: bound.Limit, ExpiresAt: soon,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			db := sql.OpenDB(&fakeDB{})
			defer db.Close()
			format, store := bearer.KeyFormat{Namespace: "acme"}, fullStore{db}
			r := request(http.MethodPost, "/v1/api_keys", "")
			w := httptest.NewRecorder()
			createKey(format, store)(w, r.WithContext(bearer.NewContext(r.Context(), &row.p)))
			require.Equal(t, http.StatusCreated, w.Code)
			text := strings.TrimSpace(w.Body.String())

			guard := newGuard(t, bearer.Config{Keys: store, Format: format})
			r = request(http.MethodGet, "/", text)
			r.RemoteAddr = "192.0.2.1:1234"
			p, err := guard.Check(r, "tokens:read")
			require.NoError(t, err)
			row.want.ID, row.want.Hash, row.want.Kind = format.Hint(text), format.Hash(text), bearer.SecretKey
			p.Key.ExpiresAt = row.want.ExpiresAt.Add(p.Key.ExpiresAt.Sub(row.want.ExpiresAt)) // in the same zone
			assert.Equal(t, &row.want, p.Key)

			cache := bearer.CachedStore(store, bearer.CacheConfig{})
			cached := newGuard(t, bearer.Config{Keys: cache, Format: format})
			_, err = cached.Check(r)
			require.NoError(t, err)
			require.NoError(t, revoke(t.Context(), store, cache, p.ID))
			for _, guard := range []*bearer.Guard{guard, cached} {
				_, err = guard.Check(r)
				assert.EqualError(t, err, `bearer: unauthorized: key_revoked: the credential of "`+format.Hint(text)+`"`)
			}
		})
	}
}
