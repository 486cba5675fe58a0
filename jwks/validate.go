package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// The least values of durations: shorter ones are most likely in another unit.
const (
	minAge     = time.Second
	minTimeout = 10 * time.Millisecond
)

// A faults collects what is wrong with a config.
type faults []error

func (f *faults) addf(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("jwks: Config."+field+": "+format, args...))
}

func (c *Config) validate(ctx context.Context) error {
	var f faults
	if ctx == nil {
		f = append(f, errors.New("jwks: New: a nil context"))
	}
	switch {
	case c.URL != "":
		checkConfigured(&f, "URL", c.URL)
	case c.Issuer == "":
		f.addf("Issuer", "neither Issuer nor URL is set")
	default:
		u := checkConfigured(&f, "Issuer", c.Issuer)
		if u != nil && (u.RawQuery != "" || u.ForceQuery) {
			f.addf("Issuer", "an issuer with metadata has no query")
		}
	}
	c.validateAlgorithms(&f)
	c.validateTimes(&f)
	return errors.Join(f...)
}

func (c *Config) validateAlgorithms(f *faults) {
	first := ""
	for _, alg := range c.Algorithms {
		switch {
		case families[alg] == "":
			f.addf("Algorithms", "%q is no asymmetric algorithm that is supported", alg)
		case first == "":
			first = alg
		case families[alg] != families[first]:
			f.addf("Algorithms", "%s and %s are of two families", first, alg)
		}
	}
}

func (c *Config) validateTimes(f *faults) {
	for _, field := range []struct {
		name     string
		d, least time.Duration
	}{{"MaxAge", c.MaxAge, minAge}, {"MaxStale", c.MaxStale, minAge}, {"Timeout", c.Timeout, minTimeout}} {
		if field.d < field.least {
			f.addf(field.name, "%v is less than %v", field.d, field.least)
		}
	}
	if c.MaxStale >= minAge && c.MaxStale < c.MaxAge {
		f.addf("MaxStale", "%v is less than MaxAge, %v", c.MaxStale, c.MaxAge)
	}
}

// checkConfigured returns the URL in a field, or nil if it is none to begin
// with.
func checkConfigured(f *faults, field, text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		f.addf(field, "not a URL") // whose error would show it, with a password
		return nil
	}
	if err := checkURL(u, true); err != nil {
		f.addf(field, "%w", err)
		return nil
	}
	return u
}

// checkURL returns an error if a set or metadata must not be fetched from u.
// Plain HTTP is for loopback addresses only, and where it is allowed: for a
// source whose config begins with it.
func checkURL(u *url.URL, plain bool) error {
	switch {
	case u.Host == "" || u.Opaque != "":
		return errors.New("not an absolute URL")
	case u.User != nil:
		return errors.New("the URL has a user")
	case u.Fragment != "":
		return errors.New("the URL has a fragment")
	case u.Scheme == "https", u.Scheme == "http" && plain && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("the URL is neither https nor, in a config that begins with http, of a loopback address")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
