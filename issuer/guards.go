package issuer

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/blockauth/bearer"
)

// maxCachedSignatures is how many tokens a guard remembers as signed.
const maxCachedSignatures = 10_000

// KeyConfig returns the config of a guard for API keys, with Keys, Format,
// Catalogue, ClientIP, ErrorHandler and ResourceMetadata set. The caller may set
// more. All guards share what is remembered of keys.
func (i *Issuer) KeyConfig() bearer.Config {
	c := i.guardConfig()
	c.Keys = i.cache.keyStore()
	return c
}

// TokenConfig returns the config of a guard for the JWTs of this issuer, as
// KeyConfig does for keys. The guard judges each token by its session and by what
// opened that. It panics if Config.Tokens is nil.
func (i *Issuer) TokenConfig() bearer.Config {
	if i.config.Tokens == nil {
		panic("issuer: TokenConfig: Config.Tokens is nil: no JWT is issued")
	}
	j := i.jwt(i.cache.judge())
	j.Cache = maxCachedSignatures
	c := i.guardConfig()
	c.JWT = []bearer.JWT{j}
	return c
}

// guardConfig returns what the configs of all guards share.
func (i *Issuer) guardConfig() bearer.Config {
	return bearer.Config{
		Format:           i.config.Format,
		Catalogue:        slices.Clone(i.config.Catalogue),
		ClientIP:         i.config.ClientIP,
		ErrorHandler:     i.config.ErrorHandler,
		ResourceMetadata: i.resourceMetadata(),
	}
}

// jwt returns what makes a guard accept the JWTs of this issuer.
func (i *Issuer) jwt(j judge) bearer.JWT {
	return bearer.JWT{
		Issuer:     i.config.Tokens.Issuer,
		Audiences:  []string{i.config.Tokens.Audience},
		OwnerClaim: "owner",
		Algorithms: []string{i.signer.algorithm()},
		Keyfunc:    i.signer.verificationKey,
		Session:    j.session,
	}
}

// base returns the URL below which the routes are mounted, without a slash at its
// end, or "" if the iss is no URL.
func (i *Issuer) base() string {
	if i.config.Tokens == nil || !isURL(i.config.Tokens.Issuer) {
		return ""
	}
	return strings.TrimSuffix(i.config.Tokens.Issuer, "/")
}

// resourceMetadata returns the URL that challenges name (RFC 9728 section 5.1).
func (i *Issuer) resourceMetadata() string {
	base := i.base()
	if base == "" {
		return ""
	}
	return base + "/.well-known/oauth-protected-resource"
}

// The ownGuards stand in front of the issuer's own endpoints. They look into
// the store, not into what is remembered, and charge no limit of a caller. Those
// of tokens are nil if Config.Tokens is, and so is login.
type ownGuards struct {
	tokens  *bearer.Guard // JWTs of this issuer
	any     *bearer.Guard // those, and API keys
	login   *bearer.Guard // API keys in bodies of logins, to read and to write; failures are limited
	inspect *bearer.Guard // JWTs, wherever they come from: the key's addresses and origins do not count
}

// loginFailures limits the logins with wrong API keys of an address.
var loginFailures = bearer.PerMinute(100)

func (i *Issuer) newOwnGuards() (g ownGuards, err error) {
	var (
		keys      = storedKeys{i}
		j         = judge{keys, storedSessions{i}.find}
		newConfig = func(jwts ...bearer.JWT) bearer.Config {
			c := i.guardConfig()
			c.JWT, c.Policies, c.Access = jwts, []bearer.Policy{{Limit: unlimited}}, reads
			return c
		}
	)
	if i.config.Tokens == nil {
		c := newConfig()
		c.Keys = keys
		g.any, err = bearer.New(c)
		return g, err
	}
	token := i.jwt(j)
	seen := token
	seen.Session = j.sessionAnywhere

	both, login := newConfig(token), newConfig()
	both.Keys, login.Keys = keys, keys
	login.FailureLimit, login.Limiter = loginFailures, i.config.Limiter
	login.Policies[0].Name = "login-key"
	for _, made := range []struct {
		guard  **bearer.Guard
		config bearer.Config
	}{{&g.tokens, newConfig(token)}, {&g.any, both}, {&g.login, login}, {&g.inspect, newConfig(seen)}} {
		if *made.guard, err = bearer.New(made.config); err != nil {
			return ownGuards{}, err
		}
	}
	return g, nil
}

// reads lets credentials that only read through: they may log in and out, and the
// issuer itself says what else it may.
func reads(*http.Request) bearer.Access { return bearer.Read }

// unlimited is the limit of callers of the issuer's endpoints, which have limits
// of their own: a key is not charged for being exchanged.
func unlimited(*http.Request, *bearer.Principal) bearer.Limit { return bearer.Unlimited }

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
