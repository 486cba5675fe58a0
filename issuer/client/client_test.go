package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blockauth/bearer/issuer/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// S0.12: the token is fetched once, and renewed before it expires.
func TestTransportRenews(t *testing.T) {
	for _, row := range []struct {
		name            string
		lifetime, after time.Duration
		wantFetches     int
	}{
		{"at once", time.Hour, 0, 1},
		{"long before the margin", time.Hour, 30 * time.Minute, 1},
		{"just before the margin", time.Hour, 59*time.Minute - time.Second, 1},
		{"in the margin of a minute", time.Hour, 59 * time.Minute, 2},
		{"after the end", time.Hour, time.Hour, 2},
		{"before a tenth is left", 100 * time.Second, 89 * time.Second, 1},
		{"when a tenth is left", 100 * time.Second, 90 * time.Second, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				s.lifetime = row.lifetime
				c := newClient(t, s)
				get(t, c, http.StatusOK)
				time.Sleep(row.after)
				get(t, c, http.StatusOK)
				synctest.Wait()
				get(t, c, http.StatusOK)
				assert.Equal(t, row.wantFetches, s.fetched())
			})
		})
	}
}

// A token is used while its successor is on its way, and while the endpoint is
// out of order.
func TestTransportUsesTheOldTokenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		c := newClient(t, s)
		get(t, c, http.StatusOK)
		time.Sleep(59*time.Minute + time.Second)
		s.set(func(s *server) { s.status = http.StatusServiceUnavailable })
		for range 20 {
			get(t, c, http.StatusOK)
			time.Sleep(time.Second)
		}
		assert.Equal(t, "Bearer token-1", s.authorizations()[20])
		s.set(func(s *server) { s.status = 0 })
		get(t, c, http.StatusOK)
		synctest.Wait()
		s.mu.Lock()
		last := s.current
		s.mu.Unlock()
		get(t, c, http.StatusOK)
		assert.Equal(t, "Bearer "+last, s.authorizations()[22])
	})
}

func TestTransportFetchesOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.takes = time.Second
		c := newClient(t, s)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { get(t, c, http.StatusOK) })
		}
		all.Wait()
		assert.Equal(t, 1, s.fetched())
		s.set(func(s *server) { s.current = "another" }) // all tokens are revoked
		for range 100 {
			all.Go(func() { get(t, c, http.StatusOK) })
		}
		all.Wait()
		assert.Equal(t, 2, s.fetched())
	})
}

func TestTransportWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.takes = 5 * time.Second
		c := newClient(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, apiURL, nil)
		require.NoError(t, err)
		_, err = c.Do(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begin))
		get(t, c, http.StatusOK)
		assert.Equal(t, 5*time.Second, time.Since(begin), "the fetch that the first began went on")
		assert.Equal(t, 1, s.fetched())
	})
}

// A reader is a body that cannot be sent again, and knows whether it was closed.
type reader struct {
	io.Reader
	closed bool
}

func (r *reader) Close() error { r.closed = true; return nil }

func TestTransportRetriesOnce(t *testing.T) {
	for _, row := range []struct {
		name        string
		body        io.Reader
		change      func(*server)
		wantStatus  int
		wantCalls   int
		wantFetches int
	}{
		{"no body", nil, func(s *server) { s.current = "" }, http.StatusOK, 2, 2},
		{"http.NoBody", http.NoBody, func(s *server) { s.current = "" }, http.StatusOK, 2, 2},
		{"a body that can be sent again", strings.NewReader("body"), func(s *server) { s.current = "" }, http.StatusOK, 2, 2},
		{"a body that cannot", &reader{Reader: strings.NewReader("body")}, func(s *server) { s.current = "" }, http.StatusUnauthorized, 1, 2},
		{"the API refuses all tokens", nil, func(s *server) { s.deaf = true }, http.StatusUnauthorized, 2, 2},
		{"the endpoint is out of order", nil, func(s *server) { s.current, s.status = "", 503 }, http.StatusUnauthorized, 1, 2},
		{"the endpoint has the same token", nil, func(s *server) { s.deaf, s.repeat = true, true }, http.StatusUnauthorized, 1, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				c := newClient(t, s)
				get(t, c, http.StatusOK)
				s.set(row.change)
				s.set(func(s *server) { s.calls, s.bodies = nil, nil })
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apiURL, row.body)
				require.NoError(t, err)
				answer, err := c.Do(r)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				synctest.Wait()
				assert.Equal(t, row.wantStatus, answer.StatusCode)
				assert.Len(t, s.authorizations(), row.wantCalls)
				assert.Equal(t, row.wantFetches, s.fetched())
				for _, body := range s.bodies {
					assert.Equal(t, s.bodies[0], body)
				}
			})
		})
	}
}

// An API that refuses every token does not make the token endpoint busy.
func TestTransportDoesNotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		s.deaf = true
		c := newClient(t, s)
		for range 100 {
			get(t, c, http.StatusUnauthorized)
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, s.fetched(), 3)
	})
}

func TestTransportRemembersFailures(t *testing.T) {
	for _, row := range []struct {
		name       string
		status     int
		wait       string
		wantStatus int
		wantPause  time.Duration
		wantWait   time.Duration
	}{
		{"429 with Retry-After", 429, "30", 429, 30 * time.Second, 30 * time.Second},
		{"503 with Retry-After", 503, "7", 503, 7 * time.Second, 7 * time.Second},
		{"503 with a date", 503, time.Date(2000, 1, 1, 0, 0, 20, 0, time.UTC).Format(http.TimeFormat), 503, 20 * time.Second, 20 * time.Second},
		{"503 without", 503, "", 503, time.Second, 0},
		{"500", 500, "", 500, time.Second, 0},
		{"503 with what is no number", 503, "soon", 503, time.Second, 0},
		{"a wrong secret", 401, "", 401, 10 * time.Second, 0},
		{"a redirect", 307, "", 307, 10 * time.Second, 0},
		{"a very long wait", 429, "86400", 429, time.Hour, 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer()
				s.status, s.wait = row.status, row.wait
				c := newClient(t, s)
				ask := func() {
					_, err := c.Get(apiURL)
					var refused *client.TokenError
					require.ErrorAs(t, err, &refused)
					assert.Equal(t, row.wantStatus, refused.StatusCode)
					assert.Equal(t, row.wantWait, refused.RetryAfter)
				}
				ask()
				ask()
				time.Sleep(row.wantPause - time.Nanosecond)
				ask()
				assert.Equal(t, 1, s.fetched())
				s.set(func(s *server) { s.status = 0 })
				time.Sleep(time.Nanosecond)
				get(t, c, http.StatusOK)
				assert.Equal(t, 2, s.fetched())
			})
		})
	}
}

// The secret and the token go nowhere else, wherever a redirect leads.
func TestTransportKeepsTokenAtHome(t *testing.T) {
	for _, row := range []struct {
		name, to, wantAuthorization string
	}{
		{"the same origin", "https://api.example/landed", "Bearer token-1"},
		{"the same origin, spelled otherwise", "https://API.example:443/landed", "Bearer token-1"},
		{"another host", "https://evil.example/landed", ""},
		{"a host below", "https://a.api.example/landed", ""},
		{"a host that begins alike", "https://api.example.evil.example/landed", ""},
		{"a trailing dot", "https://api.example./landed", ""},
		{"another port", "https://api.example:8443/landed", ""},
		{"without TLS", "http://api.example/landed", ""},
		{"in the part of the user", "https://api.example@evil.example/landed", "Basic YXBpLmV4YW1wbGU6"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer()
			var seen []string
			landed := func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Values("Authorization") }
			home := func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/landed":
					landed(w, r)
				case "/leave":
					http.Redirect(w, r, row.to, http.StatusTemporaryRedirect)
				default:
					s.serve(w, r)
				}
			}
			hosts := network{
				"api.example": func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Scheme != "https" {
						landed(w, r)
						return
					}
					home(w, r)
				},
				"API.example:443": home, "evil.example": landed, "a.api.example": landed,
				"api.example.evil.example": landed, "api.example.": landed, "api.example:8443": landed,
			}
			c := &http.Client{Transport: newTransport(t, hosts)}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example/leave", strings.NewReader("body"))
			require.NoError(t, err)
			answer, err := c.Do(r)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.Equal(t, row.wantAuthorization, strings.Join(seen, "|"))
			assert.Equal(t, 1, s.fetched())
		})
	}
}

func TestTransportFollowsNoRedirectToAToken(t *testing.T) {
	var stolen bool
	c := &http.Client{Transport: newTransport(t, network{
		"api.example": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		},
		"evil.example": func(http.ResponseWriter, *http.Request) { stolen = true },
	})}
	_, err := c.Get(apiURL)
	var refused *client.TokenError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusTemporaryRedirect, refused.StatusCode)
	assert.False(t, stolen)
}

// The caller's request and its header are as before, and the answer does not
// hold the token.
func TestTransportLeavesTheRequestAlone(t *testing.T) {
	transport := newTransport(t, network{"api.example": newServer().serve})
	r := httptest.NewRequest(http.MethodGet, apiURL, nil)
	r.Header.Set("Authorization", "Basic x")
	want := r.Header.Clone()
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode, "the token replaces what stood there")
	assert.Equal(t, want, r.Header)
	assert.Same(t, r, answer.Request)

	bare := &http.Request{Method: http.MethodGet, URL: r.URL} // no header at all
	answer, err = transport.RoundTrip(bare)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Nil(t, bare.Header)
}

func TestTransportClosesBodies(t *testing.T) {
	transport := newTransport(t, network{}) // no token endpoint
	body := &reader{Reader: strings.NewReader("body")}
	r := httptest.NewRequest(http.MethodPost, apiURL, body)
	r.Body = body
	_, err := transport.RoundTrip(r)
	require.ErrorContains(t, err, "no such host")
	assert.True(t, body.closed)

	s := newServer()
	var first *reader
	closes := roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := network{"api.example": s.serve}.RoundTrip(r)
		if response != nil && response.StatusCode == http.StatusUnauthorized {
			first = &reader{Reader: response.Body}
			response.Body = first
		}
		return response, err
	})
	c := &http.Client{Transport: newTransport(t, closes)}
	get(t, c, http.StatusOK)
	s.set(func(s *server) { s.current = "" })
	get(t, c, http.StatusOK)
	assert.True(t, first.closed, "the answer that was not handed out")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransportSurvivesAPanic(t *testing.T) {
	c := &http.Client{Transport: newTransport(t, roundTripper(func(*http.Request) (*http.Response, error) { panic("a secret") }))}
	_, err := c.Get(apiURL)
	require.ErrorContains(t, err, "the transport panicked")
	assert.NotContains(t, err.Error(), "a secret")
}

// What the endpoints of an issuer answer, and what others might.
func TestTransportReadsAnswers(t *testing.T) {
	now := time.Now()
	hour := now.Add(time.Hour).Unix()
	for _, row := range []struct {
		name, answer, date string
		wantToken, wantErr string
	}{
		{"POST /auth/token", fmt.Sprintf(`{"token":"t","expiresAt":%d,"tokenType":"Bearer"}`, hour), "", "t", ""},
		{"POST /auth/login", `{"access_token":"t","token_type":"Bearer","expires_in":7200}`, "", "t", ""},
		{"POST /oauth/token", `{"access_token":"t","token_type":"bearer","expires_in":3600,"scope":"a"}`, "", "t", ""},
		{"a clock that is two hours behind ours", fmt.Sprintf(`{"token":"t","expiresAt":%d,"tokenType":"Bearer"}`, hour-7200), now.Add(-2 * time.Hour).UTC().Format(http.TimeFormat), "t", ""},
		{"a clock that is not told", fmt.Sprintf(`{"token":"t","expiresAt":%d,"tokenType":"Bearer"}`, hour), "now", "t", ""},
		{"expired", fmt.Sprintf(`{"token":"t","expiresAt":%d,"tokenType":"Bearer"}`, hour-7200), "", "", "no time left"},
		{"no lifetime", `{"access_token":"t","token_type":"Bearer"}`, "", "t", ""},
		{"a lifetime in quotes", `{"access_token":"t","token_type":"Bearer","expires_in":"3600"}`, "", "t", ""},
		{"a lifetime with a fraction", `{"access_token":"t","token_type":"Bearer","expires_in":3600.5}`, "", "t", ""},
		{"a lifetime of nothing", `{"access_token":"t","token_type":"Bearer","expires_in":0}`, "", "", "no time left"},
		{"a negative lifetime", `{"access_token":"t","token_type":"Bearer","expires_in":-3600}`, "", "", "no time left"},
		{"a lifetime beyond numbers", `{"access_token":"t","token_type":"Bearer","expires_in":1e999}`, "", "", "no time left"},
		{"a lifetime that is no number", `{"access_token":"t","token_type":"Bearer","expires_in":"NaN"}`, "", "", "JSON as expected"},
		{"a long lifetime", `{"access_token":"t","token_type":"Bearer","expires_in":9223372036854775807}`, "", "t", ""},
		{"no token", `{"token_type":"Bearer","expires_in":3600}`, "", "", "without a token"},
		{"no text of a token", `{"access_token":"t\r\nX-Evil: 1","token_type":"Bearer","expires_in":3600}`, "", "", "without a token"},
		{"DEL in the token", "{\"access_token\":\"t\x7f\",\"token_type\":\"Bearer\",\"expires_in\":3600}", "", "", "without a token"},
		{"a space in the token", `{"access_token":"t t","token_type":"Bearer","expires_in":3600}`, "", "", "without a token"},
		{"a tilde in the token", `{"access_token":"t~","token_type":"Bearer","expires_in":3600}`, "", "t~", ""},
		{"another type", `{"access_token":"t","token_type":"DPoP","expires_in":3600}`, "", "", "another type"},
		{"not JSON", `access_token=t`, "", "", "JSON as expected"},
		{"a number for a token", `{"access_token":1,"token_type":"Bearer","expires_in":3600}`, "", "", "JSON as expected"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var seen string
			c := &http.Client{Transport: newTransport(t, network{"api.example": func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/auth/token" {
					seen = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
					return
				}
				if row.date != "" {
					w.Header().Set("Date", row.date)
				}
				fmt.Fprint(w, row.answer)
			}})}
			answer, err := c.Get(apiURL)
			assert.Equal(t, row.wantToken, seen)
			if row.wantErr != "" {
				assert.ErrorContains(t, err, row.wantErr)
				return
			}
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		})
	}
}

func TestSources(t *testing.T) {
	for _, row := range []struct {
		name                      string
		source                    client.Source
		wantType, wantAuth, wants string
	}{
		{"a credential", client.Credential(tokenURL, "key", "secret"), "application/json", "", `{"apiKey":"key","apiSecret":"secret"}`},
		{"a session", client.Session(tokenURL, "key", "s"), "application/json", "", `{"api_key":"key","session_id":"s"}`},
		{"the default session", client.Session(tokenURL, "key", ""), "application/json", "", `{"api_key":"key"}`},
		{"a client", client.ClientCredentials(tokenURL, "a:b", "c%d+é"), "application/x-www-form-urlencoded", "a%3Ab:c%25d%2B%C3%A9", "grant_type=client_credentials"},
		{"a client with scopes", client.ClientCredentials(tokenURL, "a", "b", "read", "write"), "application/x-www-form-urlencoded", "a:b", "grant_type=client_credentials&scope=read+write"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			transport, err := client.New(client.Config{Source: row.source, Base: network{"api.example": func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					got = r
					body, _ = io.ReadAll(r.Body)
				}
				fmt.Fprint(w, `{"access_token":"t","token_type":"bearer","expires_in":60}`)
			}}})
			require.NoError(t, err)
			get(t, &http.Client{Transport: transport}, http.StatusOK)
			assert.Equal(t, row.wants, string(body))
			assert.Equal(t, row.wantType, got.Header.Get("Content-Type"))
			id, secret, ok := got.BasicAuth()
			assert.Equal(t, row.wantAuth != "", ok)
			if ok {
				assert.Equal(t, row.wantAuth, id+":"+secret)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, row := range []struct {
		name, url string
		origins   []string
		wantErr   string // "": none
	}{
		{"https", tokenURL, nil, ""},
		{"localhost", "http://localhost:8080/auth/token", nil, ""},
		{"127.0.0.1", "http://127.0.0.1:8080/auth/token", nil, ""},
		{"::1", "http://[::1]:8080/auth/token", nil, ""},
		{"origins", tokenURL, []string{"https://api.example", "https://b.example:8443"}, ""},
		{"no URL", "", nil, "Source: there is none"},
		{"http", "http://api.example/auth/token", nil, "Source: the URL is not https"},
		{"another scheme", "ftp://api.example/", nil, "not https"},
		{"http to an address of the network", "http://192.0.2.1/auth/token", nil, "Source: the URL is not https"},
		{"http to the private network", "http://10.0.0.1/auth/token", nil, "Source: the URL is not https"},
		{"another scheme to localhost", "ftp://localhost/", nil, "not https"},
		{"a fragment", "https://api.example/#a", nil, "a fragment"},
		{"an origin with a query", tokenURL, []string{"https://api.example?a"}, "Origins[0]: an origin has no path"},
		{"no host", "/auth/token", nil, "not the text of an absolute URL"},
		{"a password", "https://u:hunter22@api.example/", nil, "has a user"},
		{"what is no URL", "https://hunter22\n", nil, "not the text"},
		{"an origin without TLS", tokenURL, []string{"https://api.example", "http://b.example"}, "Origins[1]: the URL is not https"},
		{"an origin with a path", tokenURL, []string{"https://api.example/v1"}, "Origins[0]: an origin has no path"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := client.New(client.Config{Source: client.Credential(row.url, "key", "secret"), Origins: row.origins})
			if row.wantErr == "" {
				assert.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.wantErr)
			assert.NotContains(t, err.Error(), "hunter22")
		})
	}
}

// With Origins, the token goes to these, and to the Source's own only if it is one
// of them.
func TestTransportOrigins(t *testing.T) {
	s, got := newServer(), map[string]string{}
	api := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/token" {
			s.serve(w, r)
			return
		}
		got[r.URL.Host] = r.Header.Get("Authorization")
	}
	transport, err := client.New(client.Config{
		Source:  client.Credential(tokenURL, apiKey, "a secret"),
		Origins: []string{"https://a.example", "https://b.example:8443"},
		Base:    network{"api.example": api, "a.example": api, "b.example:8443": api, "b.example": api},
	})
	require.NoError(t, err)
	c := &http.Client{Transport: transport}
	for _, host := range []string{"a.example", "b.example:8443", "b.example", "api.example"} {
		r, err := c.Get("https://" + host + "/v1")
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
	}
	assert.Equal(t, map[string]string{
		"a.example": "Bearer token-1", "b.example:8443": "Bearer token-1", "b.example": "", "api.example": "",
	}, got)
}

// Neither the secret nor the token shows, however a value is printed.
func TestTransportHidesItself(t *testing.T) {
	s := newServer()
	transport := newTransport(t, network{"api.example": s.serve})
	get(t, &http.Client{Transport: transport}, http.StatusOK)
	type holder struct {
		hidden *http.Client
		source client.Source
		Config client.Config
	}
	source := client.Credential(tokenURL, apiKey, "a secret")
	h := holder{&http.Client{Transport: transport}, source, client.Config{Source: source}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb, transport)
		fmt.Fprintf(&out, verb, source)
		fmt.Fprintf(&out, verb, h)
	}
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.Info("x", "transport", transport, "source", source, "config", h.Config)
	text, err := json.Marshal(h.Config.Source)
	require.NoError(t, err)
	out.Write(text)
	assert.NotEmpty(t, out.String())
	for _, secret := range []string{"a secret", apiKey, "token-1", fmt.Sprintf("%x", "a secret")} {
		assert.NotContains(t, out.String(), secret)
	}
}

func TestTransportClosesIdleConnections(t *testing.T) {
	closed := false
	base := idle{roundTripper(nil), func() { closed = true }}
	(&http.Client{Transport: newTransport(t, base)}).CloseIdleConnections()
	assert.True(t, closed)
	newTransport(t, network{}).CloseIdleConnections() // a base that has none
}

type idle struct {
	http.RoundTripper
	close func()
}

func (i idle) CloseIdleConnections() { i.close() }

// Over a real connection, with TLS.
func TestTransportOverTLS(t *testing.T) {
	s := newServer()
	api := httptest.NewTLSServer(http.HandlerFunc(s.serve))
	defer api.Close()
	transport, err := client.New(client.Config{
		Source: client.Credential(api.URL+"/auth/token", apiKey, "a secret"), Base: api.Client().Transport,
	})
	require.NoError(t, err)
	c := &http.Client{Transport: transport}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			r, err := c.Post(api.URL+"/v1/tokens", "text/plain", strings.NewReader("body"))
			if assert.NoError(t, err) {
				assert.Equal(t, http.StatusOK, r.StatusCode)
				assert.NoError(t, r.Body.Close())
			}
		})
	}
	all.Wait()
	assert.Equal(t, 1, s.fetched())
}

func TestTransportTellsWhatFailed(t *testing.T) {
	down := errors.New("connection refused")
	c := &http.Client{Transport: newTransport(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, down }))}
	_, err := c.Get(apiURL)
	assert.ErrorIs(t, err, down)
}
