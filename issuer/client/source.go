package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Source is where a [Transport] obtains tokens: an endpoint, and the secret
// that it takes. It hides the secret when it is printed.
type Source struct {
	url string

	// form returns the body of the request for a token, and its header fields. It
	// is a function so that no way of printing shows the secret.
	form func() (body []byte, header http.Header)
}

// Credential returns the source that sends an apiKey and its apiSecret to an
// endpoint like POST /auth/token, as JSON.
func Credential(endpoint, apiKey, apiSecret string) Source {
	return jsonSource(endpoint, map[string]string{"apiKey": apiKey, "apiSecret": apiSecret})
}

// Session returns the source that logs in with an API key to an endpoint like
// POST /auth/login. All programs that use one key and one sessionID share a
// token; an empty sessionID is the key's default session.
func Session(endpoint, apiKey, sessionID string) Source {
	body := map[string]string{"api_key": apiKey}
	if sessionID != "" {
		body["session_id"] = sessionID
	}
	return jsonSource(endpoint, body)
}

func jsonSource(endpoint string, members map[string]string) Source {
	return Source{endpoint, func() ([]byte, http.Header) {
		body, _ := json.Marshal(members)
		return body, http.Header{"Content-Type": {"application/json"}}
	}}
}

// ClientCredentials returns the source that is an OAuth client with a secret, at
// an endpoint like POST /oauth/token (RFC 6749 section 4.4). It authenticates by
// HTTP Basic. Without scopes, the token has all that the client may have.
func ClientCredentials(endpoint, clientID, clientSecret string, scopes ...string) Source {
	return Source{endpoint, func() ([]byte, http.Header) {
		form := url.Values{"grant_type": {"client_credentials"}}
		if len(scopes) > 0 {
			form.Set("scope", strings.Join(scopes, " "))
		}
		r := http.Request{Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
		r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret)) // RFC 6749 section 2.3.1
		return []byte(form.Encode()), r.Header
	}}
}

// String returns "client.Source".
func (Source) String() string { return "client.Source" }

// Format implements [fmt.Formatter], so that no verb shows the secret.
func (s Source) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Source) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements [encoding.TextMarshaler].
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A TokenError says that a token endpoint refused. A [Transport] does not ask
// again until RetryAfter is over.
type TokenError struct {
	StatusCode int           // of the answer
	RetryAfter time.Duration // that the answer asked for; zero: none
}

// Error returns the status.
func (e *TokenError) Error() string {
	return fmt.Sprintf("client: the token endpoint answered %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

// fetch asks for a token. It follows no redirect: the secret goes to one URL.
func (s Source) fetch(ctx context.Context, base http.RoundTripper) (*token, error) {
	body, header := s.form()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("client: Source: not the text of a URL")
	}
	r.Header = header
	r.Header.Set("Accept", "application/json")
	response, err := base.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("client: no answer from the token endpoint: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &TokenError{response.StatusCode, retryAfter(response.Header.Get("Retry-After"))}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("client: no answer from the token endpoint: %w", err)
	}
	return parseToken(text, response.Header.Get("Date"))
}

// retryAfter returns how long a Retry-After field asks to wait.
func retryAfter(field string) time.Duration {
	if at, err := http.ParseTime(field); err == nil {
		return max(0, time.Until(at))
	}
	seconds, err := strconv.ParseUint(field, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
