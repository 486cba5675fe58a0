package recipes_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/bearertest"
	"github.com/blockauth/bearer/examples/recipes"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const soon = 50 * time.Millisecond // between two looks at a credential

// A topic hands each event to all of its subscriptions.
type topic struct {
	mu       sync.Mutex
	channels []chan string
	done     []<-chan struct{}
}

func (p *topic) subscribe(ctx context.Context) <-chan string {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := make(chan string)
	p.channels, p.done = append(p.channels, c), append(p.done, ctx.Done())
	return c
}

// publish waits until so many have subscribed. It reports whether one is still
// there.
func (p *topic) publish(t *testing.T, subscriptions int, event string) bool {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.channels) == subscriptions
	}, 10*time.Second, time.Millisecond)
	there := false
	for i, c := range p.channels {
		select {
		case c <- event:
			there = true
		case <-p.done[i]:
		case <-time.After(10 * time.Second):
			t.Fatal("a subscription is neither read nor ended")
		}
	}
	return there
}

func TestSocket(t *testing.T) {
	var keys bearertest.Keys
	var events topic
	limiter := new(bearertest.Limiter)
	guard := newGuard(t, bearer.Config{Keys: &keys, Credential: recipes.Subprotocol, Limiter: limiter})
	server := httptest.NewServer(guard.Handler(recipes.Socket(guard, events.subscribe, soon)))
	defer server.Close()
	dial := func(origin string, offers ...string) (*websocket.Conn, *http.Response, error) {
		options := &websocket.DialOptions{Subprotocols: offers, HTTPHeader: make(http.Header)}
		if origin != "" {
			options.HTTPHeader.Set("Origin", origin)
		}
		return websocket.Dial(t.Context(), server.URL, options)
	}
	pages := []string{"https://app.example"}
	key := keys.Issue(bearer.Key{ID: "key_1"})
	page := keys.Issue(bearer.Key{ID: "key_2", Kind: bearer.PublishableKey, AllowedOrigins: pages})
	for _, row := range []struct {
		name, origin string
		offers       []string
		want         int
	}{
		{"no key", "", []string{"acme.v1"}, 401},
		{"a wrong key", "", []string{"acme.v1", "bearer.sk_test_1"}, 401},
		{"a page of another origin", "https://evil.example", []string{"acme.v1", "bearer." + page}, 403},
	} {
		_, answer, err := dial(row.origin, row.offers...)
		require.Error(t, err, row.name)
		assert.Equal(t, row.want, answer.StatusCode, row.name)
	}

	var clients []*websocket.Conn
	for _, row := range []struct{ origin, key string }{{"", key}, {"https://app.example", page}} {
		c, answer, err := dial(row.origin, "acme.v1", "bearer."+row.key)
		require.NoError(t, err, "from %q", row.origin)
		assert.Equal(t, "acme.v1", answer.Header.Get("Sec-WebSocket-Protocol"), "the key is not repeated")
		clients = append(clients, c)
	}
	events.publish(t, 2, "hello")
	for _, c := range clients {
		_, text, err := c.Read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "hello", string(text))
	}
	keys.Revoke("key_1")
	_, _, err := clients[0].Read(t.Context())
	assert.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err))
	assert.ErrorContains(t, err, "unauthorized")
	assert.Len(t, limiter.Takes(), 2, "a stream is charged once")
	assert.NoError(t, clients[1].Close(websocket.StatusNormalClosure, ""))
}

// openEvents opens a stream of server-sent events.
func openEvents(t *testing.T, server *httptest.Server, key string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestEvents(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var keys bearertest.Keys
		var events topic
		guard := newGuard(t, bearer.Config{Keys: &keys})
		server := httptest.NewUnstartedServer(guard.Handler(recipes.Events(guard, events.subscribe, soon)))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close) // after the streams are closed
		var streams []*bufio.Scanner
		for _, id := range []string{"key_1", "key_2"} {
			answer := openEvents(t, server, keys.Issue(bearer.Key{ID: id}))
			assert.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
			streams = append(streams, bufio.NewScanner(answer.Body))
		}
		for _, want := range []string{"hello", "again"} {
			time.Sleep(3 * soon) // a stream that waits does not end
			events.publish(t, 2, want)
			for _, lines := range streams {
				require.True(t, lines.Scan())
				assert.Equal(t, "data: "+want, lines.Text())
				require.True(t, lines.Scan())
			}
		}
		keys.Revoke("key_1")
		assert.False(t, streams[0].Scan(), "the stream ends")
		assert.NoError(t, streams[0].Err())
	}
}

// A client that does not read keeps no stream open, nor a revocation waiting.
func TestStreamsOfClientsThatDoNotRead(t *testing.T) {
	large := strings.Repeat("a", 1<<20)
	for _, name := range []string{"socket", "events"} {
		t.Run(name, func(t *testing.T) {
			var keys bearertest.Keys
			var events topic
			guard := newGuard(t, bearer.Config{Keys: &keys})
			stream := map[string]http.Handler{
				"socket": recipes.Socket(guard, events.subscribe, soon),
				"events": recipes.Events(guard, events.subscribe, soon),
			}[name]
			server := httptest.NewServer(guard.Handler(stream))
			key := keys.Issue(bearer.Key{ID: "key_1"})
			if name == "events" {
				openEvents(t, server, key)
			} else {
				_, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{
					HTTPHeader: http.Header{"Authorization": {"Bearer " + key}},
				})
				require.NoError(t, err)
			}
			for range 1000 {
				if !events.publish(t, 1, large) {
					server.Close()
					return
				}
			}
			t.Fatal("what is not read was sent")
		})
	}
}
