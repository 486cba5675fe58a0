package adaptersuite

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/blockauth/bearer"
)

var errOutage = errors.New("bearertest: out of order")

// fakes are what the guards of a suite ask: a store of keys, and an issuer of
// tokens.
type fakes struct {
	texts   map[string]string // of credentials, by their names
	word    string            // stands in paths, for ${word}
	scopes  []bearer.Scope    // for many are required
	keys    map[bearer.KeyHash]bearer.Key
	revoked atomic.Bool // all keys and tokens
}

func newFakes() *fakes {
	past := time.Now().Add(-time.Hour)
	keys := []bearer.Key{
		{ID: "reader", Scopes: "tokens:read"},
		{ID: "writer", Scopes: "tokens:write"},
		{ID: "admin", Scopes: bearer.FullAccess},
		{ID: "wallets", Scopes: "wallets:read"},
		{ID: "events", Scopes: "events:read"},
		{ID: "two scopes", Scopes: "tokens:read wallets:read"},
		{ID: "publishable", Scopes: bearer.FullAccess, Kind: bearer.PublishableKey},
		{ID: "publishable reader", Scopes: "tokens:read", Kind: bearer.PublishableKey},
		{ID: "revoked", RevokedAt: past},
		{ID: "expired", ExpiresAt: past},
		{ID: "far away", AllowedIPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.7/32")}},
		{ID: "outage"},
	}
	unknown, _ := bearer.KeyFormat{}.Generate(bearer.SecretKey, bearer.Test)
	word, scopes := strings.ToLower(rand.Text()), drawScopes(manyScopes)
	f := &fakes{word: word, scopes: scopes, keys: make(map[bearer.KeyHash]bearer.Key), texts: map[string]string{
		"word":          word,
		"unknown":       unknown,
		"token":         token(secret, time.Hour),
		"expired token": token(secret, -time.Hour),
		"forged token":  token(bytes.Repeat([]byte{2}, 32), time.Hour),
	}}
	for _, key := range slices.Concat(keys, keysThatLackOne(scopes)) {
		key.Kind, key.Environment, key.Owner = max(key.Kind, bearer.SecretKey), bearer.Test, "owner of "+key.ID
		text, hash := bearer.KeyFormat{}.Generate(key.Kind, key.Environment)
		key.Hash = hash
		f.keys[hash], f.texts[key.ID] = key, text
	}
	f.texts["base64 admin"] = base64.RawURLEncoding.EncodeToString([]byte(f.texts["admin"]))
	return f
}

// expand replaces ${name} by the text of the credential.
func (f *fakes) expand(s string) string {
	return os.Expand(s, func(name string) string { return f.texts[name] })
}

// FindKey implements [bearer.KeyStore]. Each call returns a key of its own, so
// that no two requests have the same principal.
func (f *fakes) FindKey(_ context.Context, hash bearer.KeyHash) (*bearer.Key, error) {
	switch key := f.keys[hash]; {
	case key.ID == "":
		return nil, bearer.ErrKeyNotFound
	case key.ID == "outage":
		return nil, errOutage
	case f.revoked.Load():
		key.RevokedAt = time.Now().Add(-time.Minute)
		fallthrough
	default:
		return &key, nil
	}
}

const issuer, audience = "https://issuer.test", "bearer-test"

// secret is what the issuer signs with.
var secret = bytes.Repeat([]byte{1}, 32)

// token returns a token for an hour, which ends after the given time.
func token(secret []byte, ends time.Duration) string {
	end := time.Now().Add(ends)
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "user", "scope": "tokens:read",
		"iat": end.Add(-time.Hour).Unix(), "exp": end.Unix(),
	}).SignedString(secret)
	if err != nil {
		panic(err) // these claims can be encoded
	}
	return text
}

// A limiter is the Take of a [bearer.Limiter].
type limiter func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error)

// Take implements [bearer.Limiter].
func (f limiter) Take(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return f(ctx, b, n, l)
}

func full(_ context.Context, _ bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{Allowed: true, Limit: l, Remaining: l.Burst - n, Reset: time.Second}, nil
}

func empty(_ context.Context, _ bearer.Bucket, _ int, l bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{Limit: l, Wait: 1500 * time.Millisecond, Reset: 2 * time.Second}, nil
}

func broken(context.Context, bearer.Bucket, int, bearer.Limit) (bearer.Usage, error) {
	return bearer.Usage{}, errOutage
}

// A guard records what it is asked and what it decides, in the exchange that a
// request belongs to.
type guard struct {
	*bearer.Guard
	suite *suite
}

// config returns what the guards of most rows are made of.
func (f *fakes) config() bearer.Config {
	return bearer.Config{
		Keys: f,
		JWT: []bearer.JWT{{
			Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{"HS256"},
			Keyfunc: func(*jwt.Token) (any, error) { return secret, nil },
			Session: func(context.Context, *bearer.Principal) (bearer.Session, error) {
				return bearer.Session{Ended: f.revoked.Load()}, nil
			},
		}},
		Limiter:      limiter(full),
		ErrorHandler: bearer.WriteError,
		Observe:      func(*http.Request, *bearer.Principal, *bearer.Error) {},
	}
}

// guard makes a guard. The change of its config may be nil.
func (s *suite) guard(change func(*bearer.Config)) *guard {
	c := s.fakes.config()
	if change != nil {
		change(&c)
	}
	g := &guard{suite: s}
	take, write, observe := c.Limiter.Take, c.ErrorHandler, c.Observe
	c.Limiter = limiter(func(ctx context.Context, b bearer.Bucket, n int, l bearer.Limit) (bearer.Usage, error) {
		g.exchange(ctx).record(func(r *result) { r.judging, r.takes = true, r.takes+fmt.Sprintf("%d of %v; ", n, b) })
		return take(ctx, b, n, l)
	})
	c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err *bearer.Error) {
		e := g.exchange(r.Context())
		changes := g.suite.changed(r, e.body, e)
		e.record(func(r *result) { r.judging, r.refusals, r.changes = true, r.refusals+1, r.changes+changes })
		write(w, r, err)
	}
	c.Observe = func(r *http.Request, p *bearer.Principal, err *bearer.Error) {
		e := g.exchange(r.Context())
		e.record(func(r *result) {
			r.judging, r.decisions, r.decided, r.told = true, r.decisions+1, p, fmt.Sprintf("%v, error %v", p, err)
		})
		observe(r, p, err)
	}
	var err error
	if g.Guard, err = bearer.New(c); err != nil {
		panic(err) // no change makes a guard that New refuses
	}
	return g
}

// exchange returns the exchange that a context belongs to: the latest one if
// the adapter lost the server's context.
func (g *guard) exchange(ctx context.Context) *exchange {
	e := exchangeOf(ctx)
	if e == nil {
		e = g.suite.latest.Load()
	}
	if e.guard != g {
		return new(exchange) // the adapter asks another guard than it should
	}
	return e
}
