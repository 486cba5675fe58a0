package bearertest_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// What a store may do, the suite leaves to it.
func TestRightKeyStores(t *testing.T) {
	errRefused := errors.New("CHECK constraint failed")
	tests := []struct {
		name  string
		right *testStore
	}{
		{"a map", new(testStore)},
		{"returns an empty key beside the error", instead(new(key), fmt.Errorf("keys: %w", bearer.ErrKeyNotFound))},
		{"leaves out what is revoked or expired", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			if err == nil && (expired(k) || !k.RevokedAt.IsZero()) {
				return nil, bearer.ErrKeyNotFound
			}
			return k, err
		})},
		{"returns the context's error", doing(func(ctx ctxt) (*key, error) { return nil, ctx.Err() })},
		{"calls the zero hash an error", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			if h == (hash{}) {
				return nil, errors.New("zero hash")
			}
			return s.lookUp(ctx, h)
		})},
		{"caches", caching(func(h hash) any { return h })},
		{"answers after a while", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			time.Sleep(20 * time.Millisecond)
			return s.lookUp(ctx, h)
		})},

		{"keeps scopes in a table", reading(func(k *key) {
			k.Scopes = bearer.JoinScopes(slices.Compact(slices.Sorted(k.Scopes.All()))...)
		})},
		{"keeps addresses in another order", reading(func(k *key) { k.AllowedIPs = reversed(k.AllowedIPs) })},
		{"keeps a flag for the revocation", reading(func(k *key) {
			if !k.RevokedAt.IsZero() {
				k.RevokedAt = time.Unix(1, 0)
			}
		})},
		{"keeps times of microseconds, in local time", reading(func(k *key) {
			if !k.ExpiresAt.IsZero() {
				k.ExpiresAt = k.ExpiresAt.Round(time.Microsecond).Local()
			}
		})},
		{"keeps Unix seconds", reading(func(k *key) { k.ExpiresAt = time.Unix(k.ExpiresAt.Unix(), 0) })},
		{"keeps decimal rates", reading(func(k *key) {
			if k.Limit.Rate < 1e6 {
				k.Limit.Rate = bearer.Limit{Rate: k.Limit.Rate*1e6 + 0.5}.Rate
				k.Limit.Rate = bearer.PerSecond(int(k.Limit.Rate)).Rate / 1e6
			}
		})},

		{"has unique IDs", refusing(func(s *testStore, k *key) error {
			if slices.ContainsFunc(s.keys, func(other key) bool { return other.ID == k.ID }) {
				return errors.New("UNIQUE constraint failed: api_keys.id")
			}
			return nil
		})},
		{"replaces the key of an ID", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			if err == nil && slices.ContainsFunc(s.keys, func(later key) bool { return later.ID == k.ID && later.Hash != h }) &&
				s.keys[len(s.keys)-1].Hash != h {
				return nil, bearer.ErrKeyNotFound
			}
			return k, err
		})},
		{"has an enum of environments", refusing(func(_ *testStore, k *key) error { return refuse(k.Environment == 0, errRefused) })},
		{"has no negative burst", refusing(func(_ *testStore, k *key) error { return refuse(k.Limit.Burst < 0, errRefused) })},
		{"has bursts of 16 bits", refusing(func(_ *testStore, k *key) error { return refuse(k.Limit.Burst > 1<<15, errRefused) })},
		{"has short columns", refusing(func(_ *testStore, k *key) error {
			return refuse(len(k.Owner) > 32 || len(k.ID) > 32 || len(k.Scopes) > 255, errRefused)
		})},
		{"takes nothing empty", refusing(func(_ *testStore, k *key) error {
			return refuse(k.Owner == "" || k.Scopes == "", errRefused)
		})},
		{"issues nothing that has expired or was revoked", refusing(func(_ *testStore, k *key) error {
			return refuse(expired(k) || !k.RevokedAt.IsZero(), errRefused)
		})},
		{"has no addresses, limits and publishable keys", refusing(func(_ *testStore, k *key) error {
			has := len(k.AllowedIPs) > 0 || k.Limit != bearer.Limit{} || k.Kind != bearer.SecretKey
			return refuse(has, fmt.Errorf("no column for it: %w", errors.ErrUnsupported))
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.NoError(t, bearertest.TestKeyStore(tt.right, tt.right.issue))
			})
		})
	}
	t.Run("Keys, filled by Issue", func(t *testing.T) {
		var keys bearertest.Keys
		assert.NoError(t, bearertest.TestKeyStore(&keys, func(k bearer.Key) error {
			keys.Issue(k)
			return nil
		}))
	})
}

func refuse(such bool, err error) error {
	if such {
		return err
	}
	return nil
}

func reversed(list []netip.Prefix) []netip.Prefix {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func TestKeyStoresThatCannotBeFilled(t *testing.T) {
	var keys bearertest.Keys
	fails := func(err error) func(key) error { return func(key) error { return err } }
	down := finding(func(*testStore, ctxt, hash) (*key, error) { return nil, errDown })
	var missing bearer.KeyStore
	tests := []struct {
		name  string
		store bearer.KeyStore
		issue func(key) error
		want  string
	}{
		{"no store", missing, keys.Add, "the store: got nil, want a bearer.KeyStore"},
		{"no issue function", &keys, nil, "the issue function: got nil, want one"},
		{"cannot be filled", &keys, fails(errNoRows), "TestKeyStore needs keys in the store"},
		{"holds nothing", &keys, fails(errors.ErrUnsupported), "TestKeyStore needs keys in the store"},
		{"stores nothing", &keys, fails(nil), "see whether issue stored the record"},
		{"is out of order", down, fails(errDown), "what is tested is running"},
		{"cannot store some keys", &keys, func(k key) error {
			return refuse(k.Kind == bearer.PublishableKey, errNoRows)
		}, "see whether issue stored the record"},
		{"cannot store publishable keys", &keys, func(k key) error {
			return errors.Join(keys.Add(k), refuse(k.Kind == bearer.PublishableKey, errNoRows))
		}, `a publishable key: got the error "no rows in result set" of issue, want nil`},
		{"panics", &keys, func(key) error { panic("no table") }, "got the panic no table (at bearertest/right_keystores_test.go:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := bearertest.TestKeyStore(tt.store, tt.issue)
			assertBroken(t, "TestKeyStore", tt.want, err)
			assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
		})
	}
}
