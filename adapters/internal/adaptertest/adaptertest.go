// Package adaptertest has what the tests of the adapters share: requests over
// connections, and what every framework has to answer. The functions that a
// test hands in build the framework's application.
//
// What an adapter has to do under any framework, bearertest.TestMiddleware
// says. This is about an adapter among the framework's other parts.
package adaptertest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
)

// NewGuard returns a guard, and a key with tokens:read that it lets in.
func NewGuard(t *testing.T, c bearer.Config) (g *bearer.Guard, key string) {
	t.Helper()
	keys := new(bearertest.Keys)
	c.Keys = keys
	g, err := bearer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g, keys.Issue(bearer.Key{ID: "reader", Scopes: "tokens:read"})
}

// Origin is the origin that all requests come from, for tests of CORS.
const Origin = "https://app.example"

// Send sends h a request over a connection, with the credential if it is not
// "", and records the answer. The status is 0 if there was none.
func Send(h http.Handler, method, path, credential string) *httptest.ResponseRecorder {
	server := httptest.NewServer(h)
	defer server.Close()
	r := request(server, method, path, credential)
	w := httptest.NewRecorder()
	answer, err := server.Client().Transport.RoundTrip(r)
	if err != nil {
		w.Code = 0
		return w
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
	return w
}

func request(server *httptest.Server, method, path, credential string) *http.Request {
	r := bearertest.Request(method, server.URL+path, credential)
	r.RequestURI = "" // a client's request has none
	r.Header.Set("Origin", Origin)
	return r
}

// connect sends h a GET request, and returns the body as it comes.
func connect(t *testing.T, h http.Handler, path, credential string) io.Reader {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := &http.Client{Timeout: 10 * time.Second} // a failure must not hang
	answer, err := client.Do(request(server, http.MethodGet, path, credential))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.Body
}

// equal reports what differs from what was wanted.
func equal[T comparable](t *testing.T, what string, want, got T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
