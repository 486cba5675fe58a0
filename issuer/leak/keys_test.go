package leak_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer"
	"github.com/blockauth/bearer/issuer/leak"
)

// by returns an empty message, signed by a key.
func (w *world) by(id string, key *ecdsa.PrivateKey) *http.Request {
	return messageOf("[]", id, signed(w.t, key, "[]"))
}

// try sends an empty message that is signed by a key of GitHub's, and returns the
// status.
func (w *world) try(id string) int { return w.send(w.by(id, w.github.keys[id])).Code }

// TestKeyRotation proves that a new key is good at once, and an old one as long as
// GitHub publishes it, current or not.
func TestKeyRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.github.first
		assert.Equal(t, http.StatusOK, w.try(first))
		second := w.github.add(elliptic.P256())
		assert.Equal(t, http.StatusOK, w.try(second))
		assert.Equal(t, http.StatusOK, w.try(first))
		assert.Equal(t, int32(2), w.github.fetches.Load())
		key := w.github.remove(first)
		time.Sleep(59*time.Minute + 59*time.Second)
		assert.Equal(t, http.StatusOK, w.send(w.by(first, key)).Code, "as it was fetched")
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusForbidden, w.send(w.by(first, key)).Code)
		assert.Equal(t, http.StatusOK, w.try(second))
	})
}

// TestForgedIdentifiers proves that a flood of identifiers costs four fetches and
// then twelve an hour, and does not keep out what is good.
func TestForgedIdentifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		forger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		for n := range 3600 {
			assert.Equal(t, http.StatusForbidden, w.send(w.by(fmt.Sprint(n), forger)).Code)
			if n%600 == 0 {
				assert.Equal(t, http.StatusOK, w.try(w.github.first))
			}
			time.Sleep(time.Second)
		}
		assert.Equal(t, int32(4+11), w.github.fetches.Load())
	})
}

// TestFetchFails proves that messages are an outage while no keys could be fetched,
// with fetches that become rare; and that old keys are good for a day.
func TestFetchFails(t *testing.T) {
	answers := map[string]func(r *http.Request) (*http.Response, error){
		"no connection": func(*http.Request) (*http.Response, error) { return nil, errBroken },
		"a panic":       func(*http.Request) (*http.Response, error) { panic("x") },
		"403":           func(*http.Request) (*http.Response, error) { return response(403, `{"message":"rate limit"}`), nil },
		"500":           func(*http.Request) (*http.Response, error) { return response(500, ""), nil },
		"a redirect": func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Host, "evil") {
				panic("followed")
			}
			answer := response(302, "")
			answer.Header.Set("Location", "https://evil.example/keys")
			return answer, nil
		},
		"garbage":  func(*http.Request) (*http.Response, error) { return response(200, "<html>"), nil },
		"an array": func(*http.Request) (*http.Response, error) { return response(200, "[]"), nil },
		"no keys":  func(*http.Request) (*http.Response, error) { return response(200, `{"public_keys":[]}`), nil },
		"a huge body": func(*http.Request) (*http.Response, error) {
			return response(200, `{"public_keys":[`+strings.Repeat(" ", 1<<20)+`]}`), nil
		},
		"an endless body": func(*http.Request) (*http.Response, error) {
			answer := response(200, "")
			answer.Body = io.NopCloser(endless{})
			return answer, nil
		},
		"half a body": func(*http.Request) (*http.Response, error) {
			answer := response(200, "")
			answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"public_keys":`), broken{}))
			return answer, nil
		},
		"it hangs": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.github.fails(answer)
				start := time.Now()
				rec := w.send(w.message("[]"))
				assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
				code, reason, _ := refusal(t, rec)
				assert.Equal(t, "service_unavailable keys_unavailable", code+" "+reason)
				assert.Equal(t, "10", rec.Header().Get("Retry-After"))
				assert.LessOrEqual(t, time.Since(start), 5*time.Second)
				for range 360 {
					time.Sleep(10 * time.Second)
					assert.Equal(t, http.StatusServiceUnavailable, w.try(w.github.first))
				}
				assert.LessOrEqual(t, w.github.fetches.Load(), int32(17), "in an hour")

				w.github.fails(nil)
				time.Sleep(5 * time.Minute)
				assert.Equal(t, http.StatusOK, w.try(w.github.first))
				w.github.fails(answer)
				for range 23 {
					time.Sleep(time.Hour)
					assert.Equal(t, http.StatusOK, w.try(w.github.first))
				}
				assert.Equal(t, http.StatusServiceUnavailable, w.send(w.by("f00", w.github.keys[w.github.first])).Code, "it may be good")
				time.Sleep(time.Hour)
				assert.Equal(t, http.StatusServiceUnavailable, w.try(w.github.first))
				w.github.fails(nil)
				time.Sleep(5 * time.Minute)
				assert.Equal(t, http.StatusOK, w.try(w.github.first))
			})
		})
	}
}

// An endless body never ends, and a broken one ends with an error.
type (
	endless struct{}
	broken  struct{}
)

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (broken) Read([]byte) (int, error)    { return 0, errBroken }

// TestSlowFetch proves that all wait for one fetch, that none begins another, and
// that the leaving of the first does not end it.
func TestSlowFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		set := w.github.set()
		w.github.fails(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(3 * time.Second):
				return response(200, set), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			assert.Equal(t, http.StatusServiceUnavailable, w.send(w.message("[]").WithContext(ctx)).Code)
		})
		synctest.Wait()
		for range 100 {
			all.Go(func() { assert.Equal(t, http.StatusOK, w.try(w.github.first)) })
		}
		cancel()
		all.Wait()
		assert.Equal(t, int32(1), w.github.fetches.Load())
	})
}

// TestFetchRequest proves what is sent to GitHub.
func TestFetchRequest(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.github.Token = "ghp_x" })
	require.Equal(t, http.StatusOK, w.try(w.github.first))
	r := w.github.asked[0]
	assert.Equal(t, "GET https://api.github.com/meta/public_keys/secret_scanning", r.Method+" "+r.URL.String())
	assert.Equal(t, "Bearer ghp_x", r.Header.Get("Authorization"))
	assert.NotEmpty(t, r.Header.Get("User-Agent"))
}

// TestKeySets proves which of the keys in a set are used.
func TestKeySets(t *testing.T) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	bits, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good, another, rsaKey := publicPEM(t, own.Public()), publicPEM(t, other.Public()), publicPEM(t, bits.Public())
	type key = map[string]any
	var many []key
	for i := range 200 {
		many = append(many, key{"key_identifier": fmt.Sprint(i), "key": another})
	}
	for _, test := range []struct {
		name   string
		keys   []key
		status int
	}{
		{"it alone", []key{{"key_identifier": "a", "key": good, "is_current": true}}, 200},
		{"it, not current", []key{{"key_identifier": "a", "key": good, "is_current": false}}, 200},
		{"beside broken ones", []key{
			{"key_identifier": "b", "key": "x"}, {"key_identifier": "c"}, {"key_identifier": "d", "key": rsaKey},
			{"key_identifier": "e", "key": strings.Replace(good, "PUBLIC", "PRIVATE", 2)},
			{"key_identifier": "f", "key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
			{"key_identifier": "a", "key": good},
		}, 200},
		{"under another identifier", []key{{"key_identifier": "A", "key": good}}, 403},
		{"after another with its identifier", []key{{"key_identifier": "a", "key": another}, {"key_identifier": "a", "key": good}}, 403},
		{"before another with its identifier", []key{{"key_identifier": "a", "key": good}, {"key_identifier": "a", "key": another}}, 200},
		{"behind a hundred", append(many, key{"key_identifier": "a", "key": good}), 403},
		{"only RSA", []key{{"key_identifier": "a", "key": rsaKey}}, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			set, err := json.Marshal(map[string]any{"public_keys": test.keys})
			require.NoError(t, err)
			w.github.fails(func(*http.Request) (*http.Response, error) { return response(200, string(set)), nil })
			assert.Equal(t, test.status, w.send(w.by("a", own)).Code)
		})
	}
}

// TestServer proves that all works over connections: with a server of keys that
// the default client asks, and a body that takes longer to come than a server
// waits for its handler.
func TestServer(t *testing.T) {
	g := newGitHub(t)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, g.set()) }))
	defer keys.Close()
	w := newWorld(t, func(s *setup) { s.github = leak.GitHubConfig{KeysURL: keys.URL} })
	w.github = g
	text, _ := w.create(bearer.SecretKey)
	server := httptest.NewUnstartedServer(w.scanner)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	message := w.message(matches(text))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, &slowly{data: []byte(matches(text))})
	require.NoError(t, err)
	r.Header = message.Header
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answer.StatusCode, string(body))
	assert.Contains(t, string(body), truePositive)
	assert.Equal(t, http.StatusUnauthorized, w.check(text))
}

// slowly is a body that takes 100 ms.
type slowly struct{ data []byte }

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	time.Sleep(10 * time.Millisecond)
	n := copy(p, s.data[:(len(s.data)+9)/10])
	s.data = s.data[n:]
	if len(s.data) < 10 {
		n += copy(p[n:], s.data)
		s.data = nil
	}
	return n, nil
}
