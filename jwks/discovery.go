package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// rediscover is when the metadata are asked again where the set is, though all
// is well.
const rediscover = 24 * time.Hour

// A location is where the metadata said that the set is, and when.
type location struct {
	url string    // "": no metadata were read yet
	at  time.Time // zero: the last fetch failed
}

var (
	errIssuer   = errors.New("the metadata name another issuer; a slash at its end counts")
	errNoURI    = errors.New("the metadata have no jwks_uri")
	errNoObject = errors.New("the answer is no JSON object")
)

// locate returns where the set is, or "" if that is not known. If the metadata
// cannot be read, it is where they said last: an issuer that has lost them may
// still publish its set. They have half of the time then, so that some is left
// for the set if they hang.
func (f *fetcher) locate(ctx context.Context) (place string, discovery error) {
	if f.config.URL != "" {
		return f.config.URL, nil
	}
	if f.known.url != "" {
		if time.Since(f.known.at) < rediscover {
			return f.known.url, nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.config.Timeout/2)
		defer cancel()
	}
	place, err := f.discover(ctx)
	if err != nil {
		return f.known.url, err
	}
	f.known = location{place, time.Now()}
	return place, nil
}

// discover asks the metadata of OpenID Connect, and if there are none, those
// of OAuth: after a status such as 404, or a page in their place. An issuer
// that is out of order, that asks for patience, or whose metadata are wrong,
// is not asked twice.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	var errs []error
	for _, place := range metadataURLs(f.config.Issuer) {
		found, err := f.readMetadata(ctx, place)
		if err == nil {
			return found, nil
		}
		errs = append(errs, err)
		if !isMissing(err) {
			break
		}
	}
	return "", errors.Join(errs...)
}

// isMissing reports whether an error says that there are no metadata at a URL.
func isMissing(err error) bool {
	if status := statusError(0); errors.As(err, &status) {
		return status < 500 && status != http.StatusTooManyRequests
	}
	return errors.Is(err, errNoObject)
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

// readMetadata returns the jwks_uri of metadata. They must name the issuer as
// the config does (RFC 8414 section 3.3): otherwise anyone who can put a document
// below another issuer's path could pass for it.
func (f *fetcher) readMetadata(ctx context.Context, place string) (string, error) {
	body, _, err := f.get(ctx, place)
	if err != nil {
		return "", err
	}
	found, err := f.jwksURI(body)
	if err != nil {
		return "", &fetchError{place, err}
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
