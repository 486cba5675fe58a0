package jwks_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/blockauth/bearer/jwks"
)

// A redirect is followed a few times, and to where the set could stand as well.
func TestRedirects(t *testing.T) {
	for _, row := range []struct {
		name string
		hops []string // the first is configured, the last has the set
		want answer
	}{
		{"none", []string{setURL}, good},
		{"one", []string{setURL, "https://b.test/"}, good},
		{"three", []string{setURL, "https://b.test/", "https://c.test/", "https://d.test/"}, good},
		{"four", []string{setURL, "https://b.test/", "https://c.test/", "https://d.test/", "https://e.test/"}, outage},
		{"to http", []string{setURL, "http://issuer.test/keys"}, outage},
		{"to http by https", []string{setURL, "https://b.test/", "http://issuer.test/keys"}, outage},
		{"to http at a loopback address", []string{setURL, "http://127.0.0.1/keys"}, outage},
		{"to a user", []string{setURL, "https://me@b.test/"}, outage},
		{"from a loopback address to another", []string{"http://127.0.0.1/", "http://localhost/"}, good},
		{"from a loopback address to https", []string{"http://127.0.0.1/", setURL}, good},
		{"from a loopback address to http elsewhere", []string{"http://127.0.0.1/", "http://b.test/"}, outage},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, err := jwks.New(t.Context(), jwks.Config{URL: row.hops[0], Client: redirecting(row.hops)})
				require.NoError(t, err)
				assert.Equal(t, row.want, askFor(keys, "a"))
			})
		})
	}
}

// A redirect tells the next server nothing of the URL before.
func TestRedirectsSendNoReferer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		client := redirecting([]string{setURL + "?token=secret", "https://b.test/", "https://c.test/"})
		next := client.Transport
		client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.Host)
			assert.Empty(t, r.Header.Values("Referer"), r.URL.Host)
			return next.RoundTrip(r)
		})
		keys, err := jwks.New(t.Context(), jwks.Config{URL: setURL + "?token=secret", Client: client})
		require.NoError(t, err)
		assert.Equal(t, good, askFor(keys, "a"))
		assert.Equal(t, []string{"issuer.test", "b.test", "c.test"}, asked)
	})
}

// redirecting returns a client of servers each of which leads to the next.
func redirecting(hops []string) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r}
		answer.Body = io.NopCloser(strings.NewReader(setOf(rsaJWK("a"))))
		for n, hop := range hops[:len(hops)-1] {
			if hop == r.URL.String() {
				answer.StatusCode = http.StatusFound
				answer.Header.Set("Location", hops[n+1])
			}
		}
		return answer, nil
	})}
}

// The client's own rule for redirects holds as well.
func TestClientsOwnRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := redirecting([]string{setURL, "https://b.test/"})
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		keys, err := jwks.New(t.Context(), jwks.Config{URL: setURL, Client: client})
		require.NoError(t, err)
		assert.Equal(t, outage, askFor(keys, "a"))
	})
}

// Over TLS: a certificate that the client trusts, and one that it does not.
func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain") // is not judged
		fmt.Fprint(w, setOf(rsaJWK("a")))
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	for name, row := range map[string]struct {
		client *http.Client
		want   answer
	}{
		"trusted":     {server.Client(), good},
		"not trusted": {nil, outage},
	} {
		keys, err := jwks.New(t.Context(), jwks.Config{URL: server.URL, Client: row.client})
		require.NoError(t, err)
		assert.Equal(t, row.want, askFor(keys, "a"), name)
	}
}

// A body without an end, and one that trickles.
func TestBodiesWithoutEnd(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"fast": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		},
		"slow": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			keys, err := jwks.New(t.Context(), jwks.Config{URL: server.URL, Timeout: 200 * time.Millisecond})
			require.NoError(t, err)
			assert.Equal(t, outage, askFor(keys, "a"))
		})
	}
}

// A header of more than 64 KiB, and one below.
func TestLongHeaders(t *testing.T) {
	for _, row := range []struct {
		name string
		size int
		want answer
	}{
		{"60 KiB", 60 << 10, good},
		{"70 KiB", 70 << 10, outage},
		{"1 MiB", 1 << 20, outage},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Long", strings.Repeat("x", row.size))
				fmt.Fprint(w, setOf(rsaJWK("a")))
			}))
			defer server.Close()
			keys, err := jwks.New(t.Context(), jwks.Config{URL: server.URL})
			require.NoError(t, err)
			assert.Equal(t, row.want, askFor(keys, "a"))
		})
	}
}

// What Observe is told.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer(rsaJWK("a"), jwkOf("b", &shortRSA().PublicKey, nil))
		i.setDelay(time.Second)
		var told []jwks.Fetch
		keys, _ := newSource(t, i, jwks.Config{Observe: func(f jwks.Fetch) { told = append(told, f) }})
		assert.Equal(t, good, askFor(keys, "a"))
		assert.Equal(t, unknown, askFor(keys, "made up"))
		synctest.Wait()
		assert.Equal(t, []jwks.Fetch{
			{Duration: time.Second, Keys: 1, Ignored: 1},
			{Duration: time.Second, Keys: 1, Ignored: 1, OnDemand: true},
		}, told)
		i.setDown(true)
		assert.Equal(t, unknown, askFor(keys, "made up"))
		synctest.Wait()
		require.Len(t, told, 3)
		assert.True(t, told[2].OnDemand)
		assert.ErrorContains(t, told[2].Err, "jwks: https://issuer.test/keys: connection refused")
	})
}
