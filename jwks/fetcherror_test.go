package jwks_test

import (
	"errors"
	"fmt"
	"net"
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

// Errors tell what was wrong in few words, and neither bodies nor queries, in
// which there may be secrets.
func TestErrors(t *testing.T) {
	const secret = "SECRET"
	for _, row := range []struct {
		name   string
		change func(*issuer)
		want   string
	}{
		{"a status", func(i *issuer) { i.status = http.StatusTeapot }, "status 418"},
		{"no JSON", func(i *issuer) {}, "the answer is no JWK Set"},
		{"no set", func(i *issuer) { i.bodies[setURL+"?q="+secret] = `"` + secret + `"` }, "the answer is no JWK Set"},
		{"no keys", func(i *issuer) { i.bodies[setURL+"?q="+secret] = `{"keys":[{"kid":"` + secret + `"}]}` }, "none of the 1 keys"},
		{"no connection", func(i *issuer) { i.err = errors.New("refused") }, "refused"},
		{"no connection to a long name", func(i *issuer) { i.err = errors.New(strings.Repeat("x", 1<<20)) }, "xxx"},
		{"no connection, of two lines", func(i *issuer) { i.err = errors.New("refused\nby the peer") }, "refused.by the peer"},
		{"no connection to a URL", func(i *issuer) { i.err = errors.New("refused: https://b.test/?q=" + secret) }, "refused: https://b.test/"},
		{"a redirect to what is no URL", func(i *issuer) {
			i.status = http.StatusFound
			i.header.Set("Location", "https://b.test/%zz?q="+secret+strings.Repeat("x", 1<<16))
		}, "failed to parse Location header"},
		{"a redirect to http", func(i *issuer) {
			i.status = http.StatusFound
			i.header.Set("Location", "http://b.test/?q="+secret)
		}, "neither https"},
		{"a time-out", func(i *issuer) { i.delay = time.Hour }, "deadline exceeded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIssuer()
				i.bodies[setURL+"?q="+secret] = secret
				row.change(i)
				var told error
				keys, _ := newSource(t, i, jwks.Config{
					URL:     setURL + "?q=" + secret,
					Observe: func(f jwks.Fetch) { told = f.Err },
				})
				_, err := keys.Keyfunc(tokenOf("RS256", "kid-"+secret))
				assert.NotContains(t, err.Error(), secret)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				require.ErrorContains(t, told, row.want)
				assert.NotContains(t, told.Error(), secret)
				assert.LessOrEqual(t, len(told.Error()), 2*200+10)
			})
		})
	}
}

// What is no HTTP is quoted by net/http, and not shown.
func TestErrorsOfAnswersThatAreNoHTTP(t *testing.T) {
	const secret = "SECRET"
	for _, row := range []struct{ name, answer, want string }{
		{"another protocol", secret + strings.Repeat("y", 3000) + "\r\n\r\n", "malformed HTTP response"},
		{"a status that is none", "HTTP/1.1 5" + secret + " OK\r\n\r\n", "malformed HTTP status code"},
		{"a header without a colon", "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n", "malformed MIME header"},
		{"nothing", "", "EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				var connection net.Conn
				connection, _, err := http.NewResponseController(w).Hijack()
				if assert.NoError(t, err) {
					fmt.Fprint(connection, row.answer)
					_ = connection.Close()
				}
			}))
			defer server.Close()
			told := make(chan jwks.Fetch, 100)
			_, err := jwks.New(t.Context(), jwks.Config{URL: server.URL, Observe: func(f jwks.Fetch) { told <- f }})
			require.NoError(t, err)
			text := (<-told).Err.Error()
			assert.Contains(t, text, row.want)
			assert.NotContains(t, text, secret)
		})
	}
}

// A URL that the metadata name is shown in part; a panic as well.
func TestErrorsAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.bodies[issuerURL+"/.well-known/openid-configuration"] = `{"issuer":"` + issuerURL + `","jwks_uri":"https://b.test/` +
			strings.Repeat("x", 1<<19) + `"}`
		var told error
		_, _ = newSource(t, i, jwks.Config{Issuer: issuerURL, Observe: func(f jwks.Fetch) { told = f.Err }})
		synctest.Wait()
		require.ErrorContains(t, told, "status 404")
		assert.LessOrEqual(t, len(told.Error()), 2*200+10)

		_, err := jwks.New(t.Context(), jwks.Config{
			URL:     setURL,
			Client:  &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { panic(strings.Repeat("x", 1<<20)) })},
			Observe: func(f jwks.Fetch) { told = f.Err },
		})
		require.NoError(t, err)
		synctest.Wait()
		require.ErrorContains(t, told, "jwks: panic: xxx")
		assert.LessOrEqual(t, len(told.Error()), 200+10)
	})
}
