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
	maxBody      = 1 << 20  // bytes, of a set and of metadata, after decompression
	maxHeader    = 64 << 10 // bytes, of an answer's header fields
	maxRedirects = 3        // for one request
)

// A fetcher fetches sets. It is used by one goroutine.
type fetcher struct {
	config Config
	client *http.Client
	plain  bool // http is configured, and thus allowed for loopback addresses
	known  location
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
// of an hour for the next fetch, and with fewer bytes of header than its 10
// MiB.
func defaultTransport() http.RoundTripper {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	transport = transport.Clone()
	transport.DisableKeepAlives = true
	transport.MaxResponseHeaderBytes = maxHeader
	return transport
}

var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

// A redirectCheck is an [http.Client.CheckRedirect].
type redirectCheck = func(r *http.Request, via []*http.Request) error

// checkRedirect returns a check that also asks the client's own, which may be
// nil.
func (f *fetcher) checkRedirect(next redirectCheck) redirectCheck {
	return func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errRedirects
		}
		if err := checkURL(r.URL, f.plain); err != nil {
			return err
		}
		r.Header.Del("Referer") // has the query of the URL before, and its secrets
		if next != nil {
			return next(r, via)
		}
		return nil
	}
}

// fetchSet fetches the set, within Config.Timeout. A client that panics has
// failed. The second error is that of discovery, which need not be the end.
func (f *fetcher) fetchSet(ctx context.Context) (set *fetchedSet, err, discovery error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fetchError{reason: fmt.Errorf("panic: %v", p)}
		}
		if err != nil {
			f.known.at = time.Time{} // the set may have moved
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, f.config.Timeout)
	defer cancel()
	place, discovery := f.locate(ctx)
	if place == "" && discovery != nil {
		return nil, discovery, discovery
	}
	set, err = f.fetchFrom(ctx, place)
	return set, err, discovery
}

func (f *fetcher) fetchFrom(ctx context.Context, place string) (*fetchedSet, error) {
	start := time.Now()
	body, header, err := f.get(ctx, place)
	if err != nil {
		return nil, err
	}
	keys, err := parseSet(body, f.config.Algorithms)
	if err != nil {
		return nil, &fetchError{place, err}
	}
	return &fetchedSet{keySet: keys, at: start, maxAge: maxAgeOf(header, f.config.MaxAge)}, nil
}

// A statusError is an answer with another status than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// get returns the body of an answer, which is 200 and at most maxBody long.
func (f *fetcher) get(ctx context.Context, place string) ([]byte, http.Header, error) {
	body, header, err := f.exchange(ctx, place)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, nil, &fetchError{place, err}
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
