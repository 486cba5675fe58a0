package issuer

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/blockauth/bearer"
)

// A Config says what an [Issuer] issues. The zero value is a start: API keys in
// memory, which Go code makes with the methods of the Issuer. What is not
// configured does not exist: no route is there that could not work.
type Config struct {
	// Store keeps keys, clients and sessions. Nil: a new [MemoryStore], which
	// forgets all at the end of the process.
	Store Store

	// Format says how API keys look and are hashed. Zero: sk_live_…, SHA-256.
	Format bearer.KeyFormat

	// Catalogue holds the scopes that exist: keys and clients are given no others.
	// Nil: any well-formed one.
	Catalogue []bearer.Scope

	// Rules say what keys may be. Zero: see [KeyRules].
	Rules KeyRules

	// Tokens says what JWTs are issued. Nil: none, nor is there an endpoint that
	// would answer with one.
	Tokens *Tokens

	// Users verifies passwords, and says who may go on. Nil: no one logs in by
	// password, and refreshes ask no one.
	Users Users

	// Registrar registers users. Nil: no one registers over HTTP.
	Registrar Registrar

	// Caller says who manages keys and sessions: the user of the application's own
	// login, say. It returns [ErrNoCaller] if no one is logged in (401); a
	// [bearer.Error] is answered as it is; any other error is an outage (503). Nil:
	// a user's JWT of this issuer, or no caller if it issues none.
	Caller func(*http.Request) (Caller, error)

	// ClientIP finds the client's address, for limits, for the AllowedIPs of keys
	// and for events: see [bearer.ForwardedFor] behind proxies. Nil:
	// [bearer.RemoteIP].
	ClientIP func(*http.Request) netip.Addr

	// Limiter holds the buckets of logins and token requests. Nil: a
	// [bearer.Buckets].
	Limiter bearer.Limiter

	// ErrorHandler writes refusals, other than those of /oauth, which have the form
	// of RFC 6749. The header fields that a refusal has are set before it is
	// called. Nil: [bearer.WriteError].
	ErrorHandler func(http.ResponseWriter, *http.Request, *bearer.Error)

	// Events sees what happens: the audit trail. It is called synchronously, after
	// the fact, with a context that is not canceled with the request, and must not
	// be slow: a failed login of a known user is told, that of an unknown one is
	// not, and the time of the answer would tell them apart. Hand events over to a
	// queue. If it panics, the event is lost and nothing else. Nil: no one listens.
	Events func(context.Context, Event)

	// CacheTTL is how long guards remember keys and sessions, and so the longest
	// that they miss a change by another process. Zero: 30 seconds; negative: not
	// at all.
	CacheTTL time.Duration

	// CrossOrigin stands in front of what Caller guards, since a Caller may well
	// read a cookie. It is not used if Caller is nil: no browser sends a JWT by
	// itself. Nil: a new one.
	CrossOrigin *http.CrossOriginProtection
}

// String returns "issuer.Config": a config holds secrets.
func (Config) String() string { return "issuer.Config" }

// GoString implements [fmt.GoStringer].
func (c Config) GoString() string { return c.String() }

// KeyRules say what API keys may be. The zero value is lenient.
type KeyRules struct {
	// MustScope refuses the creation of keys without scopes. Zero: scopes omitted
	// mean [bearer.FullAccess], for callers who have it themselves.
	MustScope bool

	// MustExpire refuses the creation of keys that never expire, unless DefaultTTL
	// says when. Zero: they may.
	MustExpire bool

	// DefaultTTL is how long a key lives that does not say. Zero: MaxTTL, or for
	// ever.
	DefaultTTL time.Duration

	// MaxTTL is the longest that a key may live, from now on. Zero: for ever.
	MaxTTL time.Duration

	// MaxGrace is the longest that an old secret works after a rotation. Zero: 7
	// days. Grace is how long it works if the rotation does not say. Zero: 24 hours,
	// or MaxGrace if that is shorter.
	Grace, MaxGrace time.Duration

	// MaxKeys is how many live keys an owner may have, softly: some more if
	// several are made at once, and imported ones are not refused. Each creation
	// reads the owner's keys to count them. Zero: 1000.
	MaxKeys int
}

// Rules returns [Config.Rules] with the defaults filled in, for what offers a
// choice within them.
func (i *Issuer) Rules() KeyRules { return i.config.Rules }

// Tokens say what JWTs an [Issuer] issues. All lifetimes are whole seconds.
type Tokens struct {
	// Issuer is the iss of tokens, and the URL below which the routes are mounted,
	// from which metadata make theirs: "https://api.example". If it is not an
	// http or https URL, there are no metadata. Required.
	Issuer string

	// Audience is the aud of tokens. Required.
	Audience string

	// SigningKeys sign and verify: the first signs, all verify. All have one
	// algorithm's family. Required.
	SigningKeys []SigningKey

	// LoginTTL is how long the access token of a user lives, SessionTTL that of an
	// API key's session, ClientTTL that of an OAuth client, and CredentialTTL that
	// of a credential. Zero: 1 hour, 2 hours, 1 hour and 1 hour.
	LoginTTL, SessionTTL, ClientTTL, CredentialTTL time.Duration

	// RefreshFamilyTTL is how long a login can be refreshed in all. Zero: 30 days.
	// RefreshTTL is how long a refresh token lives. Zero: 7 days, or
	// RefreshFamilyTTL if that is shorter.
	RefreshTTL, RefreshFamilyTTL time.Duration

	// ReuseGrace is how long a spent refresh token is still answered with its
	// successor, for answers that were lost and for tabs that share one. Zero: 10
	// seconds; negative: never.
	ReuseGrace time.Duration

	// MaxSessions is how many live sessions a subject may have, softly. Beyond it,
	// the oldest of a user or a client ends, and the login of a key is refused
	// (409). Zero: 1000.
	MaxSessions int
}
