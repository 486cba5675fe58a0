package bearer_test

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestNewRefusesMisconfiguration(t *testing.T) {
	a := newAuthority()
	for _, row := range []struct {
		name   string
		change func(*bearer.Config)
		field  string
	}{
		{"nothing to accept", func(c *bearer.Config) { c.Keys = nil }, "Config.Keys"},
		{"nil *MemoryStore", func(c *bearer.Config) { c.Keys = (*bearer.MemoryStore)(nil) }, "Config.Keys"},
		{"nil store function", func(c *bearer.Config) { c.Keys = storeFunc(nil) }, "Config.Keys"},
		{"nil *KeyCache", func(c *bearer.Config) { c.Keys = (*bearer.KeyCache)(nil) }, "Config.Keys"},
		{"zero KeyCache", func(c *bearer.Config) { c.Keys = new(bearer.KeyCache) }, "Config.Keys"},
		{"nil *bearertest.Keys", func(c *bearer.Config) { c.Keys = (*bearertest.Keys)(nil) }, "Config.Keys"},
		{"cache of nil", func(c *bearer.Config) { c.Keys = cacheOf(nil) }, "Config.Keys"},
		{"cache of a nil *MemoryStore", func(c *bearer.Config) { c.Keys = cacheOf((*bearer.MemoryStore)(nil)) }, "Config.Keys"},
		{"cache of a nil function", func(c *bearer.Config) { c.Keys = cacheOf(storeFunc(nil)) }, "Config.Keys"},
		{"cache of a nil *KeyCache", func(c *bearer.Config) { c.Keys = cacheOf((*bearer.KeyCache)(nil)) }, "Config.Keys"},
		{"cache of a zero KeyCache", func(c *bearer.Config) { c.Keys = cacheOf(new(bearer.KeyCache)) }, "Config.Keys"},
		{"cache of a cache of nil", func(c *bearer.Config) { c.Keys = cacheOf(cacheOf(nil)) }, "Config.Keys"},
		{"nil *Buckets", func(c *bearer.Config) { c.Limiter = (*bearer.Buckets)(nil) }, "Config.Limiter"},
		{"nil limiter function", func(c *bearer.Config) { c.Limiter = limiterFunc(nil) }, "Config.Limiter"},
		{"namespace in capitals", func(c *bearer.Config) { c.Format.Namespace = "Acme" }, "Config.Format.Namespace"},
		{"long namespace", func(c *bearer.Config) { c.Format.Namespace = "a23456789012345678901234567890123" }, "Config.Format.Namespace"},
		{"short pepper", func(c *bearer.Config) { c.Format.Pepper = make([]byte, 31) }, "Config.Format.Pepper"},
		{"pepper from a variable that is not set", func(c *bearer.Config) { c.Format.Pepper = []byte("") }, "Config.Format.Pepper"},
		{"negative environment", func(c *bearer.Config) { c.Environment = -1 }, "Config.Environment"},
		{"no such environment", func(c *bearer.Config) { c.Environment = 3 }, "Config.Environment"},
		{"limit without a rate", func(c *bearer.Config) { c.Limit = bearer.Limit{Burst: 1} }, "Config.Limit"},
		{"limit without a burst", func(c *bearer.Config) { c.Limit = bearer.Limit{Rate: 1} }, "Config.Limit"},
		{"negative limit", func(c *bearer.Config) { c.Limit = bearer.Limit{Rate: -1, Burst: 1} }, "Config.Limit"},
		{"limit that is no number", func(c *bearer.Config) { c.Limit = bearer.Limit{Rate: rate.Limit(math.NaN()), Burst: 1} }, "Config.Limit"},
		{"limit of none a second", func(c *bearer.Config) { c.Limit = bearer.PerSecond(0) }, "Config.Limit"},
		{"failure limit of none a minute", func(c *bearer.Config) { c.FailureLimit = bearer.PerMinute(0) }, "Config.FailureLimit"},
		{"quote in the realm", func(c *bearer.Config) { c.Realm = `a"b` }, "Config.Realm"},
		{"backslash in the realm", func(c *bearer.Config) { c.Realm = `a\b` }, "Config.Realm"},
		{"line break in the realm", func(c *bearer.Config) { c.Realm = "a\r\nSet-Cookie: x" }, "Config.Realm"},
		{"realm that is not ASCII", func(c *bearer.Config) { c.Realm = "é" }, "Config.Realm"},
		{"short old pepper", func(c *bearer.Config) { c.Format.OldPeppers = [][]byte{nil, make([]byte, 31)} }, "Config.Format.OldPeppers"},
		{"empty old pepper", func(c *bearer.Config) { c.Format.OldPeppers = [][]byte{{}} }, "Config.Format.OldPeppers"},
		{"negative MaxCredential", func(c *bearer.Config) { c.MaxCredential = -1 }, "Config.MaxCredential"},
		{"negative IPv6Prefix", func(c *bearer.Config) { c.IPv6Prefix = -1 }, "Config.IPv6Prefix"},
		{"IPv6Prefix of more bits than an address has", func(c *bearer.Config) { c.IPv6Prefix = 129 }, "Config.IPv6Prefix"},
		{"MaxCredential shorter than a key", func(c *bearer.Config) { c.MaxCredential = 46 }, "Config.MaxCredential"},
		{"a catalogue with a family", func(c *bearer.Config) { c.Catalogue = []bearer.Scope{"a:*"} }, "Config.Catalogue"},
		{"a catalogue with a list", func(c *bearer.Config) { c.Catalogue = []bearer.Scope{"a b"} }, "Config.Catalogue"},
		{"metadata without a host", func(c *bearer.Config) { c.ResourceMetadata = "/metadata" }, "Config.ResourceMetadata"},
		{"metadata with a quote", func(c *bearer.Config) { c.ResourceMetadata = `https://a/"` }, "Config.ResourceMetadata"},
		{"metadata of another scheme", func(c *bearer.Config) { c.ResourceMetadata = "ftp://a/b" }, "Config.ResourceMetadata"},
		{"no issuer", func(c *bearer.Config) { c.JWT[0].Issuer = "" }, "Config.JWT.Issuer"},
		{"no audience", func(c *bearer.Config) { c.JWT[0].Audiences = nil }, "Config.JWT.Audiences"},
		{"no algorithms", func(c *bearer.Config) { c.JWT[0].Algorithms = nil }, "Config.JWT.Algorithms"},
		{"algorithm none", func(c *bearer.Config) { c.JWT[0].Algorithms = []string{"none"} }, "Config.JWT.Algorithms"},
		{"two families", func(c *bearer.Config) { c.JWT[0].Algorithms = []string{"HS256", "RS256"} }, "Config.JWT.Algorithms"},
		{"no key function", func(c *bearer.Config) { c.JWT[0].Keyfunc = nil }, "Config.JWT.Keyfunc"},
		{"negative leeway", func(c *bearer.Config) { c.JWT[0].Leeway = -1 }, "Config.JWT.Leeway"},
		{"negative cache", func(c *bearer.Config) { c.JWT[0].Cache = -1 }, "Config.JWT.Cache"},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := bearer.Config{Keys: bearer.NewMemoryStore()}
			if strings.HasPrefix(row.field, "Config.JWT") {
				config.JWT = []bearer.JWT{a.config()}
			}
			row.change(&config)
			guard, err := bearer.New(config)
			assert.ErrorContains(t, err, "bearer: "+row.field+": ")
			assert.Nil(t, guard)
		})
	}
}

func TestNewJoinsErrors(t *testing.T) {
	_, err := bearer.New(bearer.Config{
		JWT:          make([]bearer.JWT, 1),
		Limiter:      (*bearer.Buckets)(nil),
		Format:       bearer.KeyFormat{Namespace: "-", Pepper: []byte("short")},
		Environment:  9,
		Limit:        bearer.PerSecond(-1),
		FailureLimit: bearer.PerSecond(-1),
		Realm:        `"`,
	})
	for _, field := range []string{
		"Limiter", "Format.Namespace", "Format.Pepper", "Environment", "Limit", "FailureLimit",
		"Realm", "JWT.Issuer", "JWT.Audiences", "JWT.Algorithms", "JWT.Keyfunc",
	} {
		assert.ErrorContains(t, err, "bearer: Config."+field+": ")
	}
	assert.NotContains(t, err.Error(), "short\n", "not the pepper")
}

func TestNewAccepts(t *testing.T) {
	store, a := bearer.NewMemoryStore(), newAuthority()
	for _, row := range []struct {
		name   string
		config bearer.Config
	}{
		{"keys", bearer.Config{Keys: store}},
		{"JWTs", bearer.Config{JWT: []bearer.JWT{a.config()}}},
		{"both", bearer.Config{Keys: store, JWT: []bearer.JWT{a.config()}}},
		{"unlimited", bearer.Config{Keys: store, Limit: bearer.Unlimited, FailureLimit: bearer.Unlimited}},
		{"infinite", bearer.Config{Keys: store, Limit: bearer.Limit{Rate: rate.Inf, Burst: 1}}},
		{"a store by value", bearer.Config{Keys: emptyStore{}}},
		{"a cache of a cache", bearer.Config{Keys: cacheOf(cacheOf(store))}},
		{"a realm of all that is allowed", bearer.Config{Keys: store, Realm: "a b!#[]^_{|}~'"}},
		{"a namespace with all that is allowed", bearer.Config{Keys: store, Format: bearer.KeyFormat{Namespace: "a_z0123456789"}}},
		{"the shortest pepper", bearer.Config{Keys: store, Format: bearer.KeyFormat{Pepper: make([]byte, 32)}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard, err := bearer.New(row.config)
			assert.NoError(t, err)
			assert.NotNil(t, guard)
		})
	}
}

func TestLimitsThatAreRefused(t *testing.T) {
	const noRate = "the rate is not positive: nothing would get through"
	const noBurst = "the burst is not positive: nothing would get through"
	for _, row := range []struct {
		name  string
		limit bearer.Limit
		want  string // "": accepted
	}{
		{"zero: the default", bearer.Limit{}, ""},
		{"per second", bearer.PerSecond(1), ""},
		{"unlimited", bearer.Unlimited, ""},
		{"infinite", bearer.Limit{Rate: rate.Limit(math.Inf(1)), Burst: -1}, ""},
		{"no rate", bearer.Limit{Burst: 1}, noRate},
		{"negative rate", bearer.Limit{Rate: -1, Burst: 1}, noRate},
		{"not a number", bearer.Limit{Rate: rate.Limit(math.NaN()), Burst: 1}, noRate},
		{"no burst", bearer.Limit{Rate: 1}, noBurst},
		{"negative burst", bearer.Limit{Rate: 1, Burst: -1}, noBurst},
		{"PerSecond(0)", bearer.PerSecond(0), noRate},
	} {
		for _, field := range []string{"Limit", "FailureLimit"} {
			config := bearer.Config{Keys: bearer.NewMemoryStore(), Limit: row.limit}
			if field == "FailureLimit" {
				config.Limit, config.FailureLimit = bearer.Limit{}, row.limit
			}
			_, err := bearer.New(config)
			if row.want == "" {
				assert.NoError(t, err, row.name)
			} else {
				assert.EqualError(t, err, "bearer: Config."+field+": "+row.want, row.name)
			}
		}
	}
}

func cacheOf(store bearer.KeyStore) *bearer.KeyCache {
	return bearer.CachedStore(store, bearer.CacheConfig{})
}

type emptyStore struct{}

func (emptyStore) FindKey(context.Context, bearer.KeyHash) (*bearer.Key, error) {
	return nil, bearer.ErrKeyNotFound
}

func TestNewCopiesTheConfig(t *testing.T) {
	pepper := bytes.Repeat([]byte{7}, 32)
	text, hash := bearer.KeyFormat{Pepper: pepper}.Generate(bearer.SecretKey, bearer.Live)
	store := bearer.NewMemoryStore(bearer.Key{ID: "key_1", Hash: hash, Kind: bearer.SecretKey, Environment: bearer.Live})
	a := newAuthority()
	config := bearer.Config{Keys: store, JWT: []bearer.JWT{a.config()}, Format: bearer.KeyFormat{Pepper: pepper}}
	guard := newGuard(t, config)
	token := a.token(t, nil)

	clear(pepper)
	config.JWT[0].Issuer, config.JWT[0].Keyfunc, config.Keys = "another", nil, nil
	_, err := guard.Check(request(http.MethodGet, "/", text))
	assert.NoError(t, err)
	_, err = guard.Check(request(http.MethodGet, "/", token))
	assert.NoError(t, err)
}

// A guard that New did not make refuses, and does not panic.
func TestNoGuard(t *testing.T) {
	text, _ := newKey(bearer.SecretKey, bearer.Live)
	for _, row := range []struct {
		name  string
		guard *bearer.Guard
	}{
		{"zero", new(bearer.Guard)},
		{"nil", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, h := range []http.Handler{
				row.guard.Handler(pass), row.guard.Require("a")(pass), row.guard.RequireAny("a")(pass), row.guard.Resource("a")(pass),
			} {
				for _, credential := range []string{"", text, "a.b.c"} {
					w := get(h, credential)
					assert.Equal(t, "503 store_unavailable", verdict(w))
					assert.Equal(t, "1", w.Header().Get("Retry-After"))
				}
			}
			p, err := row.guard.Check(request(http.MethodGet, "/", text))
			require.Error(t, err)
			assert.Equal(t, bearer.CodeServiceUnavailable, bearer.CodeOf(err))
			assert.Nil(t, p)
		})
	}
}

func TestStartUpPanics(t *testing.T) {
	guard := newGuard(t, bearer.Config{Keys: bearer.NewMemoryStore()})
	for _, row := range []struct {
		name string
		call func()
		text string
	}{
		{"nil handler for Handler", func() { guard.Handler(nil) }, "bearer: Handler: nil handler"},
		{"nil handler for Require", func() { guard.Require("a")(nil) }, "bearer: Require: nil handler"},
		{"nil handler for RequireAny", func() { guard.RequireAny("a")(nil) }, "bearer: RequireAny: nil handler"},
		{"nil handler for Resource", func() { guard.Resource("a")(nil) }, "bearer: Resource: nil handler"},
		{"empty scope", func() { guard.Require("") }, "bearer: Require: empty scope"},
		{"empty scope among others", func() { guard.Require("a", "") }, "bearer: Require: empty scope"},
		{"empty scope for RequireAny", func() { guard.RequireAny("a", "") }, "bearer: RequireAny: empty scope"},
		{
			"a list", func() { guard.Require("tokens:read wallets:read") },
			`bearer: Require: scope "tokens:read wallets:read" has a space: that is a list, or part of one`,
		},
		{"empty resource", func() { guard.Resource("") }, "bearer: Resource: empty scope"},
	} {
		t.Run(row.name, func(t *testing.T) {
			assert.PanicsWithValue(t, row.text, row.call)
		})
	}
	for _, scope := range []bearer.Scope{"a b", `a"b`, `a\b`, "a\n", "é", " a"} {
		assert.Panics(t, func() { guard.Require(scope) }, "%q", scope)
		assert.Panics(t, func() { guard.RequireAny(scope) }, "%q", scope)
		assert.Panics(t, func() { guard.Resource(string(scope)) }, "%q", scope)
	}
}
