package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// A Config says what a guard accepts. At least one of Keys and JWT is required.
type Config struct {
	// Keys finds API keys. Zero: API keys are refused.
	Keys KeyStore

	// JWT says what JWTs are good. Zero: JWTs are refused.
	JWT *JWT

	// Format says how this application's keys look and are hashed. Zero:
	// sk_live_…, SHA-256.
	Format KeyFormat

	// SecretOnly refuses publishable keys, and what was made from one. Zero:
	// they pass, and only read.
	SecretOnly bool

	// Optional lets a request without an Authorization field through:
	// FromContext returns nil. It is refused if a scope is required, and a bad
	// credential is refused in any case. Zero: a credential is required.
	Optional bool

	// Environment is the only one that this guard accepts; a JWT must name it in
	// its "env" claim. Zero: any.
	Environment Environment

	// Access says whether a request reads or writes. One that overrides its
	// method, as MethodAccess describes, writes in any case. Zero: MethodAccess.
	Access func(*http.Request) Access

	// ClientIP finds the address of the client, for Key.AllowedIPs, FailureLimit
	// and the limit of requests without a credential; it may be called several
	// times for a request. The zero Addr means that it is not known. Zero:
	// RemoteIP.
	ClientIP func(*http.Request) netip.Addr

	// Limiter holds the token buckets. Zero: a Buckets of this guard's own.
	Limiter Limiter

	// Limit is for callers with no limit of their own: JWTs, keys without a
	// Limit, and each client address from which requests without a credential
	// come, if Optional lets them through. Zero: 100 requests a second, 100 at
	// once.
	Limit Limit

	// Cost is how many tokens a request takes; 0 takes none. A negative cost is
	// a fault (503). Zero: 1.
	Cost func(*http.Request) int

	// FailureLimit limits the failed authentications of a client address (IPv6:
	// of a /64). A credential that is not known, mistyped or revoked is a
	// failure; one that has expired, or none at all, is not. Once the limit is
	// exhausted, every credential from there is answered with 429 instead of a
	// look-up, also a good one. All clients behind one address have one bucket,
	// so leave room for them; and behind a proxy set ClientIP, or all clients
	// have one. Zero: not limited.
	FailureLimit Limit

	// LegacyRateHeaders also sends X-RateLimit-Limit, -Remaining and -Reset (in
	// seconds to go). Zero: only RateLimit-Policy and RateLimit.
	LegacyRateHeaders bool

	// Realm is the protection space that challenges name. Zero: "api".
	Realm string

	// ErrorHandler writes refusals: the status and a body. The header fields that
	// a refusal has, such as WWW-Authenticate, are set before it is called. It
	// must not send more of an Error than its exported fields and Message. Zero:
	// WriteError.
	ErrorHandler func(http.ResponseWriter, *http.Request, *Error)

	// Observe sees the decisions of this guard, for logs and metrics: that of its
	// outermost handler, once for a request, and that of each Check on a request
	// that no handler of it let through. The principal is nil unless the
	// credential was good; the error is nil if the request was let through. What
	// a nested Require of the same guard refuses later, it does not see:
	// ErrorHandler does. Zero: decisions are not observed.
	Observe func(*http.Request, *Principal, *Error)
}

// String returns "bearer.Config": a config holds secrets.
func (Config) String() string { return "bearer.Config" }

const defaultRealm = "api"

// New returns a guard, or an error that names every field of the config that is
// wrong. The config is copied.
func New(config Config) (*Guard, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	g := &Guard{config: config, rateFields: &rateFields{legacy: config.LegacyRateHeaders}}
	c := &g.config
	c.Format.Pepper = slices.Clone(c.Format.Pepper)
	if c.JWT != nil {
		g.verifier = newVerifier(*c.JWT)
	}
	if c.Access == nil {
		c.Access = MethodAccess
	}
	if c.ClientIP == nil {
		c.ClientIP = RemoteIP
	}
	if c.Limiter == nil {
		c.Limiter = new(Buckets)
	}
	if c.Limit == (Limit{}) {
		c.Limit = PerSecond(100)
	}
	if c.FailureLimit == (Limit{}) {
		c.FailureLimit = Unlimited
	}
	if c.Realm == "" {
		c.Realm = defaultRealm
	}
	return g, nil
}

// A faults collects what is wrong with a config.
type faults []error

func (f *faults) addf(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("bearer: Config."+field+": "+format, args...))
}

func (c *Config) validate() error {
	var f faults
	if c.Keys == nil && c.JWT == nil {
		f.addf("Keys", "neither Keys nor JWT is set: nothing would be accepted")
	}
	if isNil(c.Keys) {
		f.addf("Keys", "a nil pointer")
	}
	if isNil(c.Limiter) {
		f.addf("Limiter", "a nil pointer")
	}
	c.Format.validate(&f)
	if c.Environment < 0 || c.Environment > Live {
		f.addf("Environment", "%v is none", c.Environment)
	}
	c.Limit.validate("Limit", &f)
	c.FailureLimit.validate("FailureLimit", &f)
	if !validRealm(c.Realm) {
		f.addf("Realm", "%q has a character that cannot be quoted", c.Realm)
	}
	if c.JWT != nil {
		c.JWT.validate(&f)
	}
	return errors.Join(f...)
}
