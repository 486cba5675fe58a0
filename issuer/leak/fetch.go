package leak

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
)

const (
	gitHubKeys = "https://api.github.com/meta/public_keys/secret_scanning"

	maxKeysBody   = 1 << 20  // bytes
	maxKeysHeader = 64 << 10 // bytes
)

// A fetcher fetches the public keys of GitHub.
type fetcher struct {
	client *http.Client
	url    string
	token  string
}

// newFetcher returns what fetches the keys of a config.
func newFetcher(c GitHubConfig) (*fetcher, error) {
	f := &fetcher{url: c.KeysURL, token: c.Token}
	if f.url == "" {
		f.url = gitHubKeys
	}
	u, err := url.Parse(f.url)
	if err != nil || u.Host == "" || u.User != nil || !isProtected(u) {
		return nil, errors.New("leak: GitHubConfig.KeysURL: not an https URL without a user")
	}
	own := http.Client{Transport: defaultTransport()}
	if c.Client != nil {
		own = *c.Client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	f.client = &own
	return f, nil
}

// isProtected reports whether no one can change what a URL answers on its way.
func isProtected(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	isLoopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback
}

// defaultTransport returns net/http's, without connections that wait an hour for
// the next fetch, and with fewer bytes of header than its 10 MiB.
func defaultTransport() http.RoundTripper {
	t, isTransport := http.DefaultTransport.(*http.Transport)
	if !isTransport {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.DisableKeepAlives = true
	t.MaxResponseHeaderBytes = maxKeysHeader
	return t
}

// fetch returns the keys by their identifiers. It follows no redirect: the
// server that it names could sign messages, and would get the token.
func (f *fetcher) fetch(ctx context.Context) (map[string]*ecdsa.PublicKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "github.com/blockauth/bearer") // GitHub refuses requests without one
	if f.token != "" {
		r.Header.Set("Authorization", "Bearer "+f.token)
	}
	response, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeysBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxKeysBody:
		return nil, fmt.Errorf("the body is longer than %d bytes", maxKeysBody)
	}
	return parseKeys(body)
}
