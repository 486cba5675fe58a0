// Package firstuse imports keys of an older system into an issuer when they are
// first used. It is the code of docs/migrating.md, for its guides.
package firstuse

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// A Store finds the keys of an issuer. What is not there, it looks for in an older
// system, whose keys it imports one by one when they are first used.
type Store struct {
	bearer.KeyStore                  // of Issuer.KeyConfig
	Format          bearer.KeyFormat // of the issuer, with Foreign

	// Import looks for the text in the older system, and imports its record under
	// the hash. If the text is not good there, it returns ErrKeyNotFound; any other
	// error is an outage (503).
	Import func(ctx context.Context, text string, hash bearer.KeyHash) error
}

// FindKey implements bearer.KeyStore. Two requests may import one key at once.
func (s Store) FindKey(ctx context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	key, err := s.KeyStore.FindKey(ctx, hash)
	text, _ := ctx.Value(textKey{}).(*hiddenText)
	if !errors.Is(err, bearer.ErrKeyNotFound) || text == nil || s.Format.Hash(text.text) != hash {
		return key, err
	}
	if err := s.Import(ctx, text.text, hash); err != nil && !errors.Is(err, issuer.ErrExists) {
		return nil, err
	}
	return s.KeyStore.FindKey(ctx, hash)
}

// WithText stands in front of the guard, and shows the store the text of keys that
// have the prefix of the older system.
func WithText(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		text = strings.TrimSpace(text)
		if strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(text, prefix) {
			r = r.WithContext(context.WithValue(r.Context(), textKey{}, &hiddenText{text}))
		}
		next.ServeHTTP(w, r)
	})
}

type textKey struct{}

// A hiddenText is behind a pointer, so that a context that is logged does not show
// it.
type hiddenText struct{ text string }
