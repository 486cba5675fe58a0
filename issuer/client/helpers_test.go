package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer/issuer/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	tokenURL = "https://api.example/auth/token"
	apiURL   = "https://api.example/v1/tokens"
	apiKey   = "0b5a1d3e-8f3a-4c64-9d0f-6f2f1c2b3a49"
)

// A network is hosts that answer without a connection, so that time can be
// faked.
type network map[string]http.HandlerFunc

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody // as a server has it
	}
	defer r.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	handler, ok := n[r.URL.Host]
	if !ok {
		return nil, errors.New("no such host")
	}
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	handler(w, r)
	return w.Result(), nil
}

// A server issues tokens, and has an API that takes the last one.
type server struct {
	mu       sync.Mutex
	lifetime time.Duration
	status   int           // of the token endpoint; 0: 200
	wait     string        // its Retry-After
	takes    time.Duration // to answer a request for a token
	repeat   bool          // hands out the same token until it is revoked
	deaf     bool          // the API refuses every token

	fetches int    // requests for a token
	current string // the token that is good
	calls   []string
	bodies  []string
}

func newServer() *server { return &server{lifetime: time.Hour} }

func (s *server) set(change func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *server) fetched() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

// authorizations returns the Authorization fields that the API saw.
func (s *server) authorizations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/auth/token" {
		s.serveAPI(w, r)
		return
	}
	s.mu.Lock()
	takes := s.takes
	s.mu.Unlock()
	time.Sleep(takes) // faked
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	if s.status != 0 {
		w.Header().Set("Retry-After", s.wait)
		http.Error(w, "no", s.status)
		return
	}
	if !s.repeat || s.current == "" {
		s.current = fmt.Sprintf("token-%d", s.fetches)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"token": s.current, "expiresAt": time.Now().Add(s.lifetime).Unix(), "tokenType": "Bearer",
	})
}

func (s *server) serveAPI(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.bodies = append(s.calls, r.Header.Get("Authorization")), append(s.bodies, string(body))
	if s.deaf || r.Header.Get("Authorization") != "Bearer "+s.current {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, "ok")
}

// newTransport returns a transport over a network.
func newTransport(t *testing.T, base http.RoundTripper) *client.Transport {
	t.Helper()
	transport, err := client.New(client.Config{Source: client.Credential(tokenURL, apiKey, "a secret"), Base: base})
	require.NoError(t, err)
	return transport
}

func newClient(t *testing.T, s *server) *http.Client {
	t.Helper()
	return &http.Client{Transport: newTransport(t, network{"api.example": s.serve})}
}

// get asserts the status of an answer.
func get(t *testing.T, c *http.Client, wantStatus int) {
	t.Helper()
	r, err := c.Get(apiURL)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, wantStatus, r.StatusCode)
}
