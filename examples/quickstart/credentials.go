package main

import (
	"crypto/rand"
	"net/netip"
	"time"

	"github.com/blockauth/bearer"
	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer   = "https://quickstart.example"
	audience = "dashboard"
	owner    = "user_1"
)

// credentials are what the program prints, and how to reach it.
type credentials struct {
	Addr           string `json:"addr"`
	SecretKey      string `json:"secret_key"`
	PublishableKey string `json:"publishable_key"`
	LimitedKey     string `json:"limited_key"`
	ExpiredKey     string `json:"expired_key"`
	IPBoundKey     string `json:"ip_bound_key"`
	Token          string `json:"token"`
}

// newCredentials returns credentials, the store that knows the keys among them,
// and the secret that the token is signed with.
func newCredentials(now time.Time) (c *credentials, store *bearer.MemoryStore, secret []byte, err error) {
	c, store = new(credentials), new(bearer.MemoryStore)
	for _, k := range []struct {
		text *string
		key  bearer.Key
	}{
		{&c.SecretKey, bearer.Key{ID: "key_secret", Kind: bearer.SecretKey, Scopes: bearer.FullAccess}},
		{&c.PublishableKey, bearer.Key{
			ID: "key_publishable", Kind: bearer.PublishableKey, Scopes: "tokens:read wallets:read",
		}},
		{&c.LimitedKey, bearer.Key{
			ID: "key_limited", Kind: bearer.SecretKey, Scopes: "tokens:read",
			Limit: bearer.PerMinute(3),
		}},
		{&c.ExpiredKey, bearer.Key{
			ID: "key_expired", Kind: bearer.SecretKey, Scopes: bearer.FullAccess,
			ExpiresAt: now.Add(-time.Hour),
		}},
		{&c.IPBoundKey, bearer.Key{
			ID: "key_ip_bound", Kind: bearer.SecretKey, Scopes: bearer.FullAccess,
			AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		}},
	} {
		k.key.Owner, k.key.Environment = owner, bearer.Test
		*k.text, k.key.Hash = bearer.KeyFormat{}.Generate(k.key.Kind, k.key.Environment)
		if err := store.Add(k.key); err != nil {
			return nil, nil, nil, err
		}
	}
	secret = make([]byte, 32)
	_, _ = rand.Read(secret) // never returns an error
	c.Token, err = sign(secret, now)
	return c, store, secret, err
}

// sign returns a JWT that is good for an hour.
func sign(secret []byte, now time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": issuer,
		"aud": audience,
		"sub": owner,
		"exp": now.Add(time.Hour).Unix(),
	}).SignedString(secret)
}
