package issuer_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
)

// TestGuardKey proves S4.11 as far as the record goes: what a guard sees of each
// secret.
func TestGuardKey(t *testing.T) {
	var (
		old, newest, unknown = bearer.KeyHash{1}, bearer.KeyHash{2}, bearer.KeyHash{3}
		end                  = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		longAgo              = time.Unix(0, 0).UTC()
	)
	whole := func() issuer.APIKey {
		return issuer.APIKey{
			ID: "ak_1", Owner: "acme", Name: "a key", Kind: bearer.PublishableKey, Environment: bearer.Live,
			Scopes:         "tokens:read",
			AllowedIPs:     []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			AllowedOrigins: []string{"https://app.example"},
			Limit:          bearer.PerSecond(5),
			Metadata:       map[string]string{"plan": "gold"},
			ExpiresAt:      end.Add(time.Hour),
			Secrets:        []issuer.Secret{{ID: "a", Hash: old, EndsAt: end}, {ID: "b", Hash: newest}},
		}
	}
	seen := func(hash bearer.KeyHash, endsAt, revokedAt time.Time) *bearer.Key {
		return &bearer.Key{
			ID: "ak_1", Hash: hash, Owner: "acme", Kind: bearer.PublishableKey, Environment: bearer.Live,
			Scopes:         "tokens:read",
			AllowedIPs:     []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
			AllowedOrigins: []string{"https://app.example"},
			Limit:          bearer.PerSecond(5),
			Data:           map[string]string{"plan": "gold"},
			ExpiresAt:      end.Add(time.Hour),
			EndsAt:         endsAt,
			RevokedAt:      revokedAt,
		}
	}
	tests := []struct {
		name   string
		change func(*issuer.APIKey)
		hash   bearer.KeyHash
		want   *bearer.Key
	}{
		{"newest secret", nil, newest, seen(newest, time.Time{}, time.Time{})},
		{"old secret", nil, old, seen(old, end, time.Time{})},
		{"secret that was dropped", nil, unknown, seen(unknown, longAgo, time.Time{})},
		{"revoked", func(k *issuer.APIKey) { k.RevokedAt = end }, newest, seen(newest, time.Time{}, end)},
		{"disabled", func(k *issuer.APIKey) { k.Disabled = true }, newest, seen(newest, time.Time{}, longAgo)},
		{"disabled and revoked", func(k *issuer.APIKey) { k.Disabled, k.RevokedAt = true, end }, newest, seen(newest, time.Time{}, end)},
		{"zero", func(k *issuer.APIKey) { *k = issuer.APIKey{} }, newest, &bearer.Key{Hash: newest, EndsAt: longAgo}},
		{"empty metadata", func(k *issuer.APIKey) {
			*k = issuer.APIKey{Metadata: map[string]string{}, Secrets: []issuer.Secret{{Hash: newest}}}
		}, newest, &bearer.Key{Hash: newest}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key := whole()
			if test.change != nil {
				test.change(&key)
			}
			assert.Equal(t, test.want, key.GuardKey(test.hash))
		})
	}
	t.Run("shares nothing", func(t *testing.T) {
		key := whole()
		got := key.GuardKey(newest)
		key.Metadata["plan"], key.AllowedOrigins[0], key.AllowedIPs[0] = "none", "", netip.Prefix{}
		assert.Equal(t, seen(newest, time.Time{}, time.Time{}), got)
	})
}
