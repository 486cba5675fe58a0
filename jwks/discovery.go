package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// rediscover is when the metadata are asked again where the set is, though all
// is well.
const rediscover = 24 * time.Hour

// A location is where the metadata said that the set is, and when.
type location struct {
	url string // "": they were not asked, or the last fetch failed
	at  time.Time
}

var (
	errIssuer = errors.New("the metadata name another issuer")
	errNoURI  = errors.New("the metadata have no jwks_uri")
)

// locate returns where the set is.
func (f *fetcher) locate(ctx context.Context) (string, error) {
	if f.config.URL != "" {
		return f.config.URL, nil
	}
	if f.found.url != "" && time.Since(f.found.at) < rediscover {
		return f.found.url, nil
	}
	place, err := f.discover(ctx)
	if err != nil {
		return "", err
	}
	f.found = location{place, time.Now()}
	return place, nil
}

// discover asks the metadata of OpenID Connect, and if there are none, those of
// OAuth. An issuer that is out of order is not asked twice.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	var errs []error
	for _, place := range metadataURLs(f.config.Issuer) {
		found, err := f.readMetadata(ctx, place)
		if err == nil {
			return found, nil
		}
		errs = append(errs, err)
		var status statusError
		if !errors.As(err, &status) || status < 400 || status >= 500 {
			break
		}
	}
	return "", errors.Join(errs...)
}

// metadataURLs returns where an issuer's metadata may be. OpenID Connect
// Discovery 1.0 section 4.1 puts its path before /.well-known, RFC 8414 section
// 3.1 behind: for https://login.example/tenant,
//
//	https://login.example/tenant/.well-known/openid-configuration
//	https://login.example/.well-known/oauth-authorization-server/tenant
//
// Neither keeps a slash at the end of the issuer.
func metadataURLs(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil // New has parsed it
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	return []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	}
}

// readMetadata returns the jwks_uri of metadata. They must name the issuer as the
// config does (RFC 8414 section 3.3): else whoever can put a document below
// another issuer's path could pass for it.
func (f *fetcher) readMetadata(ctx context.Context, place string) (string, error) {
	body, _, err := f.get(ctx, place)
	if err != nil {
		return "", err
	}
	found, err := f.jwksURI(body)
	if err != nil {
		return "", fmt.Errorf("jwks: %s: %w", shown(place), err)
	}
	return found, nil
}

func (f *fetcher) jwksURI(body []byte) (string, error) {
	metadata, err := decodeObject(body)
	if err != nil {
		return "", err
	}
	if issuer, ok := stringOf(metadata, "issuer"); !ok || issuer != f.config.Issuer {
		return "", errIssuer
	}
	text, ok := stringOf(metadata, "jwks_uri")
	if !ok || text == "" {
		return "", errNoURI
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", errNoURI
	}
	if err := checkURL(u, f.plain); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	return text, nil
}
