package bearer_test

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+hash.String(), nil)
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
		Hash      bearer.KeyHash // of the record that was found: the guard compares it
		Scopes    bearer.Scopes
		Revoked   time.Time
	}
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil {
		return nil, err
	}
	return &bearer.Key{
		ID: record.ID, Hash: record.Hash, Kind: bearer.SecretKey, Environment: bearer.Live,
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
		case strings.TrimPrefix(r.URL.Path, "/") == hash.String():
			fmt.Fprintf(w, `{"id": "key_1", "hash": %q, "owner": "acme", "scopes": "tokens:read"}`, hash)
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

// A fullStore is a KeyStore over a table that holds whole keys.
type fullStore struct{ db *sql.DB }

func (s fullStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var key bearer.Key
	var addresses, origins string
	var expires, ends, revoked sql.NullTime
	err := s.db.QueryRowContext(ctx,
		`SELECT id, hash, kind, environment, owner, scopes, allowed_ips, allowed_origins,
			rate, burst, expires_at, ends_at, revoked_at
		FROM api_keys WHERE hash = $1`, hash,
	).Scan(&key.ID, &key.Hash, &key.Kind, &key.Environment, &key.Owner, &key.Scopes, &addresses, &origins,
		&key.Limit.Rate, &key.Limit.Burst, &expires, &ends, &revoked)
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
	key.AllowedOrigins = strings.Fields(origins)
	key.ExpiresAt, key.EndsAt, key.RevokedAt = expires.Time, ends.Time, revoked.Time
	return &key, nil
}

// Add stores a key. Its text is not the store's business.
func (s fullStore) Add(ctx context.Context, key bearer.Key) error {
	addresses := make([]string, len(key.AllowedIPs))
	for i, prefix := range key.AllowedIPs {
		addresses[i] = prefix.String()
	}
	_, err := s.db.ExecContext(ctx,
		`INSERT INTO api_keys (id, hash, kind, environment, owner, scopes, allowed_ips, allowed_origins,
			rate, burst, expires_at, ends_at, revoked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		key.ID, key.Hash, key.Kind, key.Environment, key.Owner, key.Scopes, strings.Join(addresses, " "),
		strings.Join(key.AllowedOrigins, " "), key.Limit.Rate, key.Limit.Burst,
		sql.NullTime{Time: key.ExpiresAt, Valid: !key.ExpiresAt.IsZero()},
		sql.NullTime{Time: key.EndsAt, Valid: !key.EndsAt.IsZero()},
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

// createKey answers with a new key of the caller.
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
	require.NoError(t, bearertest.TestKeyStore(store, func(key bearer.Key) error {
		return store.Add(context.Background(), key)
	}))
	_, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) {
		k.AllowedOrigins, k.EndsAt = []string{"https://app.example", "null"}, time.Unix(1e9, 0)
	})
	require.NoError(t, store.Add(t.Context(), key))
	got, err := store.FindKey(t.Context(), key.Hash)
	require.NoError(t, err)
	assert.Equal(t, key.AllowedOrigins, got.AllowedOrigins)
	assert.Equal(t, key.EndsAt, got.EndsAt)
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
			row.want.AllowedOrigins = []string{}                                              // of an empty column
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

// A textStore is a KeyStore over a store of named texts, such as Redis.
type textStore struct{ client textClient }

func (s textStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	text, err := s.client.Get(ctx, "apikey:"+hash.String())
	if errors.Is(err, errNoText) { // redis.Nil, say
		return nil, bearer.ErrKeyNotFound
	}
	if err != nil {
		return nil, err
	}
	var key bearer.Key
	if err := json.Unmarshal(text, &key); err != nil {
		return nil, err
	}
	return &key, nil
}

// Add stores a key whole, its hash included.
func (s textStore) Add(ctx context.Context, key bearer.Key) error {
	text, err := json.Marshal(key)
	if err != nil {
		return err
	}
	return s.client.Set(ctx, "apikey:"+key.Hash.String(), text)
}

// A textClient is a client of nothing but a map.
type textClient struct{ texts *sync.Map }

var errNoText = errors.New("no such name")

func (c textClient) Get(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, ok := c.texts.Load(name)
	if !ok {
		return nil, errNoText
	}
	return text.([]byte), nil
}

func (c textClient) Set(_ context.Context, name string, text []byte) error {
	c.texts.Store(name, text)
	return nil
}

func TestTextStoreOfTheDocs(t *testing.T) {
	store := textStore{textClient{new(sync.Map)}}
	require.NoError(t, bearertest.TestKeyStore(store, func(key bearer.Key) error {
		return store.Add(context.Background(), key)
	}))
	_, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) {
		k.AllowedOrigins, k.EndsAt, k.Data = []string{"https://app.example"}, time.Unix(1e9, 0).UTC(), "pro"
	})
	require.NoError(t, store.Add(t.Context(), key))
	got, err := store.FindKey(t.Context(), key.Hash)
	require.NoError(t, err)
	assert.Equal(t, &key, got)
}

// A service that finds a record by a loose comparison lets no other key in.
func TestHTTPStoreReadsTheHashOfTheRecord(t *testing.T) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	other := cacheHash(1)
	for _, row := range []struct{ name, hash, want string }{
		{"its own", hash.String(), "passed"},
		{"that of another key", other.String(), "401 invalid_api_key"},
		{"none", "", "503 store_unavailable"},
		{"redacted", "[redacted]", "503 store_unavailable"},
	} {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"id": "key_1", "hash": %q}`, row.hash)
		}))
		t.Cleanup(service.Close)
		guard := newGuard(t, bearer.Config{Keys: httpStore{service.Client(), service.URL + "/"}})
		assert.Equal(t, row.want, verdict(get(guard.Handler(pass), text)), row.name)
	}
}

// A fakeDB is a database with one table, which knows four statements by their
// arguments: a query for the row of a hash ([]byte), a query for the hashes of
// an ID (string), an INSERT with the hash second, and an UPDATE that sets the
// last column of the rows with an ID.
type fakeDB struct {
	mu   sync.Mutex
	rows map[string][]driver.Value // by hash
	err  error
}

func (d *fakeDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *fakeDB) Driver() driver.Driver                        { return nil }
func (d *fakeDB) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (d *fakeDB) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (d *fakeDB) Close() error                                 { return nil }

func (d *fakeDB) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var rows fakeRows
	for hash, row := range d.rows {
		switch id, ok := args[0].Value.(string); {
		case ok && row[0] == id:
			rows.rows = append(rows.rows, []driver.Value{[]byte(hash)})
		case !ok && hash == string(args[0].Value.([]byte)):
			rows.rows = append(rows.rows, row)
		}
	}
	return &rows, d.err
}

func (d *fakeDB) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.HasPrefix(query, "UPDATE") {
		for _, row := range d.rows {
			if row[0] == args[1].Value {
				row[len(row)-1] = args[0].Value
			}
		}
		return driver.ResultNoRows, d.err
	}
	row := make([]driver.Value, len(args))
	for i, arg := range args {
		row[i] = arg.Value
	}
	if d.rows == nil {
		d.rows = make(map[string][]driver.Value)
	}
	d.rows[string(row[1].([]byte))] = row
	return driver.ResultNoRows, d.err
}

type fakeRows struct {
	rows [][]driver.Value
	read int
}

func (r *fakeRows) Columns() []string {
	if len(r.rows) == 0 {
		return nil
	}
	return make([]string, len(r.rows[0]))
}

func (r *fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.read == len(r.rows) {
		return io.EOF
	}
	copy(dest, r.rows[r.read])
	r.read++
	return nil
}

func TestSQLStoreOfTheDocs(t *testing.T) {
	revoked := time.Now().Add(-time.Hour)
	good, gone, unknown := cacheHash(1), cacheHash(2), cacheHash(3)
	table := &fakeDB{rows: map[string][]driver.Value{
		string(good[:]): {"key_1", good[:], "acme", "tokens:read", nil, nil},
		string(gone[:]): {"key_2", gone[:], "acme", "tokens:read", nil, revoked},
	}}
	db := sql.OpenDB(table)
	defer db.Close()
	store := sqlStore{db}

	key, err := store.FindKey(t.Context(), good)
	require.NoError(t, err)
	assert.Equal(t, &bearer.Key{
		ID: "key_1", Hash: good, Kind: bearer.SecretKey, Environment: bearer.Live, Owner: "acme", Scopes: "tokens:read",
	}, key)

	key, err = store.FindKey(t.Context(), gone)
	require.NoError(t, err)
	assert.Equal(t, revoked, key.RevokedAt)

	_, err = store.FindKey(t.Context(), unknown)
	require.ErrorIs(t, err, bearer.ErrKeyNotFound)

	table.rows[string(unknown[:])] = []driver.Value{"key_3", "text", "acme", "", nil, nil}
	_, err = store.FindKey(t.Context(), unknown)
	require.ErrorContains(t, err, "32 bytes")
	require.NotErrorIs(t, err, bearer.ErrKeyNotFound, "a column that is no hash is an outage")

	table.err = errors.New("connection refused")
	_, err = store.FindKey(t.Context(), good)
	require.ErrorIs(t, err, table.err)
	assert.NotErrorIs(t, err, bearer.ErrKeyNotFound)
}

type keyDB struct{ db *sql.DB }

func (s keyDB) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	var k bearer.Key
	var expires, revoked sql.NullTime
	err := s.db.QueryRowContext(ctx, `SELECT id, hash, kind, environment, owner, scopes, expires_at, revoked_at
		FROM api_keys WHERE hash = $1`, hash).
		Scan(&k.ID, &k.Hash, &k.Kind, &k.Environment, &k.Owner, &k.Scopes, &expires, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, bearer.ErrKeyNotFound
	}
	k.ExpiresAt, k.RevokedAt = expires.Time, revoked.Time
	return &k, err
}

func TestReadmeStore(t *testing.T) {
	text, hash := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	_, other := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Live)
	past := time.Now().Add(-time.Hour)
	table := func(found bearer.KeyHash, expires, revoked driver.Value) *fakeDB {
		return &fakeDB{rows: map[string][]driver.Value{string(hash[:]): {
			"key_1", found[:], int64(bearer.SecretKey), int64(bearer.Live), "user_1", "*", expires, revoked,
		}}}
	}
	for _, test := range []struct {
		name   string
		db     *fakeDB
		status int
		reason string
	}{
		{"a good key", table(hash, nil, nil), 204, ""},
		{"no row", &fakeDB{}, 401, "invalid_api_key"},
		{"the row of another key", table(other, nil, nil), 401, "invalid_api_key"},
		{"revoked", table(hash, nil, past), 401, "key_revoked"},
		{"expired", table(hash, past, nil), 403, "key_expired"},
		{"out of order", &fakeDB{err: errDatabase}, 503, "store_unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := sql.OpenDB(test.db)
			defer db.Close()
			w := get(newGuard(t, bearer.Config{Keys: keyDB{db}}).Handler(emptyAnswer), text)
			assert.Equal(t, test.status, w.Code)
			assert.Contains(t, w.Body.String(), test.reason)
		})
	}
}
