package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A request with every fault is refused for the first in the order of checks,
// and once that one is mended for the next.
func TestOrderOfChecks(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	text, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) {
		k.Scopes, k.RevokedAt, k.EndsAt, k.ExpiresAt = "", past, past, past
		k.AllowedIPs, k.AllowedOrigins = prefixes("203.0.113.7/32"), []string{"https://app.example"}
		k.Limit = bearer.PerSecond(0)
	})
	good := key.Hash
	key.Hash = bearer.KeyHash{}
	found := false
	config := bearer.Config{
		SecretOnly:   true,
		Environment:  bearer.Test,
		FailureLimit: bearer.Limit{Rate: 1e-9, Burst: 1},
		JWT:          []bearer.JWT{newAuthority().config()},
		Keys: storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) {
			if !found {
				return nil, bearer.ErrKeyNotFound
			}
			return &key, nil
		}),
	}
	r := request(http.MethodPost, "/v1/tokens", "a b")
	r.Header.Add("Authorization", "Bearer "+text)
	r.Header.Set("Origin", "https://other.example")
	guard := newGuard(t, bearer.Config{JWT: config.JWT})
	renew := func(change func()) func() {
		return func() { change(); guard = newGuard(t, config) }
	}
	// The failure that exhausts the limit of its address.
	exhaust := func() { _, _ = guard.Check(request(http.MethodGet, "/", mistyped(text))) }
	for _, step := range []struct {
		want string
		mend func()
	}{
		{"400 multiple_credentials", func() { r.Header["Authorization"] = r.Header["Authorization"][:1] }},
		{"400 malformed_credentials", func() { r.Header.Set("Authorization", "Bearer "+text) }},
		{"401 wrong_credential_type", renew(func() {})},
		{"403 secret_key_required", renew(func() { config.SecretOnly = false })},
		{"401 invalid_api_key", exhaust},
		{"429 rate_limit_exceeded", renew(func() { config.FailureLimit, found = bearer.Unlimited, true })},
		{"401 invalid_api_key", func() { key.Hash = good }},
		{"401 key_revoked", func() { key.RevokedAt = time.Time{} }},
		{"401 key_revoked", func() { key.EndsAt = time.Time{} }},
		{"403 key_expired", func() { key.ExpiresAt = time.Time{} }},
		{"403 ip_not_allowed", func() { key.AllowedIPs = nil }},
		{"403 origin_not_allowed", func() { key.AllowedOrigins = nil }},
		{"403 environment_mismatch", renew(func() { config.Environment = 0 })},
		{"429 rate_limit_exceeded", func() { key.Limit = bearer.Limit{} }},
		{"403 secret_key_required", func() { r.Method = http.MethodGet }},
		{"403 scope_insufficient", func() { key.Scopes = "tokens:read" }},
	} {
		assert.Equal(t, step.want, verdict(serve(guard.Require("tokens:read")(pass), r)))
		step.mend()
	}
	assert.Equal(t, "passed", verdict(serve(guard.Require("tokens:read")(pass), r)))
}

// The instants of a key hold to the nanosecond, also for a key that a cache
// remembers. That of its text comes first.
func TestExpiryIsExact(t *testing.T) {
	const never, day, week = time.Duration(0), 24 * time.Hour, 7 * 24 * time.Hour
	for _, row := range []struct {
		name          string
		ends, expires time.Duration
		after         time.Duration
		want          string
	}{
		{"S4.10 one second before", never, week, week - time.Second, "passed"},
		{"S2.3 one nanosecond before", never, week, week - 1, "passed"},
		{"S4.10 S2.3 at the instant", never, week, week, "403 key_expired"},
		{"S2.3 later", never, week, week + day, "403 key_expired"},
		{"a rotated text: one nanosecond before it ends", day, never, day - 1, "passed"},
		{"a rotated text: as it ends", day, never, day, "401 key_revoked"},
		{"a rotated text: later", day, never, week, "401 key_revoked"},
		{"a rotated text that ends before its key expires", day, week, day, "401 key_revoked"},
		{"a rotated text of a key that has expired too", day, week, week, "401 key_revoked"},
		{"a key that expires before its rotated text ends", week, day, day, "403 key_expired"},
		{"a key that has expired, and its text has ended since", week, day, week, "401 key_revoked"},
		{"both in one instant", day, day, day, "401 key_revoked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text, key := newKey(bearer.SecretKey, bearer.Live, func(k *bearer.Key) {
					if row.ends != never {
						k.EndsAt = time.Now().Add(row.ends)
					}
					if row.expires != never {
						k.ExpiresAt = time.Now().Add(row.expires)
					}
				})
				memory := bearer.NewMemoryStore(key)
				remembers := bearer.CachedStore(memory, bearer.CacheConfig{TTL: 100 * week})
				_, err := remembers.FindKey(t.Context(), key.Hash)
				require.NoError(t, err)
				time.Sleep(row.after)
				for _, store := range []bearer.KeyStore{memory, remembers, storeFunc(remembers.FindKey)} {
					assert.Equal(t, row.want, verdict(get(newGuard(t, bearer.Config{Keys: store}).Handler(pass), text)))
				}
			})
		})
	}
}

// A refusal of a key that is known says whose it is, to those who read logs.
func TestRefusalsNameTheKey(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	for _, row := range []struct {
		reason string
		change func(*bearer.Key)
	}{
		{"key_revoked", func(k *bearer.Key) { k.RevokedAt = past }},
		{"key_revoked", func(k *bearer.Key) { k.EndsAt = past }},
		{"key_expired", func(k *bearer.Key) { k.ExpiresAt = past }},
		{"ip_not_allowed", func(k *bearer.Key) { k.AllowedIPs = prefixes("203.0.113.7/32") }},
		{"origin_not_allowed", func(k *bearer.Key) { k.AllowedOrigins = []string{"https://app.example"} }},
		{"environment_mismatch", func(*bearer.Key) {}},
		{"invalid_api_key", func(k *bearer.Key) { k.Kind = 0 }},
	} {
		t.Run(row.reason, func(t *testing.T) {
			text, key := newKey(bearer.PublishableKey, bearer.Live, named("key_1"), row.change)
			guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key), Environment: bearer.Test})
			r := request(http.MethodGet, "/", text)
			r.Header.Set("Origin", "https://other.example")
			_, err := guard.Check(r)
			var refused *bearer.Error
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, row.reason, refused.Reason)
			assert.Equal(t, "key_1", refused.ID)
			assert.ErrorContains(t, errors.Unwrap(err), `"key_1"`)
			assertAbsent(t, dump(serve(guard.Handler(pass), r)), "key_1")
		})
	}
}

func TestTokenExpiryIsExact(t *testing.T) {
	for _, row := range []struct {
		name  string
		after time.Duration
		want  string
	}{
		{"S4.6 one second before", time.Hour - time.Second, "passed"},
		{"S4.6 at the instant", time.Hour, "401 token_expired"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority()
				h := newGuard(t, bearer.Config{JWT: []bearer.JWT{a.config()}}).Handler(pass)
				token := a.token(t, nil)
				time.Sleep(row.after)
				assert.Equal(t, row.want, verdict(get(h, token)))
			})
		})
	}
}

func TestKeyWithoutExpiryNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, key := newKey(bearer.SecretKey, bearer.Live)
		h := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(key)}).Handler(pass)
		time.Sleep(50 * 365 * 24 * time.Hour)
		assert.Equal(t, "passed", verdict(get(h, text)), "S2.3")
	})
}

func TestRevocationHoldsOnTheNextRequest(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(key)
	h := newGuard(t, bearer.Config{Keys: store}).Handler(pass)
	require.Equal(t, "passed", verdict(get(h, text)))
	key.RevokedAt = time.Now().Add(time.Hour) // whatever it says: it is revoked
	require.NoError(t, store.Update(key))
	assert.Equal(t, "401 key_revoked", verdict(get(h, text)), "S1.8")
	require.NoError(t, store.Remove(key.ID))
	assert.Equal(t, "401 invalid_api_key", verdict(get(h, text)), "S1.8")
}

func TestKeyStoreAnswers(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	change := func(f func(*bearer.Key)) *bearer.Key {
		k := key
		f(&k)
		return &k
	}
	_, otherKey := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name string
		key  *bearer.Key
		err  error
		want string
	}{
		{"the key", &key, nil, "passed"},
		{"not found", nil, bearer.ErrKeyNotFound, "401 invalid_api_key"},
		{"not found, wrapped", nil, fmt.Errorf("sql: %w", bearer.ErrKeyNotFound), "401 invalid_api_key"},
		{"not found, joined", nil, errors.Join(errDatabase, bearer.ErrKeyNotFound), "401 invalid_api_key"},
		{"not found, and a key", &key, bearer.ErrKeyNotFound, "401 invalid_api_key"},
		{"an error", nil, errDatabase, "503 store_unavailable"},
		{"an error, and a key", &key, errDatabase, "503 store_unavailable"},
		{"a canceled look-up", nil, context.Canceled, "503 store_unavailable"},
		{"neither", nil, nil, "503 store_unavailable"},
		{"another key", &otherKey, nil, "401 invalid_api_key"},
		{"one bit of the hash", change(func(k *bearer.Key) { k.Hash[31] ^= 1 }), nil, "401 invalid_api_key"},
		{"no hash", change(func(k *bearer.Key) { k.Hash = bearer.KeyHash{} }), nil, "401 invalid_api_key"},
		{"an empty record", new(bearer.Key), nil, "401 invalid_api_key"},
		{"no kind", change(func(k *bearer.Key) { k.Kind = 0 }), nil, "401 invalid_api_key"},
		{"another kind", change(func(k *bearer.Key) { k.Kind = bearer.PublishableKey }), nil, "401 invalid_api_key"},
		{"the kind of a JWT", change(func(k *bearer.Key) { k.Kind = bearer.Token }), nil, "401 invalid_api_key"},
		{"another environment", change(func(k *bearer.Key) { k.Environment = bearer.Test }), nil, "401 invalid_api_key"},
		{"no environment", change(func(k *bearer.Key) { k.Environment = 0 }), nil, "401 invalid_api_key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			store := storeFunc(func(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
				assert.Equal(t, [32]byte(key.Hash), [32]byte(hash))
				return row.key, row.err
			})
			assert.Equal(t, row.want, verdict(get(newGuard(t, bearer.Config{Keys: store}).Handler(pass), text)))
		})
	}
}

func TestBrokenPartsRefuse(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	token := a.token(t, nil)
	keys := bearer.NewMemoryStore(key)
	limiter := func(f limiterFunc) bearer.Config { return bearer.Config{Keys: keys, Limiter: f} }
	stale, panicking := a.config(), a.config()
	stale.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
		return bearer.Session{Ended: false}, errDatabase
	}
	panicking.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) { panic("session") }
	for _, row := range []struct {
		name       string
		config     bearer.Config
		credential string
		want       string
	}{
		{"store panics", bearer.Config{Keys: storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { panic("store") })}, text, "503 store_unavailable"},
		{"store panics with an error", bearer.Config{Keys: storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { panic(bearer.ErrKeyNotFound) })}, text, "503 store_unavailable"},
		{"limiter fails", limiter(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return bearer.Usage{}, errDatabase }), text, "503 limiter_unavailable"},
		{"limiter fails and allows", limiter(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
			return bearer.Usage{Allowed: true}, errDatabase
		}), text, "503 limiter_unavailable"},
		{"limiter panics", limiter(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { panic("limiter") }), text, "503 limiter_unavailable"},
		{"limiter says nothing", limiter(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) { return bearer.Usage{}, nil }), text, "429 rate_limit_exceeded"},
		{"revocation fails", bearer.Config{JWT: []bearer.JWT{stale}}, token, "503 store_unavailable"},
		{"revocation panics", bearer.Config{JWT: []bearer.JWT{panicking}}, token, "503 store_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := get(newGuard(t, row.config).Handler(pass), row.credential)
			assert.Equal(t, row.want, verdict(w))
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
		})
	}
}

// A driverError panics if it is a nil pointer.
type driverError struct{ cause error }

func (e *driverError) Error() string { return "driver: " + e.cause.Error() }
func (e *driverError) Unwrap() error { return e.cause }

// A nil pointer that is returned as an error is not the nil error, and its
// methods panic.
func TestErrorsThatAreNilPointers(t *testing.T) {
	var typedNil *driverError
	text, key := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	broken := storeFunc(func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return nil, typedNil })
	withJWT := func(change func(*bearer.JWT)) bearer.Config {
		j := a.config()
		change(&j)
		return bearer.Config{JWT: []bearer.JWT{j}}
	}
	for _, row := range []struct {
		name       string
		config     bearer.Config
		credential string
		want       string
	}{
		{"store", bearer.Config{Keys: broken}, text, "503 store_unavailable"},
		{"store behind a cache", bearer.Config{Keys: bearer.CachedStore(broken, bearer.CacheConfig{})}, text, "503 store_unavailable"},
		{"limiter", bearer.Config{
			Keys: bearer.NewMemoryStore(key),
			Limiter: limiterFunc(func(bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
				return bearer.Usage{Allowed: true}, typedNil
			}),
		}, text, "503 limiter_unavailable"},
		{"Keyfunc", withJWT(func(j *bearer.JWT) {
			j.Keyfunc = func(*jwt.Token) (any, error) { return a.secret, typedNil }
		}), a.token(t, nil), "503 keys_unavailable"},
		{"Session", withJWT(func(j *bearer.JWT) {
			j.Session = func(context.Context, *bearer.Principal) (bearer.Session, error) {
				return bearer.Session{Ended: false}, typedNil
			}
		}), a.token(t, nil), "503 store_unavailable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen string
			row.config.Observe = func(_ *http.Request, _ *bearer.Principal, e *bearer.Error) { seen = fmt.Sprint(e) }
			assert.Equal(t, row.want, verdict(get(newGuard(t, row.config).Handler(pass), row.credential)))
			assert.Contains(t, seen, "unavailable")
			assert.NotContains(t, seen, "PANIC")
		})
	}
}

// Functions that are called for each request panic as a handler does: the guard
// recovers only from parts that may be out of order.
func TestPanicsOfTheApplicationGoOn(t *testing.T) {
	text, key := newKey(bearer.PublishableKey, bearer.Live, func(k *bearer.Key) { k.AllowedIPs = prefixes("192.0.2.0/24") })
	for _, row := range []struct {
		name   string
		change func(*bearer.Config)
	}{
		{"Access", func(c *bearer.Config) { c.Access = func(*http.Request) bearer.Access { panic("mine") } }},
		{"ClientIP", func(c *bearer.Config) { c.ClientIP = func(*http.Request) netip.Addr { panic("mine") } }},
		{"Cost", func(c *bearer.Config) { c.Cost = func(*http.Request) int { panic("mine") } }},
		{"Observe", func(c *bearer.Config) {
			c.Observe = func(*http.Request, *bearer.Principal, *bearer.Error) { panic("mine") }
		}},
		{"ErrorHandler", func(c *bearer.Config) {
			c.ErrorHandler = func(http.ResponseWriter, *http.Request, *bearer.Error) { panic("mine") }
			c.Environment = bearer.Test
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := bearer.Config{Keys: bearer.NewMemoryStore(key)}
			row.change(&config)
			h := newGuard(t, config).Handler(pass)
			assert.PanicsWithValue(t, "mine", func() { get(h, text) })
		})
	}
}

// Unknown, mistyped and wrong keys give one answer, byte for byte.
func TestWrongKeysAreAlike(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	unknown, _ := newKey(bearer.SecretKey, bearer.Live)
	_, other := newKey(bearer.SecretKey, bearer.Live)
	lookUps := 0
	h := newGuard(t, bearer.Config{Keys: counting(bearer.NewMemoryStore(key), &lookUps)}).Handler(pass)
	wrong := newGuard(t, bearer.Config{Keys: storeFunc(
		func(context.Context, bearer.KeyHash) (*bearer.Key, error) { return &other, nil },
	)}).Handler(pass)

	want := dump(get(h, unknown))
	require.Equal(t, 1, lookUps)
	assert.Equal(t, want, dump(get(wrong, unknown)), "wrong")
	for _, row := range []struct {
		name string
		text string
	}{
		{"last character", mistyped(text)},
		{"first of the id", "sk_live_" + mistyped(text[8:9]) + text[9:]},
		{"too short", text[:len(text)-1]},
		{"too long", text + "a"},
		{"another environment", "sk_test_" + text[8:]},
		{"no such environment", "sk_prod_" + text[8:]},
		{"another kind", "pk_live_" + text[8:]},
		{"prefix only", "sk_"},
		{"no prefix", text[8:]},
		{"upper case", "SK_LIVE_" + text[8:]},
		{"namespace", "acme_" + text},
		{"punctuation", text[:len(text)-1] + "~"},
		{"padding", text + "="},
		{"one character", "a"},
		{"one dot", text + ".a"},
		{"two dots", text + ".a.b"},
		{"three dots", "a.b.c.d"},
	} {
		assert.Equal(t, want, dump(get(h, row.text)), row.name)
	}
	assert.Equal(t, 1, lookUps, "mistyped keys do not reach the store")
}

// S1.2: keys of an older system.
func TestForeignKeys(t *testing.T) {
	record := func(text string, kind bearer.Kind, env bearer.Environment) bearer.Key {
		return bearer.Key{ID: text, Hash: bearer.KeyFormat{}.Hash(text), Kind: kind, Environment: env, Scopes: "tokens:read"}
	}
	text, own := newKey(bearer.SecretKey, bearer.Live, scoped("tokens:read"))
	typo := mistyped(text)
	store := bearer.NewMemoryStore(own,
		record("0fae4f3d-opaque", bearer.SecretKey, 0),
		record("old/+key==", bearer.SecretKey, bearer.Live),
		record("sk_old", bearer.SecretKey, bearer.Live),
		record("pk_old", bearer.PublishableKey, bearer.Live),
		record("kindless", 0, 0),
		record("one.dot", bearer.SecretKey, 0),
		record("a.b.c", bearer.SecretKey, 0),
		record(typo, bearer.SecretKey, bearer.Live),
	)
	const invalid = "401 invalid_api_key"
	for _, row := range []struct {
		name       string
		credential string
		want       string // with Foreign
	}{
		{"S1.2 opaque", "0fae4f3d-opaque", "passed"},
		{"S1.2 padding", "old/+key==", "passed"},
		{"S1.2 a prefix of this format", "sk_old", "passed"},
		{"S1.2 publishable", "pk_old", "passed"},
		{"S1.2 one dot", "one.dot", "passed"},
		{"S1.2 not known", "0fae4f3d-opaqu", invalid},
		{"S1.2 without padding", "old/+key", invalid},
		{"S1.2 a record without a kind", "kindless", invalid},
		{"S1.2 a mistyped key of this format", typo, invalid},
		{"two dots", "a.b.c", "passed"},
		{"two dots, not known", "SG.x.y", invalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newGuard(t, bearer.Config{Keys: store, Format: bearer.KeyFormat{Foreign: true}}).Require("tokens:read")(pass)
			assert.Equal(t, row.want, verdict(get(h, row.credential)))
			want := row.want
			if want == "passed" {
				want = invalid
			}
			if strings.Count(row.credential, ".") == 2 {
				want = "401 wrong_credential_type"
			}
			h = newGuard(t, bearer.Config{Keys: store}).Require("tokens:read")(pass)
			assert.Equal(t, want, verdict(get(h, row.credential)), "without Foreign")
			assert.Equal(t, "passed", verdict(get(h, text)), "a key of this format")
		})
	}
	bound := newGuard(t, bearer.Config{Keys: store, Format: bearer.KeyFormat{Foreign: true}, Environment: bearer.Live}).Handler(pass)
	assert.Equal(t, "403 environment_mismatch", verdict(get(bound, "0fae4f3d-opaque")), "a key without an environment, where one is demanded")
}

// S4.4, S0.2: a credential is never tried as two things.
func TestKindsOfCredentials(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	a := newAuthority()
	token := a.token(t, nil)
	lookUps := 0
	store := counting(bearer.NewMemoryStore(key), &lookUps)
	keys, tokens, both := bearer.Config{Keys: store}, bearer.Config{JWT: []bearer.JWT{a.config()}}, bearer.Config{Keys: store, JWT: []bearer.JWT{a.config()}}
	for _, row := range []struct {
		name       string
		config     bearer.Config
		credential string
		want       string
	}{
		{"S4.1 key at keys", keys, text, "passed"},
		{"S4.4 JWT at keys", keys, token, "401 wrong_credential_type"},
		{"S4.4 JWT at JWTs", tokens, token, "passed"},
		{"S4.4 key at JWTs", tokens, text, "401 wrong_credential_type"},
		{"S4.4 mistyped key at JWTs", tokens, mistyped(text), "401 wrong_credential_type"},
		{"key at both", both, text, "passed"},
		{"JWT at both", both, token, "passed"},
		{"S0.2 a raw apiKey at JWTs", tokens, "123e4567-e89b-12d3-a456-426614174000", "401 invalid_token"},
		{"S0.2 a raw apiKey at both", both, "123e4567-e89b-12d3-a456-426614174000", "401 invalid_api_key"},
		{"S0.2 a raw apiSecret at JWTs", tokens, "correct-horse-battery-staple-0123456789", "401 invalid_token"},
		{"three dots at JWTs", tokens, token + ".x", "401 invalid_token"},
		{"one dot at JWTs", tokens, "a.b", "401 invalid_token"},
		{"key prefix and two dots at JWTs", tokens, "sk_a.b.c", "401 wrong_credential_type"},
		{"key prefix and two dots at both", both, "sk_a.b.c", "401 invalid_api_key"},
		{"a JWT that is wrong at both", both, mistyped(token), "401 invalid_token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			lookUps = 0
			assert.Equal(t, row.want, verdict(get(newGuard(t, row.config).Handler(pass), row.credential)))
			if row.credential != text {
				assert.Zero(t, lookUps, "nothing but a key reaches the store")
			}
		})
	}
}

// The cause says how a record and its text differ, since it is easy to leave a
// field of the record out.
func TestCauseOfAnotherKind(t *testing.T) {
	text, key := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name   string
		change func(*bearer.Key)
		want   string
	}{
		{"no kind", func(k *bearer.Key) { k.Kind = 0 }, `Kind Kind(0) and Environment "live"`},
		{"no environment", func(k *bearer.Key) { k.Environment = 0 }, `Kind secret and Environment ""`},
		{"another", func(k *bearer.Key) { k.Environment = bearer.Test }, `Kind secret and Environment "test"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			stored := key
			row.change(&stored)
			_, err := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore(stored)}).Check(request(http.MethodGet, "/", text))
			want := `bearer: unauthorized: invalid_api_key: the record of "` + key.ID + `" says ` + row.want +
				`; its text says secret and "live"`
			assert.EqualError(t, err, want)
		})
	}
}
