package recipes_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/stretchr/testify/assert"
)

func TestLegacyStore(t *testing.T) {
	salted := func(salt, secret string) [32]byte { return sha256.Sum256([]byte(salt + secret)) }
	table := map[string]struct {
		salt string
		sum  [32]byte
	}{"7f3a": {"pepper", salted("pepper", "open-sesame")}}
	verified := 0
	var outage error
	moved := new(bearer.MemoryStore)
	format := bearer.KeyFormat{Foreign: true}
	store := recipes.LegacyStore{
		KeyStore: moved,
		Format:   format,
		Verify: func(_ context.Context, text string) (*bearer.Key, error) {
			verified++
			public, secret, _ := strings.Cut(strings.TrimPrefix(text, "old_"), "_")
			row, ok := table[public]
			sum := salted(row.salt, secret)
			if !ok || subtle.ConstantTimeCompare(sum[:], row.sum[:]) != 1 {
				return nil, bearer.ErrKeyNotFound
			}
			return &bearer.Key{ID: "old_" + public, Kind: bearer.SecretKey, Environment: bearer.Live}, nil
		},
		Save: func(_ context.Context, key *bearer.Key) error {
			_ = moved.Add(*key)
			return outage
		},
	}
	guard := newGuard(t, bearer.Config{Keys: store, Format: format})
	app := recipes.WithText(guard.Handler(whoami))
	for _, row := range []struct {
		name, credential string
		status, verified int
	}{
		{"a wrong secret", "old_7f3a_open-barley", 401, 1},
		{"an unknown key", "old_0000_open-sesame", 401, 1},
		{"no key of the older system", "7f3a_open-sesame", 401, 0},
		{"the first use", "old_7f3a_open-sesame", 200, 1},
		{"the second use", "old_7f3a_open-sesame", 200, 0},
		{"nothing", "", 401, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			verified = 0
			assert.Equal(t, row.status, serve(app, get("/", row.credential)).Code)
			assert.Equal(t, row.verified, verified)
		})
	}
	assert.Equal(t, 200, serve(guard.Handler(whoami), get("/", "old_7f3a_open-sesame")).Code, "moved: needs no text")
	assert.NoError(t, moved.Remove("old_7f3a"))
	assert.Equal(t, 200, serve(app, with(get("/", ""), "Authorization", "bearer  old_7f3a_open-sesame")).Code)
	assert.NoError(t, moved.Remove("old_7f3a"))
	cached := newGuard(t, bearer.Config{Keys: bearer.CachedStore(store, bearer.CacheConfig{}), Format: format})
	assert.Equal(t, 200, serve(recipes.WithText(cached.Handler(whoami)), get("/", "old_7f3a_open-sesame")).Code, "cached")
	assert.NoError(t, moved.Remove("old_7f3a"))
	outage = errors.New("connection refused")
	assert.Equal(t, 503, serve(app, get("/", "old_7f3a_open-sesame")).Code)

	var printed string
	look := recipes.WithText(newGuard(t, bearer.Config{Keys: contextStore{&printed}, Format: format}).Handler(whoami))
	serve(look, get("/", "old_7f3a_open-sesame"))
	assert.NotEmpty(t, printed)
	assert.NotContains(t, printed, "sesame")
}

// A contextStore prints the context that it is asked with.
type contextStore struct{ printed *string }

func (s contextStore) FindKey(ctx context.Context, _ bearer.KeyHash) (*bearer.Key, error) {
	*s.printed = fmt.Sprintf("%v %+v", ctx, ctx)
	return nil, bearer.ErrKeyNotFound
}
