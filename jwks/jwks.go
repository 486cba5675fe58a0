// Package jwks finds the keys of a foreign issuer of JWTs in the JWK Set that
// it publishes (RFC 7517), for the Keyfunc of a [bearer.JWT]:
//
//	keys, err := jwks.New(ctx, jwks.Config{Issuer: "https://login.example/"})
//	// ...
//	guard, err := bearer.New(bearer.Config{
//		JWT: []bearer.JWT{keys.JWT("https://api.example")},
//	})
//
// A [Source] begins without the issuer, fetches the set before it grows old,
// and goes on with the keys that it has if the issuer is down. A token whose
// key is known never waits. A token that names another key makes the source
// ask the issuer once more, but only as often as a small bucket allows: three
// times at once, then once in ten seconds, for all callers together. What the
// guard answers:
//
//	the key is known, the set not older than MaxStale   it verifies the token
//	the key is not known, the set is fresh              401 invalid_token
//	the key is not known, the set is older than MaxAge  503 keys_unavailable
//	no set, or one that is older than MaxStale          503 keys_unavailable
//
// Only public keys for signatures are used: RSA of 2048 to 8192 bits, P-256,
// P-384, P-521 and Ed25519. What else is in a set is passed over: keys whose
// use, key_ops or alg says something else, symmetric keys, and keys whose
// private half was published.
package jwks

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/blockauth/bearer"
)

// A Config says whose keys a [Source] finds, and how.
type Config struct {
	// Issuer is the identifier of the issuer, exactly as its tokens have it in
	// iss: a slash at the end counts. Without a URL, it is an https URL below
	// which the issuer publishes its metadata (OpenID Connect Discovery 1.0
	// section 4, else RFC 8414 section 3), which must name the same issuer and
	// say where its set is. Zero: URL is required, and JWT leaves Issuer out.
	Issuer string

	// URL is where the set is, for issuers without metadata. Like every URL
	// that the issuer names or redirects to, it is https; http is accepted
	// only if it stands here or in Issuer, and for loopback addresses only.
	// Zero: Issuer's metadata tell.
	URL string

	// Algorithms are those that the issuer signs with: RS256, RS384, RS512,
	// PS256, PS384, PS512; ES256, ES384, ES512; or EdDSA, which is Ed25519 too;
	// all of one family. Zero: RS256 in what JWT returns, while Keyfunc finds
	// the keys of any of them, since a guard has checked the algorithm then.
	Algorithms []string

	// MaxAge is how long a set is fresh, at least a second. The next is fetched
	// before that: when about 0.7 of the time has passed. A max-age in the
	// Cache-Control of the answer shortens MaxAge, but not below five minutes.
	// Zero: 15 minutes, or MaxStale if that is shorter.
	MaxAge time.Duration

	// MaxStale is how old a set may grow while no other can be fetched, at
	// least MaxAge. A key that the issuer takes back during such an outage is
	// accepted that long. Zero: 24 hours, or MaxAge if that is longer.
	MaxStale time.Duration

	// Timeout bounds a fetch with all of its redirects, and the time that a
	// token waits for one; at least 10 milliseconds. Zero: 5 seconds.
	Timeout time.Duration

	// Client makes the requests. Its transport must honour the context of a
	// request: one that does not holds up all fetches. Its own Timeout and Jar
	// apply as well, and its CheckRedirect is asked after the source's. Zero:
	// a client with the proxy settings of the environment that keeps no
	// connections and reads at most 64 KiB of header fields.
	Client *http.Client

	// Observe is told of each fetch when it is over, for metrics and logs; one
	// call at a time. While it blocks, nothing is fetched, and tokens with
	// unknown keys wait up to Timeout. Zero: fetches are not observed.
	Observe func(Fetch)
}

// A Fetch is one attempt to fetch a set, for [Config.Observe].
type Fetch struct {
	OnDemand bool          // for a token with an unknown key, not by the schedule
	Duration time.Duration // with discovery, if there was any
	Keys     int           // that the source can use from now on; 0 if Err is set
	Ignored  int           // the other keys of the set; 0 if Err is set

	// Err is why the source keeps what it had. Its text shows neither bodies
	// nor queries, and at most 200 bytes of a URL and of a reason.
	Err error

	// Discovery is why the metadata could not be read, as Err shows it. If Err
	// is nil, the set was fetched from where the metadata last said it was.
	Discovery error
}

// New returns a source, and begins to fetch in a goroutine that ends with ctx.
// It does not wait for the issuer, and its error is about the config alone:
// all that is wrong, joined. After ctx has ended, the keys that the source has
// serve until MaxStale. A test in a bubble of testing/synctest needs a source
// that was made in the bubble, since clocks differ.
func New(ctx context.Context, config Config) (*Source, error) {
	config.setDefaults() // first, so that what follows from a field is judged too
	if err := config.validate(ctx); err != nil {
		return nil, err
	}
	s := newSource(config)
	go s.run(ctx)
	return s, nil
}

// JWT returns what a guard needs to accept the issuer's tokens for one of the
// audiences: Issuer, Audiences, Algorithms and Keyfunc. The other fields are
// the application's to set. If s is nil, Issuer is empty, which [bearer.New]
// refuses.
func (s *Source) JWT(audiences ...string) bearer.JWT {
	var config Config
	if s != nil {
		config = s.config
	}
	algorithms := config.Algorithms
	if len(algorithms) == 0 {
		algorithms = []string{"RS256"}
	}
	return bearer.JWT{
		Issuer:     config.Issuer,
		Audiences:  slices.Clone(audiences),
		Algorithms: slices.Clone(algorithms),
		Keyfunc:    s.Keyfunc,
	}
}

func (c *Config) setDefaults() {
	c.Algorithms = slices.Clone(c.Algorithms)
	if c.MaxAge == 0 {
		c.MaxAge = 15 * time.Minute
		if c.MaxStale >= minAge {
			c.MaxAge = min(c.MaxAge, c.MaxStale)
		}
	}
	if c.MaxStale == 0 {
		c.MaxStale = max(24*time.Hour, c.MaxAge)
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
}
