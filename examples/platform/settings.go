package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/blockauth/bearer/issuer"
)

// Settings are what the flags say.
type settings struct {
	addr        string
	url         string // of all replicas; zero: that of addr
	asJSON      bool
	signingKeys string        // a file; zero: a new key
	database    string        // zero: in memory
	redis       string        // zero: in memory
	timeout     time.Duration // of a call of Redis; zero: that of the limiter
	replicas    int
	gitHubKeys  string // a URL; zero: GitHub's
}

// defaultAddr is where the platform is if no flag says.
const defaultAddr = "127.0.0.1:8081"

// define defines the flags.
func (s *settings) define(flags *flag.FlagSet) {
	flags.StringVar(&s.addr, "addr", defaultAddr, "`address` to listen on; port 0 is any free one")
	flags.StringVar(&s.url, "url", "",
		"the `URL` of all replicas (default: that of -addr; with -database http://"+defaultAddr+")")
	flags.BoolVar(&s.asJSON, "json", false, "print the address and the credentials as one line of JSON")
	flags.StringVar(&s.signingKeys, "signing-keys", "",
		"`file` of private JWKs that sign tokens (default: a new HS256 key)")
	flags.StringVar(&s.database, "database", "",
		"postgres://…, mysql://… or a file of SQLite, as a `URL` or path (default: in memory)")
	flags.StringVar(&s.redis, "redis", "", "redis://… that holds all limits, as a `URL` (default: in memory)")
	flags.DurationVar(&s.timeout, "redis-timeout", 50*time.Millisecond,
		"how long one call of Redis may take, before a replica limits alone")
	flags.IntVar(&s.replicas, "replicas", 1, "how many replicas share -redis")
	flags.StringVar(&s.gitHubKeys, "github-keys", "",
		"the `URL` of the keys that sign what is sent to /leaks/github (default: GitHub's)")
}

// publicURL returns what tokens have as iss and aud. Replicas have different
// addresses, and accept each other's tokens: with a database, it is not that of
// the address.
func (s *settings) publicURL(addr string) string {
	if s.database != "" {
		addr = defaultAddr
	}
	return cmp.Or(s.url, "http://"+addr)
}

// validate finds flags that do not go together, or cannot work.
func (s *settings) validate() error {
	u, err := url.Parse(s.url)
	switch {
	case s.url != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("-url: %q is no URL with http or https", s.url)
	case s.database != "" && s.signingKeys == "":
		return errors.New("-database needs -signing-keys: a key of this start alone would sign tokens" +
			" that no other replica accepts (make a file: -new-signing-keys keys.json)")
	case s.replicas < 0:
		return errors.New("-replicas is negative")
	}
	return nil
}

// keys returns the keys of the file, or a new one that is lost at the end.
func (s *settings) keys() ([]issuer.SigningKey, error) {
	if s.signingKeys == "" {
		return []issuer.SigningKey{issuer.NewSigningKey("HS256")}, nil
	}
	jwks, err := os.ReadFile(s.signingKeys)
	if err != nil {
		return nil, fmt.Errorf("-signing-keys: %w", err)
	}
	keys, err := issuer.ParseSigningKeys(jwks)
	if err != nil {
		return nil, fmt.Errorf("-signing-keys %s: %w", s.signingKeys, err)
	}
	return keys, nil
}

// writeSigningKeys makes a file with one new private JWK. A file that is there
// already is left as it is.
func writeSigningKeys(name string) error {
	jwk, err := issuer.NewSigningKey("ES256").PrivateJWK()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("-new-signing-keys: %w", err)
	}
	_, err = file.Write(append(jwk, '\n'))
	return errors.Join(err, file.Close())
}
