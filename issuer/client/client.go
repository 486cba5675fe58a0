// Package client gives the requests of a Go program the bearer token that they
// need: it exchanges a secret for a token, keeps it, and renews it in time.
//
//	transport, err := client.New(client.Config{
//		Source: client.Credential("https://api.example/auth/token", apiKey, apiSecret),
//	})
//	api := &http.Client{Transport: transport, Timeout: 10 * time.Second}
//	answer, err := api.Get("https://api.example/v1/tokens")
//
// The secret goes to the URL of the [Source] and to no other, and the token only
// to the origins of the [Config], wherever a redirect leads.
package client

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
)

// A Config says what a [Transport] does. Only Source is required.
type Config struct {
	// Source is where tokens come from: [Credential], [Session] or
	// [ClientCredentials]. Required.
	Source Source

	// Origins are where tokens go to: "https://api.example". A request to another
	// one is sent as it is. Nil: the origin of the Source's URL.
	Origins []string

	// Base sends the requests, and those for tokens. Nil: [http.DefaultTransport].
	Base http.RoundTripper
}

// A Transport is a [http.RoundTripper] that sends requests with a token. Make one
// with [New]. It is safe for concurrent use, and hides its token and its secret
// when it is printed.
type Transport struct {
	base    http.RoundTripper
	origins map[string]bool
	tokens  *tokens
}

// New returns a transport, or an error that names every field of the config that
// is wrong. URLs are https, but those of loopback hosts.
func New(config Config) (*Transport, error) {
	t := &Transport{base: config.Base, origins: map[string]bool{}}
	if t.base == nil {
		t.base = http.DefaultTransport
	}
	source, err := parseURL(config.Source.url)
	if err != nil {
		err = fmt.Errorf("client: Source: %w", err)
	} else if len(config.Origins) == 0 {
		t.origins[origin(source)] = true
	}
	for i, text := range config.Origins {
		u, wrong := parseURL(text)
		if wrong == nil && (u.Path != "" || u.RawQuery != "") {
			wrong = errors.New("an origin has no path and no query")
		}
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("client: Origins[%d]: %w", i, wrong))
			continue
		}
		t.origins[origin(u)] = true
	}
	if err != nil {
		return nil, err
	}
	t.tokens = newTokens(config.Source, t.base)
	return t, nil
}

// RoundTrip implements [http.RoundTripper]. A request to one of the origins gets
// the token in its Authorization field, in place of what stands there. If the
// answer is 401 and the body, if there is one, can be sent again, the token is
// renewed and the request sent once more. If there is no token, the error wraps
// that of its source: see [TokenError].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL == nil || !t.origins[origin(r.URL)] {
		return t.base.RoundTrip(r)
	}
	token, err := t.tokens.get(r.Context(), nil)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	response, err := t.send(r, r.Body, token)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	return t.retry(r, response, token)
}

// send sends a copy of the request, with the token. What made the answer is said
// to be the original: the copy is not handed out, since it holds the token.
func (t *Transport) send(r *http.Request, body io.ReadCloser, token *token) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.Body = body
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	sent.Header.Set("Authorization", "Bearer "+token.text)
	response, err := t.base.RoundTrip(sent)
	if response != nil {
		response.Request = r
	}
	return response, err
}

// retry sends a request once more with a new token. It returns the refusal that
// came first if there is no new token, or the body is gone.
func (t *Transport) retry(r *http.Request, refusal *http.Response, refused *token) (*http.Response, error) {
	body, again := r.Body, r.Body == nil || r.Body == http.NoBody
	if !again && r.GetBody == nil {
		_, _, _ = t.tokens.look(refused) // for the next request
		return refusal, nil
	}
	fresh, err := t.tokens.get(r.Context(), refused)
	if err != nil || fresh.text == refused.text {
		return refusal, nil //nolint:nilerr // the refusal says more than what became of the renewal
	}
	if !again {
		if body, err = r.GetBody(); err != nil {
			return refusal, nil //nolint:nilerr // as above
		}
	}
	_, _ = io.CopyN(io.Discard, refusal.Body, 4<<10) // so that the connection can be used again
	_ = refusal.Body.Close()
	return t.send(r, body, fresh)
}

// CloseIdleConnections closes those of the base, as
// [http.Client.CloseIdleConnections] asks for.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// String returns "client.Transport".
func (*Transport) String() string { return "client.Transport" }

// Format implements [fmt.Formatter], so that no verb shows the token.
func (t *Transport) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, t.String()) }

// LogValue implements [slog.LogValuer].
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (t *Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// parseURL returns the URL that a text is, or an error that does not repeat it,
// since it may hold a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("there is none")
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("not the text of an absolute URL")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("the URL has a user or a fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	default:
		return nil, errors.New("the URL is not https")
	}
}
