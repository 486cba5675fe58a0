package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A Config says what a guard does. At least one of Keys and JWT is required, and a
// first program sets no more. The fields say, in this order,
//
//   - what is accepted: Keys, JWT, Format, SecretOnly, Optional, Environment,
//     Credential, MaxCredential, Access, Catalogue;
//   - from whom: ClientIP, IPv6Prefix;
//   - how much: Limiter, Limit, Cost, Policies, FailureLimit;
//   - how it is answered: Realm, ResourceMetadata, LegacyRateHeaders,
//     ErrorHandler;
//   - who looks on: Observe.
type Config struct {
	// Keys finds API keys. Zero: API keys are refused.
	Keys KeyStore

	// JWT says whose JWTs are good, one for each issuer. None: JWTs are refused.
	JWT []JWT

	// Format says how this application's keys look and are hashed. Zero:
	// sk_live_…, SHA-256.
	Format KeyFormat

	// SecretOnly refuses publishable keys, and what was made from one. Zero:
	// they pass, and only read.
	SecretOnly bool

	// Optional lets a request without any credential through: FromContext
	// returns nil. It is refused if a scope is required, and a bad credential is
	// refused in any case. Zero: a credential is required.
	Optional bool

	// Environment is the only one that this guard accepts; a JWT must name it in
	// its "env" claim. Zero: any.
	Environment Environment

	// Credential finds a credential that stands elsewhere than in the
	// Authorization field: HeaderCredential does so in other header fields. It
	// returns "" if none is there, and " " if there is an empty one, which is
	// refused like none (401), even if the guard is optional. A request that has
	// one there and another in a Bearer Authorization field is refused (400).
	// Zero: nowhere else is read.
	Credential func(*http.Request) string

	// MaxCredential is the longest credential that is looked at, in bytes; a
	// longer one is refused (400, credential_too_long). Zero: 8 KiB.
	MaxCredential int

	// Access says whether a request reads or writes. One that overrides its
	// method, as MethodAccess describes, writes in any case. Zero: MethodAccess.
	Access func(*http.Request) Access

	// Catalogue is the scopes that exist: Require, RequireAny and Resource panic
	// for others, and Check refuses them. None: any scope.
	Catalogue []Scope

	// ClientIP finds the address of the client, for Key.AllowedIPs, FailureLimit
	// and the limit of requests without a credential; it may be called several
	// times for a request. The zero Addr means that it is not known. Zero:
	// RemoteIP.
	ClientIP func(*http.Request) netip.Addr

	// IPv6Prefix is how many bits of an IPv6 address name a client, whose
	// addresses share a bucket: a network is given a /64 or more. Zero: 64.
	IPv6Prefix int

	// Limiter holds the token buckets. Guards with different limits over one
	// Limiter need different policy names: see Policies. Zero: a Buckets of this
	// guard's own.
	Limiter Limiter

	// Limit is for callers with no limit of their own: JWTs, keys without a
	// Limit, and each client address from which requests without a credential
	// come, if Optional lets them through. Zero: 100 requests a second, 100 at
	// once.
	Limit Limit

	// Cost is how many tokens a request takes; 0 takes none. A negative cost is
	// a fault (503). Zero: 1.
	Cost func(*http.Request) int

	// Policies are limits that a request must all pass, in this order. If one
	// refuses, none has lost a token. None: one policy, the zero Policy.
	Policies []Policy

	// FailureLimit limits the failed authentications of a client address. A
	// credential that is not known, mistyped or revoked is a failure; one that
	// has expired, or none at all, is not. Once the limit is exhausted, every
	// credential from there is answered with 429 instead of a look-up, also a good
	// one. All clients behind one address have one bucket, so leave room for them;
	// and behind a proxy set ClientIP, or all clients have one. Zero: not limited.
	FailureLimit Limit

	// Realm is the protection space that challenges name. Zero: "api".
	Realm string

	// ResourceMetadata is the URL of the protected resource metadata (RFC 9728),
	// which challenges name as resource_metadata: OAuth clients find the
	// authorization server by it. Zero: none.
	ResourceMetadata string

	// LegacyRateHeaders also sends X-RateLimit-Limit, -Remaining and -Reset (in
	// seconds to go). Of several policies, they tell of the one that refused or,
	// of an acceptance, of the one with the least left of its burst. Zero: only
	// RateLimit-Policy and RateLimit.
	LegacyRateHeaders bool

	// ErrorHandler writes refusals: the status and a body. The header fields that
	// a refusal has, such as WWW-Authenticate, are set before it is called. It
	// must not send more of an Error than Message and its exported fields, without
	// ID. Zero: WriteError.
	ErrorHandler func(http.ResponseWriter, *http.Request, *Error)

	// Observe sees each request once, with its final decision, for logs and
	// metrics. It is called after a refusal was written. If the request is let
	// through, it is called after the handler has returned or panicked: a stream,
	// or a connection that was hijacked, is seen when its handler is over. The
	// decision is final only then, since a Require of this guard behind may refuse
	// the request; a refusal by a Check behind counts if WriteError, or another of
	// this package's writers, writes it. A Check that no handler of this guard
	// stands in front of is seen at once.
	//
	// The error is nil if the request was let through. The principal is nil if the
	// request has no credential, or none that is good; Error.ID tells whose it was
	// if it is known. Route tells the route, also if the guard stands in front of
	// the router, provided that the router gets the request of the guard itself, or
	// a handler of the guard stands behind it. TimingOf tells how long the decision
	// took. Zero: decisions are neither observed nor measured.
	Observe func(*http.Request, *Principal, *Error)
}

// String returns "bearer.Config": a config holds secrets.
func (Config) String() string { return "bearer.Config" }

const defaultRealm = "api"

// A space is the protection space of a guard (RFC 9110 section 11.5), as its
// challenges describe it. An Error points to it and not to the guard, so that no
// print of an Error shows the pepper.
type space struct{ realm, metadata string }

// New returns a guard, or an error that names every field of the config that is
// wrong. The config is copied.
func New(config Config) (*Guard, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	g := &Guard{config: config}
	c := &g.config
	c.Format = c.Format.clone()
	if len(c.JWT) > 0 {
		g.verifier = newVerifier(c.JWT)
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
	g.multi, _ = c.Limiter.(MultiLimiter)
	if c.Limit == (Limit{}) {
		c.Limit = PerSecond(100)
	}
	c.Policies = policiesOf(c.Policies)
	if c.FailureLimit == (Limit{}) {
		c.FailureLimit = Unlimited
	}
	if c.Realm == "" {
		c.Realm = defaultRealm
	}
	g.space = space{c.Realm, c.ResourceMetadata}
	if c.MaxCredential == 0 {
		c.MaxCredential = 8 << 10
	}
	if c.IPv6Prefix == 0 {
		c.IPv6Prefix = 64
	}
	c.Catalogue = slices.Clone(c.Catalogue)
	g.rateFields = newRateFields(c)
	return g, nil
}

// A faults collects what is wrong with a config.
type faults []error

func (f *faults) addf(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("bearer: Config."+field+": "+format, args...))
}

func (c *Config) validate() error {
	var f faults
	if c.Keys == nil && len(c.JWT) == 0 {
		f.addf("Keys", "neither Keys nor JWT is set: nothing would be accepted")
	}
	if problem := storeProblem(c.Keys); problem != "" {
		f.addf("Keys", "%s", problem)
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
	validatePolicies(c.Policies, &f)
	c.validateTexts(&f)
	if c.MaxCredential < 0 || c.MaxCredential > 0 && c.Keys != nil && c.MaxCredential < c.Format.length() {
		f.addf("MaxCredential", "%d bytes: a key of the format has %d", c.MaxCredential, c.Format.length())
	}
	if c.IPv6Prefix < 0 || c.IPv6Prefix > 128 {
		f.addf("IPv6Prefix", "%d is no number of bits of an address", c.IPv6Prefix)
	}
	validateJWTs(c.JWT, &f)
	return errors.Join(f...)
}

// validateTexts finds what is wrong with the texts that answers show.
func (c *Config) validateTexts(f *faults) {
	if !isQuotable(c.Realm) {
		f.addf("Realm", "%q has a character that cannot be quoted", c.Realm)
	}
	if c.ResourceMetadata != "" && !isAbsoluteURL(c.ResourceMetadata) {
		f.addf("ResourceMetadata", "%q is no URL with https or http that can be quoted", c.ResourceMetadata)
	}
	for _, scope := range c.Catalogue {
		if problem := scope.problem(); problem != "" {
			f.addf("Catalogue", "%s", problem)
		} else if scope == "*" || strings.HasSuffix(string(scope), ":*") {
			f.addf("Catalogue", "%q stands for others: list these", scope)
		}
	}
}

// isAbsoluteURL reports whether text is a URL of HTTP that can stand in a
// quoted-string.
func isAbsoluteURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && isQuotable(text)
}
