package recipes

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
)

// A LegacyStore finds keys whose hashes an older system salted, and moves each
// to the hash of this package when it is first used.
type LegacyStore struct {
	bearer.KeyStore                  // the keys that have been moved, and new ones
	Format          bearer.KeyFormat // of the guard, with Foreign

	// Verify finds the record by the public part of the text, compares the salted
	// hash in constant time, and returns ErrKeyNotFound if either fails.
	Verify func(ctx context.Context, text string) (*bearer.Key, error)
	// Save stores the key under its hash. Two requests may store the same one.
	Save func(ctx context.Context, key *bearer.Key) error
}

// A legacyText is a type of its own so that a context that is logged does not
// show the text.
type legacyText struct{ text string }

// WithText goes in front of the guard: the store is asked with its context.
func WithText(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		field := strings.Fields(r.Header.Get("Authorization"))
		if len(field) == 2 && strings.EqualFold(field[0], "Bearer") && strings.HasPrefix(field[1], "old_") {
			r = r.WithContext(context.WithValue(r.Context(), legacyText{}, &legacyText{field[1]}))
		}
		next.ServeHTTP(w, r)
	})
}

// FindKey asks the older system only for what is not found.
func (s LegacyStore) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := s.KeyStore.FindKey(ctx, hash)
	legacy, _ := ctx.Value(legacyText{}).(*legacyText)
	if !errors.Is(err, bearer.ErrKeyNotFound) || legacy == nil || s.Format.Hash(legacy.text) != hash {
		return key, err
	}
	key, err = s.Verify(ctx, legacy.text)
	if err != nil {
		return nil, err
	}
	key.Hash = hash
	return key, s.Save(ctx, key)
}
