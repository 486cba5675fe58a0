package bearersql_test

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	bearersql "github.com/blockauth/bearer/stores/sql"
)

// TestMisfits creates and replaces records that no column can hold. What is
// refused is the same on each database.
func TestMisfits(t *testing.T) {
	const invalid, zero = "a\xff", "a\x00"
	type key = issuer.APIKey
	keys := []struct {
		field  string
		change func(*key)
	}{
		{"ID", func(k *key) { k.ID = strings.Repeat("a", 256) }},
		{"ID", func(k *key) { k.ID += zero }},
		{"Owner", func(k *key) { k.Owner = strings.Repeat("ü", 128) }},
		{"Owner", func(k *key) { k.Owner = invalid }},
		{"CreatedBy", func(k *key) { k.CreatedBy = strings.Repeat("a", 256) }},
		{"Name", func(k *key) { k.Name = zero }},
		{"Name", func(k *key) { k.Name = strings.Repeat("a", 1<<24) }},
		{"Scopes", func(k *key) { k.Scopes = invalid }},
		{"Reason", func(k *key) { k.Reason = zero }},
		{"AllowedOrigins", func(k *key) { k.AllowedOrigins = []string{invalid} }},
		{"Metadata", func(k *key) { k.Metadata = map[string]string{zero: ""} }},
		{"Metadata", func(k *key) { k.Metadata = map[string]string{"": invalid} }},
		{"Metadata", func(k *key) { k.Metadata = map[string]string{"a": strings.Repeat("a", 1<<24)} }},
		{"Secrets", func(k *key) { k.Secrets[0].ID = invalid }},
		{"Secrets", func(k *key) { k.Secrets[0].Hint = zero }},
		{"Kind", func(k *key) { k.Kind = 1 << 15 }},
		{"Environment", func(k *key) { k.Environment = -1 }},
		{"Limit", func(k *key) { k.Limit.Rate = rate.Limit(math.NaN()) }},
		{"Limit", func(k *key) { k.Limit.Rate = -1 }},
	}
	user := issuer.PasswordUser{ID: "us_1", Email: strings.Repeat("a", 321)}
	client := issuer.Client{ID: "c", Owner: "o", ReplacedBy: invalid}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, store := t.Context(), newStore(t, d.open(t), bearersql.Config{})
		refused := func(err error, field string) {
			t.Helper()
			require.ErrorIs(t, err, errors.ErrUnsupported)
			assert.ErrorContains(t, err, "the field "+field+" ")
		}
		for _, test := range keys {
			k := newKey()
			good := k
			good.Secrets = []issuer.Secret{k.Secrets[0]}
			test.change(&k)
			refused(store.CreateKey(ctx, k), test.field)
			_, err := store.KeyByHash(ctx, good.Secrets[0].Hash)
			require.ErrorIs(t, err, bearer.ErrKeyNotFound)
			require.NoError(t, store.CreateKey(ctx, good))
			refused(store.ReplaceKey(ctx, k), test.field)
		}
		refused(store.CreateUser(ctx, user), "Email")
		refused(store.ReplaceUser(ctx, user), "Email")
		refused(store.CreateClient(ctx, client), "ReplacedBy")
		refused(store.ReplaceClient(ctx, client), "ReplacedBy")
	})
}

// TestUnstorableQuestions asks for texts that no record can have.
func TestUnstorableQuestions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, store := t.Context(), newStore(t, d.open(t), bearersql.Config{})
		for _, text := range []string{"a\x00", "\xff", strings.Repeat("a", 10_000)} {
			_, err := store.GetKey(ctx, "owner_1", text)
			require.ErrorIs(t, err, issuer.ErrNotFound)
			_, err = store.GetKey(ctx, text, "ak_1")
			require.ErrorIs(t, err, issuer.ErrNotFound)
			_, err = store.FindClient(ctx, text)
			require.ErrorIs(t, err, issuer.ErrNotFound)
			_, err = store.UserByID(ctx, text)
			require.ErrorIs(t, err, issuer.ErrNotFound)
			_, err = store.UserByEmail(ctx, text)
			require.ErrorIs(t, err, issuer.ErrNotFound)
			keys, err := store.ListKeys(ctx, issuer.KeyQuery{Owner: text})
			require.NoError(t, err)
			assert.Empty(t, keys)
			clients, err := store.ListClients(ctx, issuer.ClientQuery{Owner: "owner_1", CreatedBy: text})
			require.NoError(t, err)
			assert.Empty(t, clients)
		}
		_, err := store.ListKeys(ctx, issuer.KeyQuery{Owner: "owner_1", After: issuer.Position{ID: "\xff"}})
		assert.ErrorIs(t, err, errors.ErrUnsupported)
	})
}

// TestWholeKeys stores what the suites do not: many secrets, uses of a secret that
// is gone, limits at their ends, a time that is not set.
func TestWholeKeys(t *testing.T) {
	type key = issuer.APIKey
	at := newKey().CreatedAt
	tests := []struct {
		name   string
		change func(*key)
	}{
		{"many secrets", func(k *key) {
			for range 600 {
				k.Secrets = append(k.Secrets, newSecret())
			}
		}},
		{"used by a secret that is gone", func(k *key) { k.LastUsedAt = at }},
		{"used by a secret that is gone, after another", func(k *key) {
			k.LastUsedAt, k.Secrets[0].LastUsedAt = at, at.Add(-time.Hour)
		}},
		{"no limit, and a burst", func(k *key) { k.Limit = bearer.Limit{Rate: rate.Inf, Burst: 7} }},
		{"a limit that lets nothing through", func(k *key) { k.Limit = bearer.PerSecond(0) }},
		{"a tiny limit", func(k *key) { k.Limit = bearer.Limit{Rate: math.SmallestNonzeroFloat64 * (1 << 60), Burst: 1} }},
		{"a huge limit", func(k *key) { k.Limit = bearer.Limit{Rate: 1e300, Burst: math.MaxInt} }},
		{"no times", func(k *key) { k.CreatedAt, k.Secrets[0].CreatedAt = time.Time{}, time.Time{} }},
		{"the last times", func(k *key) {
			k.ExpiresAt = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
			k.Secrets[0].EndsAt = k.ExpiresAt
		}},
		{"a prefix with bits beyond its length", func(k *key) {
			k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("::ffff:1.2.3.4/100")}
		}},
		{"no secrets", func(k *key) { k.Secrets = nil }},
	}
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, store := t.Context(), newStore(t, d.open(t), bearersql.Config{})
		for _, test := range tests {
			k := newKey()
			test.change(&k)
			require.NoError(t, store.CreateKey(ctx, k), test.name)
			got, err := store.GetKey(ctx, k.Owner, k.ID)
			require.NoError(t, err, test.name)
			assert.Equal(t, k, got, test.name)
			k.Name = "replaced"
			require.NoError(t, store.ReplaceKey(ctx, k), test.name)
			k.Version++
			for _, i := range []int{0, len(k.Secrets) - 1} {
				if i >= 0 && i < len(k.Secrets) {
					got, err = store.KeyByHash(ctx, k.Secrets[i].Hash)
					require.NoError(t, err, test.name)
					assert.Equal(t, k, got, test.name)
				}
			}
		}
	})
}

// TestBetweenMicroseconds lists keys by times that are not whole microseconds: a
// key is before such a time if it is before it in truth.
func TestBetweenMicroseconds(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, store := t.Context(), newStore(t, d.open(t), bearersql.Config{})
		k := newKey()
		k.ExpiresAt = k.CreatedAt
		require.NoError(t, store.CreateKey(ctx, k))
		for _, test := range []struct {
			after time.Duration
			want  int
		}{{-time.Microsecond, 0}, {0, 0}, {1, 1}, {time.Microsecond, 1}} {
			at := k.CreatedAt.Add(test.after)
			for _, query := range []issuer.KeyQuery{
				{ExpiresBefore: at}, {UnusedSince: at}, {After: issuer.Position{CreatedAt: at, ID: k.ID}},
			} {
				query.Owner = k.Owner
				keys, err := store.ListKeys(ctx, query)
				require.NoError(t, err)
				assert.Len(t, keys, test.want, "%v after it: %+v", test.after, query)
			}
		}
	})
}

// TestColumnsOfOthers reads what a later version of this package may have written,
// and what none should have.
func TestColumnsOfOthers(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, db, prefix := t.Context(), d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		k := newKey()
		require.NoError(t, store.CreateKey(ctx, k))
		hash := k.Secrets[0].Hash
		write := func(text string) {
			t.Helper()
			_, err := db.Exec("UPDATE "+prefix+"keys SET secrets = "+d.placeholder(1), text)
			require.NoError(t, err)
		}
		write(`[{"later": {"x": [1]}, "hash": "` + hash.String() + `", "id": "1", "created": 0}]`)
		got, err := store.KeyByHash(ctx, hash)
		require.NoError(t, err)
		want := []issuer.Secret{{ID: "1", Hash: hash, CreatedAt: time.Unix(0, 0).UTC()}}
		assert.Equal(t, want, got.Secrets)

		for _, text := range []string{"[", `{"hash": "` + hash.String() + `"}`, `[{"hash": "ab"}]`, `[{"created": "now"}]`} {
			write(text)
			_, err = store.KeyByHash(ctx, hash)
			require.ErrorContains(t, err, "the column secrets")
			assert.NotErrorIs(t, err, bearer.ErrKeyNotFound)
			assert.NotContains(t, err.Error(), hash.String())
			_, err = store.KeyStore().FindKey(ctx, hash)
			require.ErrorContains(t, err, "the column secrets")
			assert.NotErrorIs(t, err, bearer.ErrKeyNotFound)
		}
	})
}

// TestWhatIsTold replaces records: each hash that a key had or has is told once, if
// the replacement succeeds, and nothing is told of creations and of uses.
func TestWhatIsTold(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		t.Helper()
		ctx, db, prefix := t.Context(), d.open(t), newPrefix()
		store := newStore(t, db, bearersql.Config{Prefix: prefix})
		told := func(column string) (n int) {
			t.Helper()
			require.NoError(t, db.QueryRow("SELECT COUNT("+column+") FROM "+prefix+"changes").Scan(&n))
			return n
		}
		k, c := newKey(), issuer.Client{ID: "client_1", Owner: "owner_1", Version: 1}
		require.NoError(t, store.CreateKey(ctx, k))
		require.NoError(t, store.CreateClient(ctx, c))
		require.NoError(t, store.TouchKeys(ctx, map[bearer.KeyHash]time.Time{k.Secrets[0].Hash: k.CreatedAt}))
		assert.Zero(t, told("seq"))

		k.Secrets = append(k.Secrets, newSecret())
		require.NoError(t, store.ReplaceKey(ctx, k))
		assert.Equal(t, 2, told("hash"))
		require.ErrorIs(t, store.ReplaceKey(ctx, k), issuer.ErrConflict) // an old version
		k.Version++
		k.Secrets = []issuer.Secret{k.Secrets[1], newSecret()}
		require.NoError(t, store.ReplaceKey(ctx, k))
		assert.Equal(t, 5, told("hash"))
		require.NoError(t, store.ReplaceClient(ctx, c))
		assert.Equal(t, 1, told("client"))
		require.ErrorIs(t, store.ReplaceClient(ctx, c), issuer.ErrConflict)
		assert.Equal(t, 6, told("seq"))
	})
}
