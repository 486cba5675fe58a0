package issuer

import (
	"maps"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// longAgo stands for an instant in the past that is not known.
var longAgo = time.Unix(0, 0).UTC()

// GuardKey returns what a guard sees of one secret of the key: that with the
// hash. If the hash is not among the key's Secrets, the secret has ended.
func (k APIKey) GuardKey(hash bearer.KeyHash) *bearer.Key {
	key := &bearer.Key{
		ID:             k.ID,
		Hash:           hash,
		Kind:           k.Kind,
		Environment:    k.Environment,
		Owner:          k.Owner,
		Scopes:         k.Scopes,
		AllowedIPs:     slices.Clone(k.AllowedIPs),
		AllowedOrigins: slices.Clone(k.AllowedOrigins),
		Limit:          k.Limit,
		ExpiresAt:      k.ExpiresAt,
		EndsAt:         longAgo,
		RevokedAt:      k.RevokedAt,
	}
	for _, s := range k.Secrets {
		if s.Hash == hash {
			key.EndsAt = s.EndsAt
		}
	}
	if k.Disabled && key.RevokedAt.IsZero() {
		key.RevokedAt = longAgo
	}
	if len(k.Metadata) > 0 {
		key.Data = maps.Clone(k.Metadata)
	}
	return key
}
