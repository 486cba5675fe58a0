package unkey_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer"
	"github.com/blockauth/bearer/test/migrating/firstuse"
)

func after(store issuer.Store, u unkey) (http.Handler, error) {
	iss, err := issuer.New(issuer.Config{
		Store:  store, // of stores/sql
		Format: bearer.KeyFormat{Namespace: "acme", Foreign: true},
	})
	if err != nil {
		return nil, err
	}
	config := iss.KeyConfig()
	config.Keys = firstuse.Store{ // until all keys that are used have been imported
		KeyStore: config.Keys, Format: config.Format,
		Import: func(ctx context.Context, text string, hash bearer.KeyHash) error {
			return u.importKey(ctx, iss, text, hash)
		},
	}
	config.FailureLimit = bearer.PerMinute(60) // an unknown key costs a call
	guard, err := bearer.New(config)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/wallets", guard.Require("wallets:read")(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "wallets of ", bearer.FromContext(r.Context()).Owner)
		})))
	return firstuse.WithText("acme_", mux), nil
}

// An unkeyKey is what keys.whoami and apis.listKeys say of a key.
type unkeyKey struct {
	KeyID       string   `json:"keyId"`
	Name        string   `json:"name"`
	Enabled     bool     `json:"enabled"`
	Permissions []string `json:"permissions"`
	Expires     int64    `json:"expires"` // in milliseconds
	Identity    struct {
		ExternalID string `json:"externalId"`
	} `json:"identity"`
	Ratelimits []struct {
		Limit    int   `json:"limit"`
		Duration int64 `json:"duration"` // in milliseconds
	} `json:"ratelimits"`
}

// importKey asks Unkey whose key a text is, which costs no credits, and imports it.
func (u unkey) importKey(ctx context.Context, iss *issuer.Issuer, text string, hash bearer.KeyHash) error {
	var k unkeyKey
	status, err := u.post(ctx, "keys.whoami", map[string]string{"key": text}, &k)
	if status == http.StatusNotFound {
		return bearer.ErrKeyNotFound
	}
	if err != nil {
		return err
	}
	if k.Expires > 0 && time.Now().UnixMilli() >= k.Expires {
		return bearer.ErrKeyNotFound // nothing is imported that has expired
	}
	_, err = iss.ImportKey(ctx, issuer.Operator(k.Identity.ExternalID), k.record(), hash)
	return err
}

// record returns what the issuer keeps of the key.
func (k unkeyKey) record() issuer.APIKey {
	key := issuer.APIKey{
		ID: k.KeyID, Name: cmp.Or(k.Name, k.KeyID), Kind: bearer.SecretKey, Environment: bearer.Live,
		Scopes: scopesOf(k.Permissions), Disabled: !k.Enabled,
	}
	if k.Expires > 0 {
		key.ExpiresAt = time.UnixMilli(k.Expires)
	}
	if len(k.Ratelimits) > 0 { // of several, choose by name
		l := k.Ratelimits[0]
		perSecond := float64(l.Limit) / (time.Duration(l.Duration) * time.Millisecond).Seconds()
		key.Limit = bearer.Limit{Rate: rate.Limit(perSecond), Burst: l.Limit}
	}
	return key
}

// scopesOf returns the scopes that stand for permissions. A key without any must
// not become one with all: the zero Scopes would be FullAccess.
func scopesOf(permissions []string) bearer.Scopes {
	scopes := []bearer.Scope{"none"}
	for _, permission := range permissions {
		switch permission {
		case "wallets.read":
			scopes = append(scopes, "wallets:read")
		case "wallets.write":
			scopes = append(scopes, "wallets:write")
		}
	}
	return bearer.JoinScopes(scopes...)
}
