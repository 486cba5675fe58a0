package recipes_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const soon = 5 * time.Millisecond // between two looks at a credential

func TestSocket(t *testing.T) {
	var keys bearertest.Keys
	limiter := new(bearertest.Limiter)
	guard := newGuard(t, bearer.Config{Keys: &keys, Credential: recipes.Subprotocol, Limiter: limiter})
	events := make(chan string)
	server := httptest.NewServer(guard.Handler(recipes.Socket(guard, events, soon)))
	defer server.Close()
	dial := func(offers ...string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{Subprotocols: offers})
	}
	_, answer, err := dial("acme.v1")
	require.Error(t, err)
	assert.Equal(t, 401, answer.StatusCode, "no key")
	_, answer, err = dial("acme.v1", "bearer.sk_test_1")
	require.Error(t, err)
	assert.Equal(t, 401, answer.StatusCode, "a wrong key")

	key := keys.Issue(bearer.Key{ID: "key_1"})
	c, answer, err := dial("acme.v1", "bearer."+key)
	require.NoError(t, err)
	assert.Equal(t, "acme.v1", answer.Header.Get("Sec-WebSocket-Protocol"), "the key is not repeated")
	events <- "hello"
	_, text, err := c.Read(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "hello", string(text))

	keys.Revoke("key_1")
	_, _, err = c.Read(t.Context())
	assert.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err))
	assert.ErrorContains(t, err, "unauthorized")
	assert.Len(t, limiter.Takes(), 1, "a stream is charged once")
}

func TestEvents(t *testing.T) {
	var keys bearertest.Keys
	guard := newGuard(t, bearer.Config{Keys: &keys})
	events := make(chan string)
	server := httptest.NewServer(guard.Handler(recipes.Events(guard, events, soon)))
	defer server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+keys.Issue(bearer.Key{ID: "key_1"}))
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	events <- "hello"
	require.True(t, lines.Scan())
	assert.Equal(t, "data: hello", lines.Text())
	require.True(t, lines.Scan())

	keys.Revoke("key_1")
	assert.False(t, lines.Scan(), "the stream ends")
	assert.NoError(t, lines.Err())
}
