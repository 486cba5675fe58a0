package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxBody      = 1 << 20 // bytes, of a set and of metadata, after decompression
	maxRedirects = 3       // for one request
)

// A fetcher fetches sets. It is used by one goroutine.
type fetcher struct {
	config Config
	client *http.Client
	plain  bool // http is configured, and thus allowed for loopback addresses
	found  location
}

func newFetcher(config Config) *fetcher {
	f := &fetcher{config: config}
	configured := config.URL
	if configured == "" {
		configured = config.Issuer
	}
	f.plain = strings.HasPrefix(strings.ToLower(configured), "http:")
	client := config.Client
	if client == nil {
		client = &http.Client{Transport: defaultTransport()}
	}
	own := *client
	own.CheckRedirect = f.checkRedirect(client.CheckRedirect)
	f.client = &own
	return f
}

// defaultTransport returns net/http's, without connections that wait a quarter
// of an hour for the next fetch.
func defaultTransport() http.RoundTripper {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	transport = transport.Clone()
	transport.DisableKeepAlives = true
	return transport
}

var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

// A redirectCheck is an [http.Client.CheckRedirect].
type redirectCheck = func(r *http.Request, via []*http.Request) error

// checkRedirect returns a check that also asks the client's own, which may be nil.
func (f *fetcher) checkRedirect(next redirectCheck) redirectCheck {
	return func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errRedirects
		}
		if err := checkURL(r.URL, f.plain); err != nil {
			return err
		}
		if next != nil {
			return next(r, via)
		}
		return nil
	}
}

// fetch fetches the set, within Config.Timeout. A client that panics has failed.
func (f *fetcher) fetch(ctx context.Context) (set *fetchedSet, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jwks: panic: %v", p)
		}
		if err != nil {
			f.found = location{} // the set may have moved
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, f.config.Timeout)
	defer cancel()
	place, err := f.locate(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	body, header, err := f.get(ctx, place)
	if err != nil {
		return nil, err
	}
	keys, err := parseSet(body, f.config.Algorithms)
	if err != nil {
		return nil, fmt.Errorf("jwks: %s: %w", shown(place), err)
	}
	return &fetchedSet{keySet: keys, at: start, maxAge: maxAgeOf(header, f.config.MaxAge)}, nil
}

// A statusError is an answer with another status than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// get returns the body of an answer, which is 200 and at most maxBody long. Its
// errors hold no query, in which a URL may have a secret.
func (f *fetcher) get(ctx context.Context, place string) ([]byte, http.Header, error) {
	body, header, err := f.exchange(ctx, place)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, nil, fmt.Errorf("jwks: %s: %w", shown(place), err)
	}
	return body, header, nil
}

func (f *fetcher) exchange(ctx context.Context, place string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, statusError(answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxBody {
		return nil, nil, fmt.Errorf("the body is longer than %d bytes", maxBody)
	}
	return body, answer.Header, nil
}

// shown returns a URL as errors show it.
func shown(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
