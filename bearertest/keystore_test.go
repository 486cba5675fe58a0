package bearertest_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

func TestShippedKeyStores(t *testing.T) {
	t.Run("MemoryStore", func(t *testing.T) {
		var store bearer.MemoryStore
		assert.NoError(t, bearertest.TestKeyStore(&store, func(key bearer.Key) error { return store.Add(key) }))
	})
	t.Run("Keys", func(t *testing.T) {
		var keys bearertest.Keys
		assert.NoError(t, bearertest.TestKeyStore(&keys, keys.Add))
		assert.NoError(t, bearertest.TestKeyStore(&keys, keys.Add), "a second time on the same store")
	})
	t.Run("CachedStore, in a bubble", func(t *testing.T) { synctest.Test(t, assertCachedStore) })
}

func TestCachedStoreByARealClock(t *testing.T) {
	t.Parallel()
	assertCachedStore(t)
}

func assertCachedStore(t *testing.T) {
	t.Helper()
	var store bearer.MemoryStore
	cache := bearer.CachedStore(&store, bearer.CacheConfig{})
	assert.NoError(t, bearertest.TestKeyStore(cache, func(key bearer.Key) error { return store.Add(key) }))
}

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
		{"remembers for 2 s what was not there", forgettingMisses(2 * time.Second)},
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
			if k.Limit.Rate < 1e3 {
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
		{"assigns UUIDs", reading(func(k *key) { k.ID = fmt.Sprintf("%x-%x", k.Hash[:4], k.Hash[4:10]) })},
		{"assigns numbers", assigningIDs(1)},
		{"assigns large numbers", assigningIDs(1 << 53)},
		{"has a flag for live keys", reading(func(k *key) {
			if k.Environment != bearer.Live {
				k.Environment = bearer.Test
			}
		})},
		{"has a flag for test keys", reading(func(k *key) {
			if k.Environment != bearer.Test {
				k.Environment = bearer.Live
			}
		})},
		{"holds test keys", holding(func(k *key) bool { return k.Environment == bearer.Test })},
		{"holds live keys", holding(func(k *key) bool { return k.Environment == bearer.Live })},
		{"holds publishable live keys", holding(func(k *key) bool {
			return k.Environment == bearer.Live && k.Kind == bearer.PublishableKey
		})},
		{"has numbers for owners", holding(func(k *key) bool { return k.Owner == "1001" })},
		{"has UUIDs for owners", holding(func(k *key) bool { return len(k.Owner) == 36 })},
		{"has no owners and scopes", holding(func(k *key) bool { return k.Owner == "" && k.Scopes == "" })},
		{"gives full access", holding(func(k *key) bool { return k.Scopes == bearer.FullAccess })},
		{"has hashes alone, and assigns IDs", assigningIDs(1).holding(func(k *key) bool {
			rest := key{ID: k.ID, Hash: k.Hash, Kind: bearer.SecretKey, Environment: bearer.Live, Scopes: bearer.FullAccess}
			return fmt.Sprintf("%#v", *k) == fmt.Sprintf("%#v", rest) && k.Limit == rest.Limit &&
				len(k.AllowedIPs) == 0 && k.Owner == "" && k.Scopes == rest.Scopes && k.ExpiresAt.IsZero() && k.EndsAt.IsZero()
		})},
		{"keeps networks", reading(func(k *key) {
			k.AllowedIPs = slices.Clone(k.AllowedIPs)
			for i, p := range k.AllowedIPs {
				if p.Addr().Is4In6() {
					p, _ = p.Addr().Unmap().Prefix(p.Bits() - 96)
				}
				k.AllowedIPs[i] = p.Masked()
			}
			slices.Reverse(k.AllowedIPs)
		})},
		{"keeps origins in another order", reading(func(k *key) {
			k.AllowedOrigins = slices.Sorted(slices.Values(k.AllowedOrigins))
		})},
		{"keeps rates of five decimals", reading(func(k *key) {
			if k.Limit.Rate < rate.Inf {
				k.Limit.Rate = rate.Limit(math.Round(float64(k.Limit.Rate)*1e5) / 1e5)
			}
		})},
		{"keeps rates of 32 bits", reading(func(k *key) {
			if k.Limit.Rate < rate.Inf {
				k.Limit.Rate = rate.Limit(float32(k.Limit.Rate))
			}
		})},
		{"rounds times to whole seconds", &testStore{
			refuse: func(_ *testStore, k *key) error {
				isOut := func(at time.Time) bool { return !at.IsZero() && at.Year() < 1000 }
				return refuse(isOut(k.ExpiresAt) || isOut(k.EndsAt) || isOut(k.RevokedAt), errRefused)
			},
			read: times(func(at time.Time) time.Time { return at.Round(time.Second) }),
		}},
		{"is a file of JSON", reading(func(k *key) {
			type record struct {
				bearer.Key

				Hash [32]byte
			}
			text, err := json.Marshal(record{*k, k.Hash})
			var r record
			*k = key{Owner: fmt.Sprint(errors.Join(err, json.Unmarshal(text, &r)))}
			if k.Owner == "<nil>" {
				*k = r.Key
				k.Hash = r.Hash
			}
		})},
		{"shares look-ups", sharingLookUps(context.WithoutCancel, func(h hash) any { return h })},
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

func TestKeyStoresThatCannotBeFilled(t *testing.T) {
	var keys bearertest.Keys
	fails := func(err error) func(key) error { return func(key) error { return err } }
	down := finding(func(*testStore, ctxt, hash) (*key, error) { return nil, errDown })
	var missing bearer.KeyStore
	issued := 0
	tests := []struct {
		name  string
		store bearer.KeyStore
		issue func(key) error
		want  string
	}{
		{"no store", missing, keys.Add, "the store: got nil, want a bearer.KeyStore"},
		{"no issue function", &keys, nil, "the issue function: got nil, want one"},
		{"cannot be filled", &keys, fails(errNoRows), "TestKeyStore needs keys in the store"},
		{"holds nothing", &keys, fails(errors.ErrUnsupported), "every plain key, secret or publishable, of test or live, with"},
		{"holds one key", &keys, func(k key) error {
			issued++
			return cmp.Or(refuse(issued > 1, errNoRows), keys.Add(k))
		},
			"a second plain key: got the error"},
		{"stores nothing", &keys, fails(nil), "see whether issue stored the record"},
		{"is out of order", down, fails(errDown), "what is tested is running"},
		{"cannot store some keys", &keys, func(k key) error {
			return refuse(k.Kind == bearer.PublishableKey, errNoRows)
		}, "see whether issue stored the record"},
		{"cannot store publishable keys", &keys, func(k key) error {
			return errors.Join(keys.Add(k), refuse(k.Kind == bearer.PublishableKey, errNoRows))
		}, `a publishable key: got the error "no rows in result set" of issue, want nil`},
		{"panics", &keys, func(key) error { panic("no table") }, "got the panic no table (at bearertest/keystore_test.go:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := bearertest.TestKeyStore(tt.store, tt.issue)
			assertBroken(t, "TestKeyStore", tt.want, err)
			assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
		})
	}
}

// Each of these stores has one mistake, and breaks one rule: the suite tells it
// without the advice that belongs to others. In a bubble, waiting takes no time.
func TestBrokenKeyStores(t *testing.T) {
	const (
		fields    = "FindKey returns every field of a key as it was stored"
		reads     = "FindKey returns a key that is in the store without an error"
		first     = "FindKey finds what issue stored"
		ownKey    = "a hash finds its own key only"
		unknown   = "a hash that is not in the store gives an error wrapping bearer.ErrKeyNotFound, each time"
		refusable = "a key that is revoked or expired is returned with its RevokedAt and ExpiresAt, or not at all"
		done      = "a context that is done does not make a key unknown"
		kept      = "a key that was returned does not change"
	)
	tests := []struct {
		name   string
		broken *testStore
		want   string // in the error
	}{
		{"loses the hash", reading(func(k *key) { k.Hash = hash{} }), "Hash: got the zero hash (was it read?), want"},
		{"returns another hash", reading(func(k *key) { k.Hash[31]++ }), "Hash: got another, want"},
		{"loses all", reading(func(k *key) { *k = key{Hash: k.Hash} }), "ExpiresAt: got the zero time, want 2000-01-02T00:00:00Z"},
		{"loses the ID", reading(func(k *key) { k.ID = "" }), fields},
		{"loses the owner", reading(func(k *key) { k.Owner = "" }), `Owner: got "", want "owner_1"`},
		{"cuts owners to 32 characters", reading(func(k *key) { k.Owner = cut(k.Owner, 32) }), "a UUID for an owner: Owner: got"},
		{"cuts owners to 64 characters", reading(func(k *key) { k.Owner = cut(k.Owner, 64) }),
			"Owner: got 64 bytes \"owner_1234owner_1234"},
		{"trims owners", reading(func(k *key) { k.Owner = strings.TrimSpace(k.Owner) }), `got "owner 1", want " owner 1 "`},
		{"cuts IDs to 32 characters", reading(func(k *key) { k.ID = cut(k.ID, 32) }), `ID: got "key_`},
		{"loses the kind", reading(func(k *key) { k.Kind = bearer.SecretKey }), "Kind: got secret, want publishable"},
		{"loses the environment", reading(func(k *key) { k.Environment = bearer.Test }), "Environment: got test, want live"},
		{"loses the addresses", reading(func(k *key) { k.AllowedIPs = nil }), "AllowedIPs: got none, want 10.0.0.0/8 2001:db8::/32 203.0.113.7/32"},
		{"keeps one address", reading(func(k *key) { k.AllowedIPs = k.AllowedIPs[:min(1, len(k.AllowedIPs))] }), fields},
		{"keeps four addresses", reading(func(k *key) { k.AllowedIPs = k.AllowedIPs[:min(4, len(k.AllowedIPs))] }), "many addresses: AllowedIPs: got 10.0.0.0/24 10.0.1.0/24 10.0.2.0/24 10.0.3.0/24, want 10.0.0.0/24 10.0.1.0/24 10.0.10.0/24"},
		{"cuts scopes to 255 bytes", reading(func(k *key) { k.Scopes = cut(k.Scopes, 255) }),
			"Scopes: got 254 bytes \"resource_00:read"},
		{"cuts scopes to 1000 bytes", reading(func(k *key) { k.Scopes = cut(k.Scopes, 1000) }), "Scopes: got 1000 bytes"},
		{"folds scopes", reading(func(k *key) { k.Scopes = bearer.Scopes(strings.ToLower(string(k.Scopes))) }),
			`got "tokens:read wallets:write", want "Tokens:Read wallets:WRITE"`},
		{"takes no scopes for all", reading(func(k *key) {
			if k.Scopes == "" {
				k.Scopes = bearer.FullAccess
			}
		}), `Scopes: got "*", want ""`},
		{"keeps whole rates only", reading(func(k *key) {
			if k.Limit.Rate < 1e6 {
				k.Limit.Rate = bearer.PerSecond(int(k.Limit.Rate)).Rate
			}
		}), "want 20 a minute, burst 20"},
		{"keeps bursts of 16 bits", reading(func(k *key) { k.Limit.Burst = int(int16(k.Limit.Burst)) }), "want 100000 a second, burst 1"},
		{"loses what is unlimited", reading(func(k *key) {
			if k.Limit == bearer.Unlimited {
				k.Limit = bearer.Limit{}
			}
		}), "Limit: got the zero limit, want no limit"},
		{"takes no limit for nothing", reading(func(k *key) { k.Limit.Burst = max(k.Limit.Burst, 0) }),
			"Limit: got the zero limit, want a limit that lets nothing through"},
		{"takes no expiry for 1970", reading(func(k *key) {
			if k.ExpiresAt.IsZero() {
				k.ExpiresAt = time.Unix(0, 0)
			}
		}), "want the zero time"},
		{"loses the zone", reading(func(k *key) {
			y, m, d := k.ExpiresAt.Date()
			hour, minute, second := k.ExpiresAt.Clock()
			if !k.ExpiresAt.IsZero() {
				k.ExpiresAt = time.Date(y, m, d, hour, minute, second, 0, time.UTC)
			}
		}), "an expiry in another zone: ExpiresAt: got"},
		{"loses the expiry", reading(func(k *key) { k.ExpiresAt = time.Time{} }), fields},
		{"loses the revocation", reading(func(k *key) { k.RevokedAt = time.Time{} }),
			refusable},

		{"loses the limit of a hit", changingHits(func(k *key) { k.Limit = bearer.Limit{} }), "a limit, again: Limit: got the zero limit"},
		{"loses the addresses of a hit", changingHits(func(k *key) { k.AllowedIPs = nil }), "addresses, again: AllowedIPs: got none"},
		{"loses the expiry of a hit", changingHits(func(k *key) { k.ExpiresAt = time.Time{} }), "an expiry, again: ExpiresAt: got"},
		{"loses the kind of a hit", changingHits(func(k *key) { k.Kind = bearer.SecretKey }), "a publishable key, again: Kind: got"},
		{"loses the revocation of a hit", changingHits(func(k *key) { k.RevokedAt = time.Time{} }), "revoked, again: RevokedAt: got"},
		{"cannot read a hit with a limit", second(func(k *key) (*key, error) {
			if k.Limit != (bearer.Limit{}) {
				return nil, errScan
			}
			return k, nil
		}), "a limit, again: got the error"},
		{"cannot read an expiry", failing(errScan, func(k *key) bool { return !k.ExpiresAt.IsZero() }),
			reads},
		{"cannot read a negative burst", failing(errScan, func(k *key) bool { return k.Limit.Burst < 0 }),
			reads},

		{"compares without case", comparing(bytes.EqualFold), ownKey},
		{"compares base64 without case", comparing(func(a, b []byte) bool {
			return strings.EqualFold(base64.StdEncoding.EncodeToString(a), base64.StdEncoding.EncodeToString(b))
		}), ownKey},
		{"compares the first half", equally(func(b []byte) []byte { return b[:16] }), ownKey},
		{"compares the last half", equally(func(b []byte) []byte { return b[16:] }), ownKey},
		{"compares all but the last byte", equally(func(b []byte) []byte { return b[:31] }), ownKey},
		{"compares by LIKE", comparing(like), ownKey},
		{"compares without padding", equally(func(b []byte) []byte { return bytes.TrimRight(b, " \x00") }), ownKey},
		{"compares without what stands before", equally(func(b []byte) []byte { return bytes.TrimLeft(b, " \t\x00") }), ownKey},
		{"compares as C strings", equally(untilNUL), ownKey},
		{"stores hashes without spaces around", &testStore{write: func(k *key) {
			trimmed := bytes.TrimSpace(k.Hash[:])
			clear(k.Hash[copy(k.Hash[:], trimmed):])
		}}, "FindKey finds a key by its hash"},
		{"stores hashes as UTF-8", &testStore{write: func(k *key) {
			copy(k.Hash[:], bytes.ToValidUTF8(k.Hash[:], []byte("?")))
		}}, first},
		{"caches by the first 24 bytes", caching(func(h hash) any { return [24]byte(h[:24]) }), ownKey},
		{"caches by the last half", caching(func(h hash) any { return [16]byte(h[16:]) }), ownKey},
		{"caches what is missing by the first half", cachingMisses(func(h hash) any { return [16]byte(h[:16]) }), ownKey},

		{"returns nil and nil for no rows", instead(nil, nil), unknown},
		{"returns the driver's error for no rows", instead(nil, errNoRows), unknown},
		{"returns an empty key for no rows", instead(new(key), nil), unknown},
		{"returns nil and nil for no rows, the second time", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			if _, again := s.memory.LoadOrStore(h, true); again && k == nil {
				err = nil
			}
			return k, err
		}), "the same hash, again: got neither a key nor an error"},
		{"panics for no rows", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			if err != nil {
				panic(err)
			}
			return k, nil
		}), "FindKey does not panic"},
		{"finds nothing", finding(func(*testStore, ctxt, hash) (*key, error) { return nil, bearer.ErrKeyNotFound }), first},
		{"answers neither for what is there", finding(func(*testStore, ctxt, hash) (*key, error) { return nil, nil }), first},
		{"cannot read any key", failing(errScan, func(*key) bool { return true }), "without an error"},
		{"returns the driver's error for every row", failing(errNoRows, func(*key) bool { return true }), reads},
		{"is out of order", finding(func(*testStore, ctxt, hash) (*key, error) { return nil, errDown }), "what is tested is running"},
		{"never answers", finding(func(_ *testStore, ctx ctxt, _ hash) (*key, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}), "every call comes to an end"},
		{"loses a connection at each miss", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			misses, _ := s.memory.LoadOrStore("misses", new(atomic.Int32))
			if err == nil || misses.(*atomic.Int32).Add(1) < 4 {
				return k, err
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}), "every call comes to an end"},
		{"never answers, whatever the context says", finding(func(*testStore, ctxt, hash) (*key, error) {
			time.Sleep(time.Hour)
			return nil, bearer.ErrKeyNotFound
		}), "got no end of it in 1m0s, want one"},
		{"calls an expired key an outage", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			if err == nil && expired(k) {
				return nil, errors.New("expired")
			}
			return k, err
		}), refusable},
		{"takes a cancelled context for no rows", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, bearer.ErrKeyNotFound
			}
			return s.lookUp(ctx, h)
		}), done},
		{"takes a deadline for no rows", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, bearer.ErrKeyNotFound
			}
			return s.lookUp(ctx, h)
		}), done},
		{"takes what is done for no rows", doing(func(ctxt) (*key, error) { return nil, bearer.ErrKeyNotFound }), done},
		{"answers neither when cancelled", doing(func(ctxt) (*key, error) { return nil, nil }), done},
		{"breaks once a context was cancelled", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			if _, broken := s.memory.Load("broken"); broken || isDone(ctx) {
				s.memory.Store("broken", true)
				return nil, context.Canceled
			}
			return s.lookUp(ctx, h)
		}), done},
		{"finds the first key of an ID", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			for i := range s.keys {
				if err == nil && s.keys[i].ID == k.ID {
					return &s.keys[i], nil
				}
			}
			return k, err
		}), "keys that share an ID are told apart"},
		{"finds the last key of an ID", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			k, err := s.lookUp(ctx, h)
			for i := range s.keys {
				if err == nil && s.keys[i].ID == k.ID {
					k = &s.keys[i]
				}
			}
			return k, err
		}), "keys that share an ID are told apart"},
		{"finds a key by the zero hash", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			if h == (hash{}) {
				h = s.keys[0].Hash
			}
			return s.lookUp(ctx, h)
		}), "the zero hash: got the key"},
		{"remembers for 5 s what was not there", forgettingMisses(5 * time.Second), "a key is found soon after it was issued"},
		{"remembers for ever what was not there", cachingMisses(func(h hash) any { return h }), "a key is found soon after it was issued"},
		{"has one name for all entries", namingEntries(func(hash) any { return "apikey:[redacted]" }), ownKey},
		{"names entries by the first half", namingEntries(func(h hash) any { return [16]byte(h[:16]) }), ownKey},
		{"names entries by all bytes but one", namingEntries(func(h hash) any { h[21] = 0; return h }), ownKey},
		{"names entries by a checksum", namingEntries(func(h hash) any { return crc32.ChecksumIEEE(h[:]) % 16 }), ownKey},
		{"shares all look-ups", sharingLookUps(context.WithoutCancel, func(hash) any { return 0 }), "FindKey is safe for concurrent use"},
		{"shares look-ups by the first half", sharingLookUps(context.WithoutCancel, func(h hash) any { return [16]byte(h[:16]) }),
			"at the same time"},
		{"shares look-ups by the last half", sharingLookUps(context.WithoutCancel, func(h hash) any { return [16]byte(h[16:]) }),
			"at the same time"},
		{"shares the context of look-ups", sharingLookUps(func(ctx ctxt) ctxt { return ctx }, func(h hash) any { return h }),
			"a context that is done ends its own call only"},
		{"changes the record of an ID in place", changingInPlace(func(old, k *key) bool { return old.ID == k.ID }), kept},
		{"changes the record of a hash in place", changingInPlace(func(old, k *key) bool { return old.Hash == k.Hash }), kept},
		{"changes the record of an owner in place", changingInPlace(func(old, k *key) bool { return old.Owner == k.Owner }), kept},
		{"keeps a sorted list of records", inSortedList(), kept},
		{"calls a deadline within the call no rows", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			time.Sleep(10 * time.Millisecond)
			if isDone(ctx) {
				return nil, bearer.ErrKeyNotFound
			}
			return s.lookUp(ctx, h)
		}), done},
		{"returns one record again and again", oneRecord(), kept},
		{"reads addresses into one list", oneList(), "a key with addresses, after another was found: AllowedIPs: got 2001:db8::/32 203.0.113.7/32, want 10.0.0.0/8 192.0.2.7/32"},
		{"answers one call at a time", finding(func(s *testStore, ctx ctxt, h hash) (*key, error) {
			busy, _ := s.memory.LoadOrStore("busy", new(sync.Mutex))
			if !busy.(*sync.Mutex).TryLock() {
				return nil, errors.New("busy")
			}
			defer busy.(*sync.Mutex).Unlock()
			time.Sleep(time.Millisecond)
			return s.lookUp(ctx, h)
		}), "FindKey is safe for concurrent use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := bearertest.TestKeyStore(tt.broken, tt.broken.issue)
				assertBroken(t, "TestKeyStore", tt.want, err)
				assert.Equal(t, 1, strings.Count(err.Error(), "\tfix: "), "%v", err)
				time.Sleep(2 * time.Hour) // a call that never ends is left behind
			})
		})
	}
}
